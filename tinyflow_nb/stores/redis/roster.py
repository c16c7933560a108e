"""Roster in Redis: two keys of one slot hold every worker that is alive."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import TypeAdapter

from tinyflow_nb.model.workers import WorkerInfo
from tinyflow_nb.stores.redis.encoding import dumps
from tinyflow_nb.stores.redis.servers import Servers

KEYS = ("tf:{roster}:workers", "tf:{roster}:until")

_WORKER = TypeAdapter(WorkerInfo)


class Workers:
    """The Roster's part of the Redis store."""

    def __init__(self, servers: Servers, now: Callable[[], str]) -> None:
        """
        Args:
            now: the time as scripts take it.
        """
        self._servers = servers
        self._now = now

    async def report(self, worker: WorkerInfo, ttl: float) -> None:
        told = dumps(worker._asdict())
        await self._servers.script("roster", KEYS, self._now(), worker.name, ttl, told)

    async def workers(self) -> list[WorkerInfo]:
        found = await self._servers.script("roster", KEYS, self._now())
        return sorted(_WORKER.validate_json(text) for text in found)
