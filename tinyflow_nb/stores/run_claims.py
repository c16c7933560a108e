"""RunClaims: who may work on which unit of a run, until when, and with what."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from tinyflow_nb.model.commit import Claim, Outcome
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.lanes import Carried, may_run
from tinyflow_nb.model.status import TERMINAL
from tinyflow_nb.model.trigger import Trigger, TriggerKind
from tinyflow_nb.stores.run_core import FAILED, READY, RUNNING, SUSPENDED, RunCore
from tinyflow_nb.stores.unit import Unit


class RunClaims(RunCore):
    """Claims, leases and the outbox."""

    __slots__ = ()

    def claimable(
        self, trigger: Trigger, at: float, holder_is_dead: bool, carried: Carried = None
    ) -> Unit | None:
        """The unit a trigger may claim now; None if the trigger is not of the present, or the unit asks
        for tags that its worker does not carry."""
        if trigger.generation != self.generation or self.status in TERMINAL:
            return None
        unit = self.units.get(trigger.unit)
        if unit is None or not may_run(self._tags(unit), carried):
            return None
        if trigger.kind == "lease":
            expired = unit.token and (at >= unit.expires or holder_is_dead)
            return unit if unit.status is RUNNING and expired else None
        if trigger.kind == "timeout":
            waits = unit.status is SUSPENDED or unit.delegated
            return unit if waits and unit.due and at >= unit.due else None
        if unit.status is not READY or unit.name not in self.ready or at < unit.due:
            return None
        most = self.new.context.get("max_concurrency")
        if most is not None and not unit.dead and self.active - len(self.ready) >= most:
            return None  # the end of one that runs takes it
        return unit if unit.attempt == trigger.attempt else None

    def take(self, unit: Unit, worker: str, lease: float, at: float) -> Claim:
        """Claim a claimable unit for a worker."""
        unit.worker = worker
        unit.overdue = unit.overdue or unit.waiting_for is not None or unit.delegated
        overdue = unit.overdue  # also for who takes it from a worker that died with it
        if unit.status is SUSPENDED:
            self.parked -= 1
            self.active += 1
        elif unit.status is RUNNING:
            unit.deaths += bool(unit.token)  # without one it was its child that was waited for
        else:
            self.ready.pop(unit.name, None)
            goes_on = unit.item_values is not None or (unit.child is not None and unit.child.fresh)
            if not unit.dead and not goes_on and (unit.judged or not unit.shape.judged):
                unit.attempt += 1
                unit.started_at = unit.started_at or at
                self._tell_started(unit, at)
        self.tokens += 1
        unit.status = RUNNING
        unit.token = self.tokens
        unit.expires = at + lease
        unit.due = 0.0
        return self._claim(unit, overdue)

    def take_one(self, unit: Unit, worker: str, lease: float, at: float) -> Outcome:
        """`take`, for a claim by trigger."""
        claim = self.take(unit, worker, lease, at)
        if self.status is SUSPENDED:  # a form ran out of time
            self.status = RUNNING
            self._tell_status(EventType.CHAIN_RESUMED, at, {})
        events, self.events = self.events, []
        triggers = self._between_runs(events[0][0]) if events else ()
        return Outcome(self.seq, self.status, (claim,), tuple(triggers), events)

    def holds(self, unit: str, token: int) -> bool:
        """Whether a claim is still the unit's present one."""
        found = self.units.get(unit)
        present = found is not None and found.token == token and found.status is RUNNING
        return present and self.status not in TERMINAL

    def extend(self, unit: str, token: int, until: float) -> bool:
        """Renew a lease; False if it is not this claim's any more."""
        if not self.holds(unit, token):
            return False
        self.units[unit].expires = until
        return True

    def _claim(self, unit: Unit, overdue: bool) -> Claim:
        shape = unit.shape
        units = self.units
        values: dict[str, str | None] = {}
        if not unit.dead:
            for source in shape.reads:
                seen = not unit.winner or source == unit.winner or source in shape.orders
                values[source] = self.value(source) if seen else None
        plain = unit.parent is None and unit.item_values is None and unit.child is None
        if plain and unit.previous is None and not shape.handles:
            return Claim(  # positional: keywords cost as much again
                self.new.run, self.generation, unit.name, unit.token, unit.attempt, unit.round, values,
                None, None, None, None, unit.dead, overdue, unit.deaths,
            )  # fmt: skip
        handled = units.get(shape.handles)
        failed = handled is not None and handled.status is FAILED
        return Claim(
            self.new.run, self.generation, unit.name, unit.token, unit.attempt, unit.round, values,
            item=unit.parent.item_values[unit.index] if unit.parent and unit.parent.item_values else None,
            previous=unit.previous,
            gather=self._gathered(unit) if unit.item_values is not None else None,
            error=(handled.info or {}).get("error") if handled and failed else None,
            skip=unit.dead, overdue=overdue, deaths=unit.deaths,
            child=unit.child.end if unit.child else None,
        )  # fmt: skip

    def _gathered(self, unit: Unit) -> tuple[str | None, ...]:
        names = (f"{unit.name}[{i}]" for i in range(len(unit.item_values or ())))
        return tuple(self.units[name].value for name in names)

    @staticmethod
    def _tags(unit: Unit) -> tuple[str, ...]:
        """Those its worker must carry: none to skip it."""
        return () if unit.dead else unit.shape.tags

    def _outcome(
        self, made_ready: list[Unit], worker: str, want: int, lease: float, carried: Carried, at: float
    ) -> Outcome:
        events = self.events
        claims: list[Claim] = []
        triggers: list[Trigger] = []
        if self.status in TERMINAL:
            self.ready.clear()
            triggers += self._between_runs(events[0][0] if events else 1)
        else:
            most = self.new.context.get("max_concurrency")
            if most is not None:  # of one run; what it holds back, a unit's end takes from the outbox
                free = max(0, most - (self.active - len(self.ready)))
                want = min(want, free)
                others = [u for u in made_ready if u.dead or u.status is SUSPENDED or u.due > at]
                waiting = (u for u in self.ready.values() if not u.dead and u.due <= at)
                made_ready = [*others, *islice(waiting, free)]
            for unit in made_ready:
                if unit.status is SUSPENDED or unit.due > at or unit.delegated:
                    triggers.append(self.trigger_of(unit))
                elif worker and (unit.dead or (len(claims) < want and may_run(unit.shape.tags, carried))):
                    claims.append(self.take(unit, worker, lease, at))
                elif unit.name in self.ready:
                    triggers.append(self.trigger_of(unit))
            if (self.untold or self.closing) and events:
                triggers += self._between_runs(events[0][0])
        self.events = []
        return Outcome(self.seq, self.status, tuple(claims), tuple(triggers), events)

    def trigger_of(self, unit: Unit) -> Trigger:
        parked = unit.status is SUSPENDED or unit.delegated
        kind: TriggerKind = "timeout" if parked else "retry" if unit.due else "run"
        due = unit.due or unit.since
        return Trigger(self.new.run, self.generation, unit.name, unit.attempt, kind, due, self._tags(unit))

    def request(self, unit: str) -> str | None:
        """What a delegated unit asked for."""
        found = self.units.get(unit)
        return found.child.request if found is not None and found.child is not None else None

    def _between_runs(self, since: int = 1) -> list[Trigger]:
        """What concerns its parent and its children, of what came about since an event."""
        run, generation = self.new.run, self.generation
        found = [Trigger(run, generation, "", 0, "parent")] if self.untold >= since else []
        if self.closing >= since:
            found.append(Trigger(run, generation, "", 0, "children"))
        return found

    def pending(self, is_dead: Callable[[str], bool] = lambda _: False) -> list[Trigger]:
        """The outbox, timers and leases included; a dead worker's lease is due at once."""
        found = self._between_runs()
        if self.status in TERMINAL:
            return found
        found += [self.trigger_of(unit) for unit in self.ready.values()]
        run, generation = self.new.run, self.generation
        for unit in self.units.values():
            if unit.status is RUNNING and unit.token:
                due = 0.0 if is_dead(unit.worker) else unit.expires
                found.append(
                    Trigger(run, generation, unit.name, unit.attempt, "lease", due, self._tags(unit))
                )
            elif unit.due and (unit.status is SUSPENDED or unit.delegated):
                found.append(self.trigger_of(unit))
            if unit.delegated:
                found.append(Trigger(run, generation, unit.name, unit.attempt, "child"))
        if self.deadline is not None:
            found.append(Trigger(run, generation, "", 0, "deadline", self.deadline))
        return found
