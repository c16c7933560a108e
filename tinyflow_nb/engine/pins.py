"""Pins: which version each reference of a run means, fixed when its root starts (SEMANTICS 45)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tinyflow_nb.errors import CycleError, DefinitionError, Problem, UnknownChain
from tinyflow_nb.language.calls import check_call

if TYPE_CHECKING:
    from tinyflow_nb.engine.registry import Chain, Registry, Resolved
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
    walk = _Walk(registry.submit, local)
    problems = await walk.visit(definition, chain, ())
    if problems:
        raise DefinitionError(problems, chain)
    return walk.pins


async def call_problems(
    registry: Registry, definition: ChainDefinition, local: Mapping[str, LocalChain]
) -> list[Problem]:
    """What is wrong with the chains an unpublished definition calls, each at its chain node's line:
    names, inputs, circles. Only looks: nothing is stored or signed."""
    walk = _Walk(registry.resolve, local)
    chain = definition.short_ref
    problems: list[Problem] = []
    for node in chain_nodes(definition):
        try:
            problems += await walk.call(definition, node, chain, (chain,))
        except CycleError as e:
            problems.append(Problem(node.line, 1, f"{node.id!r}: {e}"))
    return problems


class _Walk:
    """Down all that is called, each chain once."""

    def __init__(self, find: Callable[[Chain], Awaitable[Resolved]], local: Mapping[str, LocalChain]) -> None:
        self.pins: dict[str, Pin] = {}
        self._find = find
        self._local = local
        self._problems: dict[str, list[Problem]] = {}
        """Of the chains that were visited."""

    async def visit(self, definition: ChainDefinition, chain: str, path: tuple[str, ...]) -> list[Problem]:
        """What is wrong with a chain's calls. Raises CycleError, NotTrusted."""
        if chain in path:
            raise CycleError([*path[path.index(chain) :], chain])
        if chain not in self._problems:
            problems: list[Problem] = []
            for node in chain_nodes(definition):
                problems += await self.call(definition, node, chain, (*path, chain))
            self._problems[chain] = problems
        return self._problems[chain]

    async def call(
        self, definition: ChainDefinition, node: NodeDefinition, chain: str, path: tuple[str, ...]
    ) -> list[Problem]:
        """What is wrong with one chain node, and with all below it. Raises CycleError, NotTrusted."""
        ref = str(node.options["ref"])
        try:
            key, pin, child = await self._meant(ref, chain)
        except UnknownChain as e:
            return [Problem(node.line, 1, f"{node.id!r}: {e}")]
        self.pins[key] = pin
        below = await self.visit(child, pin.chain, path)
        return [
            *check_call(definition, node, child, pin.chain),
            *(
                Problem(node.line, 1, f"{node.id!r} calls {pin.chain}, line {p.line}: {p.message}", p.hint)
                for p in below
            ),
        ]

    async def _meant(self, ref: str, chain: str) -> tuple[str, Pin, ChainDefinition]:
        """Raises UnknownChain, NotTrusted."""
        own = self._local.get(ref) if "@#" in chain else None
        if own is not None:
            definition, name = await self._find(own.definition)
            return LOCAL + ref, Pin(definition.hash, name, dict(own.bindings)), definition
        found = await self._find(ref)
        return ref, Pin(found.definition.hash, found.ref), found.definition
