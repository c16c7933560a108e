"""When each unit of a run waited, ran and asked: what the timeline draws."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import item_of, node_of
from tinyflow_nb_widgets.text import error_line, printable

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.state import ChainState, NodeState

SpanKind = Literal["wait", "run", "ask"]
"""It could not go on yet (no worker, its retry's time); it was at work; it waited for a person or a chain
below."""
Span = dict[str, Any]
"""`kind`, `began`, `ended` (None: not yet), `attempt`, `round`, the `worker` it ran on as `named` says,
and on one line the `error` that ended it."""

MOST_UNITS = 300
"""Units with spans of their own: of an `each` with more items the rest shows as its node alone."""
MOST_SPANS = 60
"""Of one unit: the oldest go first."""


class Spans:
    """Put together from a run's lifecycle events, each taken once, in order."""

    def __init__(self, definition: ChainDefinition) -> None:
        self.units: dict[str, list[Span]] = {}
        self._parents: dict[str, list[str]] = {node.id: [] for node in definition.nodes}
        for edge in definition.edges:
            self._parents[edge.target].append(edge.source)
        self._settled: dict[str, float] = {}
        self._workers: dict[str, str] = {}
        self._since = 0.0
        self._seq = 0

    def take(self, event: Event) -> set[str]:
        """The units whose spans changed."""
        if event.type in (EventType.NODE_OUTPUT, EventType.NODE_LOG, EventType.GAP) or event.seq <= self._seq:
            return set()
        self._seq = event.seq
        if event.type is EventType.CHAIN_STARTED:
            self._since = event.at
            self._settled.clear()
        elif event.type is EventType.CHAIN_FINISHED:
            return {unit for unit in self.units if self._end(unit, event.at)}
        if not event.node:
            return set()
        unit = event.node.partition("#")[0]
        if unit not in self.units and len(self.units) >= MOST_UNITS and item_of(unit) is not None:
            return set()
        self._follow(unit, event)
        return {unit} if unit in self.units else set()

    def _follow(self, unit: str, event: Event) -> None:
        match event.type:
            case EventType.NODE_STARTED:
                self._begin(unit, "run", event)
            case EventType.NODE_SUSPENDED:
                self._begin(unit, "ask", event)
            case EventType.NODE_RETRYING:
                self._end(unit, event.at, event.data.get("error"))
                self._begin(unit, "wait", event)
            case EventType.NODE_FINISHED | EventType.NODE_SKIPPED:
                self._settled[unit] = event.at
                if unit in self.units:
                    self._end(unit, event.at, event.data.get("error"))

    def _begin(self, unit: str, kind: SpanKind, event: Event) -> None:
        spans = self.units.setdefault(unit, [])
        if not spans or spans[-1]["ended"] is not None:
            self._waited(unit, spans, event.at)
        self._end(unit, event.at)
        spans.append({
            "kind": kind, "began": event.at, "ended": None, "error": "",
            "attempt": int(event.data.get("attempt") or 1), "round": int(event.data.get("round") or 1),
            "worker": self._worker(str(event.data.get("worker") or "")) if kind == "run" else "",
        })  # fmt: skip
        del spans[:-MOST_SPANS]

    def _worker(self, name: str) -> str:
        return self._workers.setdefault(name, named(len(self._workers) + 1, name)) if name else ""

    def _waited(self, unit: str, spans: list[Span], until: float) -> None:
        """Between the end of what it needs and its own beginning."""
        node = node_of(unit)
        if unit != node:
            known = [span["began"] for span in self.units.get(node, ())[:1]]
        else:
            known = [
                self._settled[parent] for parent in self._parents.get(node, ()) if parent in self._settled
            ]
        ready = max([self._since, *known, *(span["ended"] for span in spans[-1:])])
        if ready < until:
            spans.append({
                "kind": "wait", "began": ready, "ended": until, "error": "", "attempt": 1, "round": 1,
                "worker": "",
            })  # fmt: skip

    def _end(self, unit: str, at: float, error: dict[str, Any] | None = None) -> bool:
        spans = self.units[unit]
        if not spans or spans[-1]["ended"] is not None:
            return False
        spans[-1]["ended"] = at
        spans[-1]["error"] = printable(error_line(error)) if error else ""
        return True


def named(number: int, worker: str) -> str:
    """A worker's short name in this run, then its own: `w2 host:4711:5fe1c3`."""
    return f"w{number} {printable(worker)}"


def spans_of(
    definition: ChainDefinition, state: ChainState, events: Iterable[Event] = ()
) -> dict[str, list[Span]]:
    """By unit; without events from the state alone, which knows no waiting and only the last attempt."""
    spans = Spans(definition)
    for event in events:
        spans.take(event)
    return spans.units or {unit.id: [_known(unit)] for unit in state.units() if unit.started_at is not None}


def _known(unit: NodeState) -> Span:
    return {
        "kind": "ask" if unit.answered_by or unit.status is Status.SUSPENDED else "run",
        "began": unit.started_at, "ended": unit.finished_at, "attempt": max(1, unit.attempts),
        "round": unit.round, "error": printable(error_line(unit.error)) if unit.error else "",
        "worker": "",
    }  # fmt: skip
