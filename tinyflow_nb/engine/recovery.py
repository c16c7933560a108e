"""Recovery: what got lost is found again, from the outbox of the runs this process executes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from tinyflow_nb.errors import TinyflowError
from tinyflow_nb.ports import SharedScheduler, StateStore, TriggerScheduler

log = logging.getLogger(__name__)

EXPIRE_SECONDS = 600.0


class Recovery:
    """Looks through the outboxes every so often. A trigger brought twice changes nothing."""

    def __init__(
        self, store: StateStore, scheduler: TriggerScheduler | SharedScheduler,
        runs: Callable[[], Iterable[str]], ended: Callable[[str], None],
        expire: Callable[[], Awaitable[None]], tidy: Callable[[], Awaitable[None]], every: float,
    ) -> None:  # fmt: skip
        """
        Args:
            runs: those this process executes.
            ended: told of those that have ended, in another process.
            expire: forgets what is older than it may be; called every ten minutes.
            tidy: makes smaller what is kept of streams; called at each look.
            every: seconds between two looks.
        """
        self._store = store
        self._ended = ended
        self._expire = expire
        self._tidy = tidy
        self._scheduler = scheduler
        self._runs = runs
        self._every = every
        self._task = asyncio.get_running_loop().create_task(self._repeat())

    async def of(self, run: str) -> None:
        """Bring everything one run waits for."""
        pending = await self._store.pending(run)
        if pending:
            self._scheduler.schedule(pending)
            return
        header = await self._store.header(run)
        if header is None or header.status.terminal:
            self._ended(run)

    async def _repeat(self) -> None:
        loop = asyncio.get_running_loop()
        expired = loop.time()
        while True:
            await asyncio.sleep(self._every)
            if loop.time() - expired >= EXPIRE_SECONDS:
                expired = loop.time()
                try:
                    await self._expire()
                except TinyflowError:
                    log.warning("could not forget what is older than it may be", exc_info=True)
            await self._tidy()
            for run in list(self._runs()):
                try:
                    await self.of(run)
                except TinyflowError:
                    log.warning("could not look through the outbox of run %s", run, exc_info=True)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
