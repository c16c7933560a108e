"""RunImage: one run as the embedded stores hold it, and how a Commit changes it.

`apply` is deterministic: the same commits at the same times give the same image. So the memory
store keeps images, and the SQLite store keeps commits and rebuilds an image from them.
"""

from __future__ import annotations

from typing import Any

from tinyflow_nb.model.commit import (
    Answer,
    ChildrenClosed,
    ChildTold,
    Commit,
    Delegate,
    End,
    NextRound,
    Outcome,
    ParentTold,
    Park,
    Reopen,
    Settle,
)
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.status import TERMINAL, Status
from tinyflow_nb.stores.run_core import CANCELLED, FAILED, READY, RUNNING, SKIPPED, SUCCEEDED, SUSPENDED
from tinyflow_nb.stores.run_items import RunItems
from tinyflow_nb.stores.unit import Child, Unit

_AFTER_THE_END = frozenset({"told", "closed"})
"""Steps that a run takes which has ended."""


class RunImage(RunItems):
    """How steps change a run."""

    __slots__ = ()

    # ------------------------------------------------------------------ beginning

    def begin(self) -> Outcome:
        """The outcome of its creation."""
        at = self.created_at
        self._tell(EventType.CHAIN_STARTED, "", at, {"chain": self.new.chain, "generation": 1})
        made_ready = [self.unit(id) for id in self.shape.entry]
        for unit in made_ready:
            self._make_ready(unit)
        new = self.new
        return self._outcome(made_ready, new.worker, new.want, new.lease, new.tags, at)

    # ------------------------------------------------------------------ commits

    def accepts(self, commit: Commit) -> bool:
        """Whether every step still speaks of the present."""
        if commit.generation != self.generation:
            return False
        if self.status in TERMINAL:
            kinds = {step[0] for step in commit.steps}
            return kinds <= _AFTER_THE_END or (self.status is not SUCCEEDED and kinds == {"reopen"})
        for step in commit.steps:
            if type(step) is Answer:
                unit = self.units.get(step.unit)
                if unit is None or unit.waiting_for is None or unit.status is not SUSPENDED:
                    return False
                if unit.round != step.round:
                    return False
            elif type(step) is ChildTold:
                unit = self.units.get(step.unit)
                if unit is None or not unit.delegated or unit.child is None:
                    return False
                if unit.child.id != step.child or unit.child.seq >= step.seq:
                    return False
            elif type(step) is Reopen:
                return False
            elif not isinstance(step, End | ParentTold | ChildrenClosed | Reopen):
                guard = (step.via if type(step) is Settle else "") or step[1]
                unit = self.units.get(guard)
                if unit is None or unit.status is not RUNNING or unit.token != step[2]:
                    return False
        return True

    def apply(self, commit: Commit, at: float) -> Outcome:
        """Change the image by an accepted commit."""
        made_ready: list[Unit] = []
        self.touched_at = at
        for step in commit.steps:
            if type(step) is Settle:  # by far the most frequent
                self._settle(step, at, made_ready)
            else:
                _APPLY[step[0]](self, step, at, made_ready)
        if self.status not in TERMINAL:
            if self.left == 0:
                self._end(SUCCEEDED, None, at)
            elif self.active == 0 and self.parked:
                if self.status is not SUSPENDED:
                    self.status = SUSPENDED
                    self._tell_status(EventType.CHAIN_SUSPENDED, at, {})
            elif self.status is SUSPENDED:
                self.status = RUNNING
                self._tell_status(EventType.CHAIN_RESUMED, at, {})
        return self._outcome(made_ready, commit.worker, commit.want, commit.lease, commit.tags, at)

    def _settle(self, step: Settle, at: float, made_ready: list[Unit]) -> None:
        unit = self.units[step.unit]
        if step.via:  # an item ends its node: the other items are void, and settle nothing
            self._void_items(unit)
        elif unit.status is RUNNING or unit.status is READY:
            self.active -= 1
            if unit.status is READY:
                del self.ready[unit.name]
        elif unit.status is SUSPENDED:
            self.parked -= 1
        unit.status = step.status
        unit.value = step.value
        unit.info = step.info
        unit.waiting_for = None
        unit.due = 0.0
        unit.finished_at = at
        if unit.child is not None:
            self._leave(unit.child)
        if step.status is SKIPPED:
            unit.attempt = 0
            data = {"reason": (step.info or {}).get("reason", "")}
            self._tell(EventType.NODE_SKIPPED, unit.name, at, data)
        else:
            data = {"status": step.status, "attempt": unit.attempt, "output": step.value}
            if step.info:
                data.update(step.info)
            self._tell(EventType.NODE_FINISHED, unit.name, at, data)
        if unit.parent is not None:
            self._count_item(unit.parent, made_ready)
        else:
            self.left -= 1
            for arrival in step.arrivals:
                self._arrive(arrival, made_ready)
        if step.fails_run is not None:
            self._end(FAILED, step.fails_run, at)

    def _arrive(self, arrival: tuple[str, str, int, bool], made_ready: list[Unit]) -> None:
        target, source, verdict, data = arrival
        unit = self.units.get(target) or self.unit(target)
        unit.edges_left -= 1
        if data:
            unit.data_left -= 1
        if unit.shape.any:
            if data and verdict == 0 and not unit.winner:
                unit.winner = source
            if unit.status is not READY or unit.name in self.ready:
                return  # it has started, a loser only counts
            if unit.edges_left == unit.data_left and (unit.winner or unit.data_left == 0):
                unit.dead = "" if unit.winner else source
                self._make_ready(unit)
                made_ready.append(unit)
            return
        if verdict == 2 and (not unit.dead or source == unit.shape.handles):
            unit.dead = source
        if unit.edges_left == 0:
            self._make_ready(unit)
            made_ready.append(unit)

    # ------------------------------------------------------------------ the other steps

    def _start(self, step: Any, at: float, made_ready: list[Unit]) -> None:
        unit = self.units[step.unit]
        unit.judged = True
        unit.attempt += 1
        unit.started_at = at
        self._tell_started(unit, at)

    def _park(self, step: Park, at: float, made_ready: list[Unit]) -> None:
        unit = self.units[step.unit]
        self.active -= 1
        self.parked += 1
        unit.status = SUSPENDED
        unit.judged = True
        unit.waiting_for = step.waiting_for
        unit.due = step.due
        unit.started_at = unit.started_at or at
        if unit.due:
            made_ready.append(unit)
        self._tell(EventType.NODE_SUSPENDED, unit.name, at, {**step.waiting_for, "round": unit.round})

    def _answer(self, step: Answer, at: float, made_ready: list[Unit]) -> None:
        unit = self.units[step.unit]
        answered = {"who": step.who, "at": at, "answer_id": step.answer_id}
        if not step.repeat:
            info: dict[str, Any] = {"answered_by": answered}
            if step.exhausted:
                info["exhausted"] = True
            self._settle(
                Settle("settle", unit.name, 0, SUCCEEDED, step.value, info, step.arrivals), at, made_ready
            )
            return
        self.parked -= 1
        unit.waiting_for = None
        self._begin_round(unit, step.value)
        unit.info = {"answered_by": answered}  # so that the same answer again is known for what it is
        self._make_ready(unit)
        made_ready.append(unit)

    def _delegate(self, step: Delegate, at: float, made_ready: list[Unit]) -> None:
        unit = self.units[step.unit]
        unit.token = 0
        unit.worker = ""
        unit.due = step.due
        unit.overdue = False
        if not unit.judged:
            unit.judged = True
            unit.attempt += 1
            unit.started_at = at
            self._tell_started(unit, at)
        child = unit.child
        if child is None:
            child = unit.child = Child(step.child, step.request)
            self.open_children += 1
        elif child.status in TERMINAL:  # it is taken up again: what it told is over
            child.request, child.status, child.fresh = step.request, READY, False
            self.open_children += 1
        else:
            child.seq = 0  # where it stands is told anew
        if unit.due:
            made_ready.append(unit)

    def _child_told(self, step: ChildTold, at: float, made_ready: list[Unit]) -> None:
        unit = self.units[step.unit]
        child = unit.child
        assert child is not None
        child.seq, child.generation, child.status = step.seq, step.generation, step.status
        if step.status is SUSPENDED:
            if unit.status is RUNNING:
                unit.status = SUSPENDED
                self.active -= 1
                self.parked += 1
                self._tell(EventType.NODE_SUSPENDED, unit.name, at, {"child": child.id, "round": unit.round})
            return
        if unit.status is SUSPENDED:
            unit.status = RUNNING
            self.active += 1
            self.parked -= 1
            if step.status is RUNNING:
                self._tell_started(unit, at)
        if step.status is RUNNING:
            return
        self.open_children -= 1
        if step.status is SUCCEEDED and not step.ready:
            settle = Settle("settle", unit.name, 0, SUCCEEDED, step.value, step.info, step.arrivals)
            self._settle(settle, at, made_ready)
            return
        child.value, child.info, child.fresh = step.value, step.info, True
        self.active -= 1
        unit.due = 0.0
        self._make_ready(unit)
        made_ready.append(unit)

    def _told(self, step: ParentTold, at: float, made_ready: list[Unit]) -> None:
        if step.seq >= self.untold:
            self.untold = 0

    def _closed(self, step: Any, at: float, made_ready: list[Unit]) -> None:
        self.closing = 0
        for unit in self.units.values():
            child = unit.child
            if child is not None and child.status not in TERMINAL and not unit.delegated:
                child.status = CANCELLED
                self.open_children -= 1

    def _again(self, step: Any, at: float, made_ready: list[Unit]) -> None:
        unit = self.units[step.unit]
        self._put_out(unit)  # still active: it waits for its time
        unit.due = step.due
        unit.info = {"error": step.error}
        unit.overdue = False
        if unit.child is not None:
            unit.child.fresh = False
        made_ready.append(unit)
        data = {"error": step.error, "attempt": unit.attempt, "due": step.due}
        self._tell(EventType.NODE_RETRYING, unit.name, at, data)

    def _round(self, step: NextRound, at: float, made_ready: list[Unit]) -> None:
        unit = self.units[step.unit]
        self._begin_round(unit, step.value)
        self._put_out(unit)
        made_ready.append(unit)

    def _begin_round(self, unit: Unit, value: str) -> None:
        unit.previous = value
        unit.round += 1
        unit.attempt = 0
        unit.info = None
        unit.child = None
        unit.overdue = False
        unit.due = 0.0

    def _hand_back(self, step: Any, at: float, made_ready: list[Unit]) -> None:
        unit = self.units[step.unit]
        self._put_out(unit)
        made_ready.append(unit)
        if unit.judged or not unit.shape.judged:
            unit.attempt -= 1

    def _end_run(self, step: End, at: float, made_ready: list[Unit]) -> None:
        self._end(step.status, step.error, at)

    def _end(self, status: Status, error: dict[str, Any] | None, at: float) -> None:
        """Constant cost: the units stay as they are and read as CANCELLED (SEMANTICS 12)."""
        self.status = status
        self.error = error
        self.finished_at = at
        self.parked = 0
        data: dict[str, Any] = {"status": status}
        if error:
            data["error"] = error
        self._tell_status(EventType.CHAIN_FINISHED, at, data)
        if self.open_children:
            self.closing = self.seq

    def _reopen(self, step: Any, at: float, made_ready: list[Unit]) -> None:
        self.generation += 1
        self.status = RUNNING
        self.error = None
        self.finished_at = None
        self.deadline = step.deadline
        self.ready.clear()
        self.active = self.parked = self.open_children = self.closing = 0
        self._tell(EventType.CHAIN_STARTED, "", at, {"chain": self.new.chain, "generation": self.generation})
        for id in self.shape.nodes:
            unit = self.unit(id)
            if unit.settled_for_good:
                continue
            if unit.status in TERMINAL:
                self.left += 1
            unit.reopen()
            for index in range(len(unit.items_before)):
                item = self.units.get(f"{id}[{index}]")
                if item is not None and not item.settled_for_good:
                    del self.units[item.name]
            if unit.edges_left == 0 or (unit.winner and unit.edges_left == unit.data_left):
                self._make_ready(unit)
                made_ready.append(unit)


_APPLY: dict[str, Any] = {
    "start": RunImage._start,
    "park": RunImage._park,
    "answer": RunImage._answer,
    "delegate": RunImage._delegate,
    "child": RunImage._child_told,
    "told": RunImage._told,
    "closed": RunImage._closed,
    "again": RunImage._again,
    "expand": RunImage._expand,
    "round": RunImage._round,
    "handback": RunImage._hand_back,
    "end": RunImage._end_run,
    "reopen": RunImage._reopen,
}
