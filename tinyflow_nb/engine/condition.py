"""Condition: how an executor is doing, for those who look after it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tinyflow_nb.engine.engine import Engine
from tinyflow_nb.errors import TinyflowError
from tinyflow_nb.model.trigger import DeadLetter
from tinyflow_nb.ports import DeadLetters, DueIndex, SharedScheduler

NO_RUN = "-"
"""Looked for only to see whether the store answers."""
ANSWER_SECONDS = 2.0


class Condition(Engine):
    """Figures and troubles of one process."""

    @property
    def capacity(self) -> int:
        """Units worked on at once, at most."""
        return self._capacity

    @property
    def lost_leases(self) -> int:
        """Claims that others took over while they were worked on here."""
        return self._worker.attempts.lost_leases

    @property
    def scheduler_counts(self) -> Mapping[str, int]:
        """What a shared scheduler counts: `dropped` messages, and the like; and triggers that could not be
        accepted: `poison`, of them `dead`."""
        return (self._scheduler.counts if isinstance(self._scheduler, SharedScheduler) else {}) | self._dead

    async def backlog(self) -> int:
        """Units of a fleet that nobody has taken; 0 on a store of one process."""
        return await self._store.backlog() if isinstance(self._store, DueIndex) else 0

    async def troubles(self) -> list[str]:
        """Why this process can't do its work now, a line each; [] while it can."""
        found = ["it drains: it takes nothing more"] if self._draining else []
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._store.header(NO_RUN)
        except TimeoutError:
            found.append(f"the store does not answer within {ANSWER_SECONDS:g} s")
        except TinyflowError as e:
            found.append(str(e))
        if isinstance(self._scheduler, SharedScheduler) and self._scheduler.trouble:
            found.append(self._scheduler.trouble)
        return found

    async def dead_letters(self) -> list[DeadLetter]:
        """Triggers that nobody could accept, of runs that can't be ended: oldest first. Only a fleet's store
        keeps them."""
        return await self._store.dead_letters() if isinstance(self._store, DeadLetters) else []

    async def requeue(self, run_id: str) -> int:
        """Have the dead letters of a run tried again, by whom they come to; says how many."""
        letters = [letter.trigger for letter in await self.dead_letters() if letter.trigger.run == run_id]
        for trigger in letters:
            if isinstance(self._store, DeadLetters):
                await self._store.dig_up(trigger)
        self._schedule(letters)
        return len(letters)
