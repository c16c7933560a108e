"""Pins: which version each reference of a run means, fixed when its root starts (SEMANTICS 45)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tinyflow_nb.errors import CycleError, UnknownChain
from tinyflow_nb.model.reference import Reference

if TYPE_CHECKING:
    from tinyflow_nb.engine.registry import Registry
    from tinyflow_nb.model.definition import ChainDefinition

LOCAL = "="
"""Begins the key of a pin that only unpublished chains see: this notebook's own cells come first."""


class Pin(NamedTuple):
    """What a reference means."""

    definition: str
    """Hash."""
    chain: str
    """`name@3`, or `name@#1f2e3d4c`."""
    bindings: dict[str, Any] = {}


class LocalChain(NamedTuple):
    """A chain of the caller's own that is not published: a cell of the notebook."""

    definition: ChainDefinition
    bindings: Mapping[str, Any] = {}


def references(definition: ChainDefinition) -> tuple[str, ...]:
    """What its chain nodes refer to, each once."""
    found = (str(node.options["ref"]) for node in definition.nodes if node.type == "chain")
    return tuple(dict.fromkeys(found))


def pinned(context: Mapping[str, Any], chain: str, ref: str) -> Pin:
    """What a reference means in a run.

    Args:
        context: the run's.
        chain: the run's, as it is named.

    Raises:
        UnknownChain: it was not pinned: the run was not started by an executor of ours.
    """
    pins = context.get("pins", {})
    found = (pins.get(LOCAL + ref) if "@#" in chain else None) or pins.get(ref)
    if found is None:
        raise UnknownChain(f"{chain} refers to {ref!r}, which was not resolved when its run was started")
    return Pin(*found)


async def pin_all(
    registry: Registry, definition: ChainDefinition, chain: str, local: Mapping[str, LocalChain]
) -> dict[str, Pin]:
    """Everything a run may come to, by reference.

    Args:
        chain: how the run's own definition is named.
        local: chains that an unpublished one may mean by a bare name.

    Raises:
        UnknownChain: a reference means nothing; the message has the path to it.
        CycleError: chains call each other in a circle.
        NotTrusted: one of them is published by somebody who is not trusted here.
    """
    pins: dict[str, Pin] = {}
    done: set[str] = set()

    async def visit(definition: ChainDefinition, chain: str, path: tuple[str, ...]) -> None:
        if chain in path:
            raise CycleError([*path[path.index(chain) :], chain])
        if chain in done:
            return
        for ref in references(definition):
            key, pin, child = await _find(registry, ref, chain, local, (*path, chain))
            pins[key] = pin
            await visit(child, pin.chain, (*path, chain))
        done.add(chain)

    await visit(definition, chain, ())
    return pins


async def _find(
    registry: Registry, ref: str, chain: str, local: Mapping[str, LocalChain], path: tuple[str, ...]
) -> tuple[str, Pin, ChainDefinition]:
    parsed = Reference.parse(ref)
    if "@#" in chain and parsed is not None and ref == parsed.name and ref in local:
        own = local[ref]
        await registry.submit(own.definition)
        return (
            LOCAL + ref,
            Pin(own.definition.hash, own.definition.short_ref, dict(own.bindings)),
            own.definition,
        )
    try:
        found = await registry.submit(ref)
    except UnknownChain as e:
        raise UnknownChain(f"{' > '.join(path)} refers to {ref!r}: {e}") from None
    return ref, Pin(found.definition.hash, found.ref), found.definition
