"""What a unit was given: worked out from what is stored of its run, without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tinyflow_nb.engine.call import public_error
from tinyflow_nb.engine.items import TooManyItems, items_of
from tinyflow_nb.errors import ExpressionError
from tinyflow_nb.language.expressions import SkippedUsed, evaluate, names
from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.model.shape import shape_of
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import item_of, node_of

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition, NodeDefinition, Parameter
    from tinyflow_nb.model.state import ChainState, NodeState


class Given(NamedTuple):
    """One value a unit reads."""

    name: str
    source: str
    """Of its parameter; `node` for one that its prompt or an expression names besides."""
    reference: str
    value: Any = None
    known: bool = True
    why: str = ""
    """It is not known."""


def take_previous(previous: dict[str, Any], event: Event) -> None:
    """Keep by unit what its newest round was given of the round before; events come in order."""
    if event.type is EventType.NODE_STARTED:
        unit = event.node.partition("#")[0]
        previous.pop(unit, None)
        if "previous" in event.data:
            previous[unit] = event.data["previous"]


class _Unknown(Exception):
    """With the reason, for who reads it."""


class GivenValues:
    """Of one run, as it was read."""

    def __init__(
        self, definition: ChainDefinition, state: ChainState, previous: Mapping[str, Any] | None = None
    ) -> None:
        """
        Args:
            previous: by unit, the output of the round before its present one.
        """
        self._definition = definition
        self._state = state
        self._previous = previous or {}
        defaults = {i.name: i.default for i in definition.inputs if not i.required}
        self._inputs: dict[str, Any] = {**defaults, **state.inputs}
        self._items: dict[str, list[list[Any]]] = {}

    def of(self, unit: str) -> list[Given]:
        """Its parameters, then what its prompt or its expressions name besides.

        Raises:
            KeyError: the chain has no such node.
        """
        node = self._definition.node(node_of(unit))
        found = [self._given(node, p, unit) for p in node.parameters if p.source != "context"]
        named = {p.reference for p in node.parameters if p.source in ("node", "expression")}
        edges = [e for e in self._definition.edges if e.target == node.id and e.kind != "handler"]
        others = [id for id in dict.fromkeys(e.source for e in edges) if id not in named]
        return found + [self._of_node(node, id, id) for id in others]

    def _given(self, node: NodeDefinition, parameter: Parameter, unit: str) -> Given:
        name, source, reference = parameter.name, parameter.source, parameter.reference
        if source == "node":
            return self._of_node(node, name, reference)
        try:
            return Given(name, source, reference, self._value(node, source, reference, unit))
        except _Unknown as unknown:
            return Given(name, source, reference, None, False, str(unknown))

    def _value(self, node: NodeDefinition, source: str, reference: str, unit: str) -> Any:
        match source:
            case "input":
                if reference not in self._inputs:
                    raise _Unknown("not known yet")
                return self._inputs[reference]
            case "item":
                return self._variables(node, unit)[reference]
            case "previous":
                if unit not in self._previous:
                    raise _Unknown("nothing yet: the first round takes the default")
                return self._previous[unit]
            case "error":
                failed = self._failed(node.id)
                if failed is None:
                    raise _Unknown("nothing has failed")
                return public_error(failed.error)
            case _:
                return self._evaluated(node, reference, unit)

    def _of_node(self, node: NodeDefinition, name: str, id: str) -> Given:
        """As its consumers receive it: a handler's output, should one stand in."""
        source = self._speaker(id)
        if source is None or source.status is not Status.SUCCEEDED:
            word = source.status.value.lower() if source is not None else "not known"
            return Given(name, "node", id, None, False, word)
        first = self._first(node)
        if first and id != first and any(p.reference == id for p in node.parameters):
            return Given(name, "node", id, None, False, f"{first} came first")
        return Given(name, "node", id, source.output)

    def _speaker(self, id: str) -> NodeState | None:
        node = self._state.nodes.get(id)
        while node is not None and node.status is Status.FAILED and node.handled_by:
            node = self._state.nodes.get(node.handled_by)
        return node

    def _first(self, node: NodeDefinition) -> str:
        """SEMANTICS 4: of `join="any"` the one that came first; "" of any other."""
        if node.join != "any":
            return ""
        sources = {e.source for e in self._definition.edges if e.target == node.id and e.kind == "data"}
        done = [s for id in sources if (s := self._state.nodes.get(id)) and s.status is Status.SUCCEEDED]
        return min(done, key=lambda s: s.finished_at or 0.0).id if done else ""

    def _failed(self, handler: str) -> NodeState | None:
        """Whom a node stands in for."""
        handled = (n.id for n in self._definition.nodes if n.on_error.handler == handler)
        failed = (self._state.nodes.get(id) for id in handled)
        return next((n for n in failed if n is not None and n.error), None)

    # ------------------------------------------------------------------ expressions

    def _variables(self, node: NodeDefinition, unit: str) -> dict[str, Any]:
        """Of `each`, those of one item; {} for a node without."""
        if node.each is None:
            return {}
        item = item_of(unit)
        if item is None:
            raise _Unknown(f"one of {node.each.items}")
        if node.id not in self._items:
            try:
                self._items[node.id] = items_of(
                    node.each, lambda expression, extra: self._look(node, expression, extra or {})
                )
            except TooManyItems as error:
                raise _Unknown(str(error)) from error
        items = self._items[node.id]
        if item >= len(items):
            raise _Unknown(f"one of {node.each.items}")
        return dict(zip(node.each.variables, items[item], strict=True))

    def _evaluated(self, node: NodeDefinition, expression: str, unit: str) -> Any:
        loop = node.each.variables if node.each else ()
        extra = self._variables(node, unit) if names(expression) & {*loop} else {}
        if unit in self._previous:
            extra = {**extra, node.id: self._previous[unit]}
        return self._look(node, expression, extra)

    def _look(self, node: NodeDefinition, expression: str, extra: Mapping[str, Any]) -> Any:
        scope = {**self._definition.constants, **self._inputs}
        skipped = []
        for id in shape_of(self._definition).nodes[node.id].reads:
            source = self._speaker(id)
            if source is not None and source.status is Status.SUCCEEDED:
                scope[id] = source.output
            elif source is None or (not source.status.terminal and id in names(expression)):
                raise _Unknown(f"{id} has not ended yet")
            else:
                skipped.append(id)
                scope.pop(id, None)
        try:
            return evaluate(expression, {**scope, **extra}, skipped)
        except SkippedUsed as used:
            raise _Unknown(f"{used.name} was skipped") from None
        except ExpressionError as error:
            raise _Unknown(str(error)) from error
