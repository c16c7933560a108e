"""Poison: a trigger that can't be accepted however often it is brought. It ends its run, or is set aside."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from tinyflow_nb.engine.failures import made_up
from tinyflow_nb.errors import StoreDamaged, StoreError
from tinyflow_nb.model.commit import Commit, End, Outcome
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import DeadLetter, Trigger, node_of
from tinyflow_nb.ports import DeadLetters, StateStore

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""Failures in this process until a trigger is poison."""
REMEMBERED = 10_000
"""Triggers, the newest."""


class Guard:
    """Stands between a scheduler and the worker."""

    def __init__(
        self, accept: Callable[[Trigger], Awaitable[bool]], store: StateStore,
        settled: Callable[[str, Outcome], None], counts: Counter[str],
    ) -> None:  # fmt: skip
        """
        Args:
            accept: the worker's.
            settled: told of the ends brought about here.
            counts: gets `poison` and `dead`.
        """
        self._accept = accept
        self._store = store
        self._settled = settled
        self._counts = counts
        self._failed: dict[Trigger, int] = {}

    async def accept(self, trigger: Trigger) -> bool:
        """As the worker's; what fails is raised until it is poison, then it is False.

        A store in trouble makes no poison: the trigger is good, and comes again.
        """
        failed = self._failed.get(trigger, 0)
        if failed >= ATTEMPTS:
            if await self._is_aside(trigger):
                return False
            del self._failed[trigger]  # somebody wants it tried again
        try:
            accepted = await self._accept(trigger)
        except Exception as e:
            if isinstance(e, StoreError) and not isinstance(e, StoreDamaged):
                raise
            failed = self._failed.pop(trigger, 0) + 1
            self._failed[trigger] = failed
            while len(self._failed) > REMEMBERED:
                del self._failed[next(iter(self._failed))]
            if failed < ATTEMPTS:
                raise
            log.exception("a trigger of run %s is poison: %s", trigger.run, trigger)
            await self._give_up(trigger, f"poison: {type(e).__name__}: {e}"[:2_000])
            return False
        self._failed.pop(trigger, None)
        return accepted

    async def _give_up(self, trigger: Trigger, why: str) -> None:
        self._counts["poison"] += 1
        node = node_of(trigger.unit)
        error = {**made_up("PoisonTrigger", why, trigger.attempt, 0), "node": node}
        end = End("end", Status.FAILED, error)
        try:
            outcome = await self._store.commit(Commit(trigger.run, trigger.generation, (end,)))
        except Exception as e:  # what it names is damaged: nothing can be told of it there
            log.exception("run %s can't even be ended", trigger.run)
            await self._set_aside(trigger, f"{why}; its run can't be ended: {type(e).__name__}: {e}"[:4_000])
            return
        del self._failed[trigger]  # it is of the past now
        if outcome is not None:
            self._settled(trigger.run, outcome)

    async def _set_aside(self, trigger: Trigger, why: str) -> None:
        self._counts["dead"] += 1
        if isinstance(self._store, DeadLetters):
            await self._store.bury(DeadLetter(trigger, why, self._store.now()))

    async def _is_aside(self, trigger: Trigger) -> bool:
        return not isinstance(self._store, DeadLetters) or await self._store.is_buried(trigger)
