"""A ChainState kept up to date from events, between two readings of the real one.

An event's data names fields of the state (`attempt`, `error`, `reason`, `round`, `output`, ...); what it
leaves out stays as it was. The store is the truth:
`RunView.replace` takes its state over whatever was guessed here.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.model.state import NodeState
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import item_of, node_of, unit_name

if TYPE_CHECKING:
    from tinyflow_nb.model.state import ChainState

_NODE_FIELDS = frozenset(f.name for f in fields(NodeState)) - {
    "id",
    "status",
    "items",
    "error",
    "reason",
    "waiting_for",
}


def follow(state: ChainState, event: Event, results: tuple[str, ...]) -> None:
    """Change the state as a lifecycle event says. One it has seen already changes nothing.

    `results` are the nodes whose outputs are the chain's result.
    """
    if event.type in (EventType.NODE_OUTPUT, EventType.NODE_LOG, EventType.GAP) or event.seq <= state.seq:
        return
    state.seq = event.seq
    if event.node:
        _follow_node(state, event)
    else:
        _follow_run(state, event, results)


def _follow_run(state: ChainState, event: Event, results: tuple[str, ...]) -> None:
    data = event.data
    match event.type:
        case EventType.CHAIN_STARTED:
            _reopen(state, event)
        case EventType.CHAIN_SUSPENDED:
            state.status = Status.SUSPENDED
        case EventType.CHAIN_RESUMED:
            state.status = Status.RUNNING
        case EventType.CHAIN_FINISHED:
            state.status = Status(data.get("status", Status.SUCCEEDED))
            state.error, state.finished_at = data.get("error"), event.at
            if state.status is Status.SUCCEEDED:
                state.result = _result(state, results)
            for node in state.nodes.values():
                for unit in (node, *(node.items or ())):
                    if not unit.status.terminal:  # SEMANTICS 12: unsettled nodes read as CANCELLED
                        unit.status, unit.waiting_for = Status.CANCELLED, None


def _result(state: ChainState, results: tuple[str, ...]) -> Any:
    """SEMANTICS 6."""
    if len(results) == 1:
        return state.nodes[results[0]].output
    return {
        id: state.nodes[id].output for id in results if state.nodes[id].status is Status.SUCCEEDED
    } or None


def _reopen(state: ChainState, event: Event) -> None:
    """A run starts, or starts again as a further generation (SEMANTICS 13)."""
    state.status, state.error, state.finished_at = Status.RUNNING, None, None
    state.created_at = state.created_at or event.at
    state.inputs = event.data.get("inputs", state.inputs)
    state.generation = event.data.get("generation", state.generation)
    for id, node in state.nodes.items():
        if not _stays(node):
            items = [item if _stays(item) else NodeState(item.id) for item in node.items or ()]
            state.nodes[id] = NodeState(id, items=items or None)


def _stays(unit: NodeState) -> bool:
    return unit.status in (Status.SUCCEEDED, Status.SKIPPED) or bool(unit.handled_by)


def _unit(state: ChainState, name: str) -> NodeState:
    node = state.nodes.setdefault(node_of(name), NodeState(node_of(name)))
    item = item_of(name)
    if item is None:
        return node
    items = node.items = node.items if node.items is not None else []
    while len(items) <= item:
        items.append(NodeState(unit_name(node.id, len(items))))
    return items[item]


def _follow_node(state: ChainState, event: Event) -> None:
    unit, data = _unit(state, event.node), event.data
    for name, value in data.items():
        if name in _NODE_FIELDS:
            setattr(unit, name, value)
    unit.attempts = data.get("attempt", unit.attempts)
    unit.error, unit.reason, unit.waiting_for = data.get("error"), data.get("reason", ""), None
    match event.type:
        case EventType.NODE_STARTED:
            unit.status, unit.finished_at = Status.RUNNING, None
            unit.started_at = unit.started_at or event.at
            count = data.get("items")
            if isinstance(count, int) and count:
                _unit(state, unit_name(unit.id, count - 1))
            parent = state.nodes[node_of(event.node)]
            if parent is not unit and parent.status is Status.READY:
                parent.status, parent.started_at = Status.RUNNING, event.at
            if state.status in (Status.READY, Status.SUSPENDED):
                state.status = Status.RUNNING
        case EventType.NODE_RETRYING:
            unit.status = Status.READY
        case EventType.NODE_SUSPENDED:
            unit.status, unit.started_at = Status.SUSPENDED, unit.started_at or event.at
            if "schema" in data:  # else it waits for a child, whose form it is
                unit.waiting_for = {name: data.get(name) for name in ("message", "schema", "initial")}
        case EventType.NODE_SKIPPED:
            unit.status, unit.finished_at = Status.SKIPPED, event.at
        case EventType.NODE_FINISHED:
            unit.status = Status(data.get("status", Status.SUCCEEDED))
            unit.finished_at = event.at
