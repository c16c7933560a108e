"""Timers of this process, for triggers that are due soon; the store's due index has them all."""

from __future__ import annotations

from collections.abc import Callable

from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import Clock

HORIZON = 60.0
"""Seconds. What is due later is left to the index: a run may wait a month for a person."""


class Timers:
    def __init__(self, clock: Clock, now: Callable[[], float], due: Callable[[Trigger], None]) -> None:
        """
        Args:
            now: the store's time, which says when a trigger is due.
            due: called with each trigger once it is.
        """
        self._clock = clock
        self._now = now
        self._due = due
        self._cancels: dict[str, dict[Trigger, Callable[[], None]]] = {}
        """By run."""

    def set(self, trigger: Trigger) -> None:
        wait = trigger.due - self._now()
        timers = self._cancels.setdefault(trigger.run, {}) if wait <= HORIZON else {}
        if wait <= HORIZON and trigger not in timers:
            timers[trigger] = self._clock.call_at(self._clock.now() + wait, lambda: self._over(trigger))

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
