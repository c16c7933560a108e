"""Presence: a worker tells its fleet every few seconds that it is alive."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from tinyflow_nb.errors import TinyflowError
from tinyflow_nb.model.workers import WorkerInfo
from tinyflow_nb.ports import Roster

log = logging.getLogger(__name__)

EVERY = 3.0
COUNTS_FOR = 10.0
"""Seconds one report is good for."""


class Presence:
    def __init__(self, roster: Roster, info: Callable[[], WorkerInfo]) -> None:
        self._roster = roster
        self._info = info
        self._now = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._repeat())

    def changed(self) -> None:
        """Tell at once."""
        self._now.set()

    async def _repeat(self) -> None:
        while True:
            self._now.clear()
            await self._report(COUNTS_FOR)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._now.wait()

    async def _report(self, ttl: float) -> None:
        try:
            await self._roster.report(self._info(), ttl)
        except TinyflowError as e:
            log.warning("could not tell that this worker is alive: %s", e)

    async def close(self) -> None:
        """It takes nothing more."""
        if not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self._report(0.0)
