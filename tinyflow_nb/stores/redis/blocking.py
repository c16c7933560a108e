"""Calls for threads: leases are renewed while the event loop is busy (SEMANTICS 19)."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

from tinyflow_nb.stores.redis.address import Address
from tinyflow_nb.stores.redis.channel import Answer
from tinyflow_nb.stores.redis.servers import Servers

PATIENCE_SECONDS = 1.0
"""The next renewal tries again."""


class BlockingCalls:
    """Connections of their own, on an event loop in a thread that lives from the first call on."""

    def __init__(self, address: Address) -> None:
        self._servers = Servers(address, PATIENCE_SECONDS)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._live, name="leases in redis", daemon=True)

    def scripts(self, name: str, calls: list[tuple[Any, ...]]) -> list[Answer]:
        """Run a script, which may be run twice, for each of several keys; not on the thread's own loop.

        Args:
            calls: key, then the script's arguments.

        Raises:
            StoreError
        """

        async def run() -> list[Answer]:
            return await asyncio.gather(*(self._servers.script(name, (key,), *args) for key, *args in calls))

        return asyncio.run_coroutine_threadsafe(run(), self._running()).result()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread.start()
            return self._loop

    def _live(self) -> None:
        assert self._loop is not None
        with contextlib.closing(self._loop):
            self._loop.run_forever()
            self._loop.run_until_complete(self._servers.close())

    def close(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
