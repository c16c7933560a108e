"""RunCore: the facts of one run an image is made of."""

from __future__ import annotations

from typing import Any

from tinyflow_nb.model.commit import NewRun, RawEvent
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.shape import Shape
from tinyflow_nb.model.status import Status
from tinyflow_nb.stores.unit import Unit

READY, RUNNING, SUSPENDED = Status.READY, Status.RUNNING, Status.SUSPENDED
SUCCEEDED, FAILED, CANCELLED, SKIPPED = (
    Status.SUCCEEDED,
    Status.FAILED,
    Status.CANCELLED,
    Status.SKIPPED,
)


class RunCore:
    """The run's own facts, its units by name, and the counters that decide joins and the end."""

    __slots__ = (
        "active", "closing", "created_at", "deadline", "error", "events", "finished_at", "generation",
        "has_parent", "left", "new", "open_children", "parked", "ready", "seq", "shape", "status", "tokens",
        "touched_at", "units", "untold",
    )  # fmt: skip

    def __init__(self, new: NewRun, shape: Shape, at: float) -> None:
        self.new = new
        self.shape = shape
        self.status = RUNNING
        self.generation = 1
        self.error: dict[str, Any] | None = None
        self.deadline = new.deadline
        self.created_at = self.touched_at = at
        self.finished_at: float | None = None
        self.units: dict[str, Unit] = {}
        self.ready: dict[str, Unit] = {}
        """The outbox: units that wait for a worker or for their time, oldest first."""
        self.left = len(shape.nodes)
        """Nodes not yet settled."""
        self.active = 0
        """Units that are ready, running or waiting for a retry."""
        self.parked = 0
        self.has_parent = bool(new.context.get("parent"))
        self.open_children = 0
        """Child runs that have not told their end."""
        self.closing = 0
        """Seq at which a unit settled without its open child, which is to end; 0: none did."""
        self.untold = 0
        """Seq of the newest change of status its parent is to be told; 0: none."""
        self.tokens = 0
        self.seq = 0
        self.events: list[RawEvent] = []
        """Made since somebody took them."""

    def unit(self, name: str) -> Unit:
        """The unit of that name; nodes come to be when something first happens to them."""
        unit = self.units.get(name)
        if unit is None:
            shape = self.shape.nodes[name]
            unit = self.units[name] = Unit(name, shape, shape.edges, shape.data)
        return unit

    def value(self, node: str) -> str | None:
        """JSON text of a node's output, its stand-in's if it was handled; None if it has none."""
        unit = self.units.get(node)
        while unit is not None and unit.status is FAILED and unit.info and "handled_by" in unit.info:
            unit = self.units.get(unit.info["handled_by"])
        return unit.value if unit is not None and unit.status is SUCCEEDED else None

    def _make_ready(self, unit: Unit) -> None:
        self._put_out(unit)
        self.active += 1

    def _put_out(self, unit: Unit) -> None:
        """Into the outbox, from the change that is being applied on."""
        unit.status = READY
        unit.since = self.touched_at
        self.ready[unit.name] = unit

    def _tell_started(self, unit: Unit, at: float) -> None:
        data: dict[str, Any] = {"attempt": unit.attempt}
        if unit.worker:
            data["worker"] = unit.worker
        if unit.round > 1:
            data["round"] = unit.round
            data["previous"] = unit.previous
        self._tell(EventType.NODE_STARTED, unit.name, at, data)

    def _tell_status(self, type: EventType, at: float, data: dict[str, Any]) -> None:
        self._tell(type, "", at, data)
        if self.has_parent:
            self.untold = self.seq

    def _tell(self, type: EventType, unit: str, at: float, data: dict[str, Any]) -> None:
        self.seq += 1
        self.events.append((self.seq, type, unit, at, data))
