"""Unit: one unit of work of a run - a node, or one item of an `each` node."""

from __future__ import annotations

from typing import Any

from tinyflow_nb.model.commit import ChildEnd
from tinyflow_nb.model.shape import NodeShape
from tinyflow_nb.model.status import TERMINAL, Status


class Child:
    """What a unit knows of the run it delegated to."""

    __slots__ = ("fresh", "generation", "id", "info", "request", "seq", "status", "value")

    def __init__(self, id: str, request: str) -> None:
        self.id = id
        self.request = request
        self.generation = 1
        self.seq = 0
        """Of the newest change told."""
        self.status = Status.READY
        self.value: str | None = None
        self.info: dict[str, Any] | None = None
        self.fresh = False
        """It ended, and the unit is to deal with that."""

    @property
    def end(self) -> ChildEnd | None:
        if self.status not in TERMINAL:
            return None
        return ChildEnd(self.generation, self.status, self.value, self.info, self.fresh)


class Unit:
    """Mutable, owned by its RunImage."""

    __slots__ = (
        "attempt", "child", "data_left", "dead", "deaths", "due", "edges_left", "expires", "finished_at",
        "index", "info", "item_values", "items_before", "items_left", "items_next", "judged", "name",
        "overdue", "parent", "previous", "round", "shape", "since", "started_at", "status", "token", "value",
        "waiting_for", "winner", "worker",
    )  # fmt: skip

    def __init__(
        self, name: str, shape: NodeShape, edges: int, data: int,
        parent: Unit | None = None, index: int = 0,
    ) -> None:  # fmt: skip
        self.name = name
        self.shape = shape
        self.parent = parent
        self.index = index
        self.status = Status.READY
        self.edges_left = edges
        self.data_left = data
        self.dead = ""
        """The skipped source it can't do without."""
        self.winner = ""
        """`join="any"`: the source that came first."""
        self.token = 0
        self.worker = ""
        self.expires = 0.0
        self.deaths = 0
        self.attempt = 0
        self.round = 1
        self.judged = False
        self.due = 0.0
        self.since = 0.0
        """When it last became ready."""
        self.value: str | None = None
        self.previous: str | None = None
        self.info: dict[str, Any] | None = None
        self.waiting_for: dict[str, Any] | None = None
        self.child: Child | None = None
        self.overdue = False
        """Claimed because its child took too long."""
        self.item_values: tuple[str, ...] | None = None
        self.items_before: tuple[str, ...] = ()
        """Its items before the run was retried: those that are settled stay."""
        self.items_next = 0
        self.items_left = 0
        self.started_at: float | None = None
        self.finished_at: float | None = None

    @property
    def delegated(self) -> bool:
        """It waits for its child, and nobody holds it."""
        waits = self.status is Status.RUNNING or self.status is Status.SUSPENDED
        return waits and self.child is not None and not self.token and not self.child.fresh

    @property
    def settled_for_good(self) -> bool:
        """Kept by a retry of the run (SEMANTICS 13)."""
        if self.status in (Status.SUCCEEDED, Status.SKIPPED):
            return True
        return self.status is Status.FAILED and bool(self.info and self.info.get("handled_by"))

    def reopen(self) -> None:
        """Back to the start, with what its settled parents told it."""
        self.status = Status.READY
        self.token = 0
        self.deaths = self.attempt = 0
        self.round = 1
        self.judged = False
        self.due = 0.0
        self.items_before = self.item_values or self.items_before
        self.value = self.previous = self.info = self.waiting_for = self.item_values = None
        self.items_next = self.items_left = 0
        self.started_at = self.finished_at = None
        self.overdue = False
        child = self.child
        if child is not None:
            child.fresh = False
            if child.status not in TERMINAL:  # the end of the run ended it
                child.status = Status.CANCELLED
