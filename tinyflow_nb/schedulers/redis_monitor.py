"""Monitor messages through Redis: one capped stream, which any number of readers read for themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from tinyflow_nb.stores.redis.servers import Servers

STREAM = "tf:{monitor}"
"""Each entry: `run`, and `body`, the message's JSON."""
KEPT = 100_000
"""Messages kept, about; the oldest go first."""
KEPT_SECONDS = 7 * 86_400
"""After the last message."""
LOOK_SECONDS = 0.2
BATCH = 500


class RedisMonitor:
    """The MonitorOutlet's part of the Redis scheduler."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def tell(self, messages: Sequence[tuple[str, str]]) -> None:
        adds = [
            self._servers.call(STREAM, "XADD", STREAM, "MAXLEN", "~", KEPT, "*", "run", run, "body", body)
            for run, body in messages
        ]
        await asyncio.gather(*adds, self._servers.call(STREAM, "EXPIRE", STREAM, KEPT_SECONDS))

    async def told(self, *, from_start: bool) -> AsyncIterator[str]:
        last = "0-0" if from_start else await self._newest()
        while True:
            entries = await self._servers.call(STREAM, "XRANGE", STREAM, f"({last}", "+", "COUNT", BATCH)
            for id, fields in entries:
                last = id
                yield fields[3]
            if not entries:
                await asyncio.sleep(LOOK_SECONDS)

    async def _newest(self) -> str:
        newest = await self._servers.call(STREAM, "XREVRANGE", STREAM, "+", "-", "COUNT", 1)
        return newest[0][0] if newest else "0-0"
