"""Pins: which version each reference of a run means, fixed when its root starts (SEMANTICS 45)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tinyflow_nb.errors import CycleError, DefinitionError, Problem, UnknownChain
from tinyflow_nb.language.calls import check_call

if TYPE_CHECKING:
    from tinyflow_nb.engine.registry import Registry
    from tinyflow_nb.model.definition import ChainDefinition, NodeDefinition

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


def chain_nodes(definition: ChainDefinition) -> list[NodeDefinition]:
    """The nodes that are other chains."""
    return [node for node in definition.nodes if node.type == "chain"]


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
        DefinitionError: a chain node names no chain, or does not fit the one it calls; with its line.
        CycleError: chains call each other in a circle.
        NotTrusted: one of them is published by somebody who is not trusted here.
    """
    if not chain_nodes(definition):
        return {}
    return await _Walk(registry, local).from_(definition, chain)


class _Walk:
    def __init__(self, registry: Registry, local: Mapping[str, LocalChain]) -> None:
        self._registry = registry
        self._local = local
        self._pins: dict[str, Pin] = {}
        self._done: set[str] = set()

    async def from_(self, definition: ChainDefinition, chain: str) -> dict[str, Pin]:
        await self._visit(definition, chain, ())
        return self._pins

    async def _visit(self, definition: ChainDefinition, chain: str, path: tuple[str, ...]) -> None:
        """Raises DefinitionError, CycleError, NotTrusted."""
        if chain in path:
            raise CycleError([*path[path.index(chain) :], chain])
        if chain in self._done:
            return
        path = (*path, chain)
        problems: list[Problem] = []
        for node in chain_nodes(definition):
            ref = str(node.options["ref"])
            try:
                key, pin, child = await self._find(ref, chain)
            except UnknownChain as e:
                problems.append(Problem(node.line, 1, f"{node.id!r}: {e}"))
                continue
            self._pins[key] = pin
            problems += check_call(definition, node, child, pin.chain)
            await self._visit(child, pin.chain, path)
        if problems:
            raise DefinitionError(problems, " > ".join(path))
        self._done.add(chain)

    async def _find(self, ref: str, chain: str) -> tuple[str, Pin, ChainDefinition]:
        """Raises UnknownChain."""
        own = self._local.get(ref) if "@#" in chain else None
        if own is not None:
            definition, name = await self._registry.submit(own.definition)
            return LOCAL + ref, Pin(definition.hash, name, dict(own.bindings)), definition
        found = await self._registry.submit(ref)
        return ref, Pin(found.definition.hash, found.ref), found.definition
