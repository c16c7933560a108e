"""Following: learning of what other processes did to the runs this one cares for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from tinyflow_nb.errors import StoreError
from tinyflow_nb.ports import StateStore

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How long one look at the store waits for a change."""


class Follower:
    """One task, alive while there is a run to follow."""

    def __init__(
        self, store: StateStore, followed: Callable[[], Mapping[str, int]],
        changed: Callable[[str], Awaitable[None]],
    ) -> None:  # fmt: skip
        """
        Args:
            followed: the runs to look at, each with the newest seq this process knows of.
            changed: called for each that another process took further.
        """
        self._store = store
        self._followed = followed
        self._changed = changed
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        while runs := self._followed():
            try:
                for run in await self._store.watch(runs, LOOK_SECONDS):
                    await self._changed(run)
            except StoreError:  # said where somebody waits for an answer; here the next look tells
                log.warning("could not look at the store", exc_info=True)
                await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
