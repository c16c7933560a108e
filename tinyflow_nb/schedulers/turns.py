"""Whose turn it is to look at what is due: a large fleet looks about as often as a small one."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence

from tinyflow_nb.errors import TinyflowError
from tinyflow_nb.ports import Roster

log = logging.getLogger(__name__)

COUNTED_EVERY = 5.0
"""Seconds."""
LOOKERS = 2
"""Workers that look at each turn, on average."""


class Turns:
    """No order is agreed upon: each worker draws lots, so it does not matter which of them dies."""

    def __init__(self, roster: Roster, tags: Sequence[str]) -> None:
        """
        Args:
            tags: the worker's: it shares its turns with those that take all that it takes.
        """
        self._roster = roster
        self._tags = frozenset(tags)
        self._lookers = 1

    async def keep_count(self) -> None:
        """Runs until it is cancelled."""
        while True:
            await self.count()
            await asyncio.sleep(COUNTED_EVERY)

    async def count(self) -> None:
        try:
            workers = await self._roster.workers()
        except TinyflowError:
            log.warning("could not count the workers", exc_info=True)
            self._lookers = 1
        else:  # one that is busy does not look for more
            self._lookers = sum(w.busy < w.capacity and self._tags <= set(w.tags) for w in workers)

    def is_mine(self) -> bool:
        return random.random() * self._lookers < LOOKERS
