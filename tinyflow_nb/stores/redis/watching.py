"""Watching: what others do to runs somebody here cares for.

A watcher is named in the run. Who changes the run tells every other watcher, on a channel of its
own: nobody is woken by what he did himself, and a change costs nothing if nobody else watches.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Mapping

from redis.asyncio import Connection

from tinyflow_nb.stores.redis.servers import TROUBLE, Servers
from tinyflow_nb.stores.redis.told import plainly

log = logging.getLogger(__name__)

WATCH_SECONDS = 60.0
"""How long a run is watched before that is said again."""


class Watching:
    def __init__(
        self, servers: Servers, origin: str, key_of: Callable[[str], str], fixed_now: Callable[[], str]
    ) -> None:
        """
        Args:
            origin: names this store among all watchers.
            fixed_now: the time, if it is not the servers' own; else "".
        """
        self._servers = servers
        self._origin = origin
        self._key_of = key_of
        self._fixed_now = fixed_now
        self._hearing: asyncio.Task[None] | None = None
        self._until: dict[str, float] = {}
        """By run, when it is to be said again that it is watched."""
        self._heard: dict[str, int] = {}
        """Newest seq others told, of watched runs."""
        self._news = asyncio.Event()

    async def watch(self, runs: Mapping[str, int], timeout: float) -> set[str]:
        """As StateStore.watch.

        Raises:
            StoreError
        """
        self._news.clear()
        changed = await self._say(runs)
        if not changed:
            changed = self._changed(runs)
        if not changed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._news.wait()
            changed = self._changed(runs)
        for run in self._heard.keys() - runs.keys():
            del self._heard[run]
        return changed

    def _changed(self, runs: Mapping[str, int]) -> set[str]:
        return {run for run, seq in self._heard.items() if seq > runs.get(run, seq)}

    async def _say(self, runs: Mapping[str, int]) -> set[str]:
        """Say of new runs that they are watched; those of them that have changed already.

        The answers come behind those of what was committed here before, so the seqs of `runs` are
        up to date by then: what is newer is others'.
        """
        await self._listen()
        now = asyncio.get_running_loop().time()
        for run in self._until.keys() - runs.keys():
            del self._until[run]
        new = [run for run in runs if self._until.get(run, 0.0) <= now]
        if not new:
            return set()
        calls = [
            self._servers.script(
                "watch", (self._key_of(run),), self._fixed_now(), self._origin, 2 * WATCH_SECONDS
            )
            for run in new
        ]
        answers = await asyncio.gather(*calls)
        self._until.update(dict.fromkeys(new, now + WATCH_SECONDS))
        newest = zip(new, answers, strict=True)
        return {run for run, seq in newest if seq is None or seq > runs.get(run, seq)}

    async def _listen(self) -> None:
        if self._hearing is not None and not self._hearing.done():
            return
        self._until.clear()  # what was told meanwhile was not heard
        try:
            connection = await self._servers.connection("")
            try:
                await connection.send_command("SUBSCRIBE", f"tf:watch:{self._origin}", check_health=False)
                await connection.read_response()
            except BaseException:  # also if who watches is told to end just then
                await connection.disconnect(nowait=True)
                raise
        except TROUBLE as e:
            raise plainly(str(self._servers.address), e) from e
        self._hearing = asyncio.get_running_loop().create_task(self._hear(connection))

    async def _hear(self, connection: Connection) -> None:
        try:
            while True:
                _, _, told = await connection.read_response(timeout=math.inf)
                seq, _, run = told.partition(" ")
                self._heard[run] = max(self._heard.get(run, 0), int(seq))
                self._news.set()
        except TROUBLE as e:
            log.info("what others change is not heard until the next look: %s", e)
        finally:
            await connection.disconnect(nowait=True)

    async def close(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()
            await asyncio.gather(self._hearing, return_exceptions=True)
