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
    while True:
        epoch = (await registry.index()).epoch
        walk = _Walk(registry.submit, local)
        try:
            problems = await walk.visit(definition, chain, ())
        except CycleError:
            if registry.epoch == epoch:
                raise
            continue  # others published meanwhile: it may be of two halves that never were together
        if registry.epoch == epoch:
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
            call = await walk.look(definition, node, chain)
            if call.child is not None:
                await walk.visit(call.child, call.chain, (chain,))
        except CycleError as e:
            problems.append(Problem(node.line, 1, f"{node.id!r}: {e}"))
        else:
            problems += walk.told(call)
    return problems


class _Call(NamedTuple):
    """What a chain node comes to."""

    node: NodeDefinition
    chain: str
    """The one it calls, as it is named."""
    child: ChainDefinition | None
    """None if there is none such."""
    problems: list[Problem]
    """Of the call itself."""


class _Walk:
    """Down all that is called, each chain once. Not by recursion: what is published may go deeper than
    Python's stack."""

    def __init__(self, find: Callable[[Chain], Awaitable[Resolved]], local: Mapping[str, LocalChain]) -> None:
        self.pins: dict[str, Pin] = {}
        self._find = find
        self._local = local
        self._problems: dict[str, list[Problem]] = {}
        """Of the chains that were visited."""

    async def visit(self, definition: ChainDefinition, chain: str, above: tuple[str, ...]) -> list[Problem]:
        """What is wrong with a chain's calls, and with all below. Raises CycleError, NotTrusted."""
        path = list(above)
        calls: dict[str, list[_Call]] = {}
        todo: list[tuple[ChainDefinition | None, str]] = [(definition, chain)]
        while todo:
            at, name = todo.pop()
            if at is None:  # all below it is done
                self._problems[path.pop()] = [p for call in calls[name] for p in self.told(call)]
            elif name in path:
                raise CycleError([*path[path.index(name) :], name])
            elif name not in self._problems:
                path.append(name)
                calls[name] = [await self.look(at, node, name) for node in chain_nodes(at)]
                todo.append((None, name))
                todo += [(call.child, call.chain) for call in reversed(calls[name]) if call.child]
        return self._problems[chain]

    async def look(self, definition: ChainDefinition, node: NodeDefinition, chain: str) -> _Call:
        """What a chain node calls. Raises NotTrusted."""
        try:
            key, pin, child = await self._meant(str(node.options["ref"]), chain)
        except UnknownChain as e:
            return _Call(node, "", None, [Problem(node.line, 1, f"{node.id!r}: {e}")])
        self.pins[key] = pin
        return _Call(node, pin.chain, child, list(check_call(definition, node, child, pin.chain)))

    def told(self, call: _Call) -> list[Problem]:
        """What is wrong with a call, and with what it calls, which was visited; at the node's line."""
        node = call.node
        return call.problems + [
            Problem(node.line, 1, f"{node.id!r} calls {call.chain}, line {p.line}: {p.message}", p.hint)
            for p in self._problems.get(call.chain, ())
        ]

    async def _meant(self, ref: str, chain: str) -> tuple[str, Pin, ChainDefinition]:
        """Raises UnknownChain, NotTrusted."""
        own = self._local.get(ref) if "@#" in chain else None
        if own is not None:
            definition, name = await self._find(own.definition)
            return LOCAL + ref, Pin(definition.hash, name, dict(own.bindings)), definition
        found = await self._find(ref)
        return ref, Pin(found.definition.hash, found.ref), found.definition
