"""Timers of this process, for triggers that are due later."""

from __future__ import annotations

import math
from collections.abc import Callable

from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import Clock


class Timers:
    def __init__(
        self,
        clock: Clock,
        now: Callable[[], float],
        due: Callable[[Trigger], None],
        horizon: float = math.inf,
    ) -> None:
        """
        Args:
            now: the store's time, which says when a trigger is due.
            due: called with each trigger once it is; it may be set again, if the clock was set back.
            horizon: seconds; what is due later is left to who finds it in the store.
        """
        self._clock = clock
        self._now = now
        self._due = due
        self._horizon = horizon
        self._cancels: dict[str, dict[Trigger, Callable[[], None]]] = {}
        """By run."""

    def set(self, trigger: Trigger) -> None:
        now = self._now()
        if trigger.wait(now) > self._horizon:
            return
        timers = self._cancels.setdefault(trigger.run, {})
        if trigger not in timers:
            when = trigger.due + (self._clock.now() - now)
            timers[trigger] = self._clock.call_at(when, lambda: self._over(trigger))

    def _over(self, trigger: Trigger) -> None:
        timers = self._cancels[trigger.run]
        del timers[trigger]
        if not timers:
            del self._cancels[trigger.run]
        self._due(trigger)

    def forget(self, run: str) -> None:
        for cancel in self._cancels.pop(run, {}).values():
            cancel()

    def close(self) -> None:
        for run in list(self._cancels):
            self.forget(run)
