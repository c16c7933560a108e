"""What of runs' events the outside was not told yet: a list of each shard, and a cursor of each run."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from tinyflow_nb.model.commit import RawEvent
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.monitor import Unsent
from tinyflow_nb.stores.redis.servers import Servers

OLDER_SECONDS = 1.0
"""What waits for so long was left by who brought it about."""
LEASE_SECONDS = 15.0
"""For sending what was handed out; then another may."""
EVENTS = 500
"""Of one run, looked at by one call; what one commit brought about stays together."""
RUNS = 100
"""In one call."""

_TYPES = {str(type): type for type in EventType}


class UnsentEvents:
    """The MonitorIndex's part of the Redis store."""

    def __init__(
        self, servers: Servers, lists: Sequence[str], shard_of: Callable[[str], int], now: Callable[[], str]
    ) -> None:
        """
        Args:
            lists: of each shard, the list of its runs that have something to tell.
            now: the time as scripts take it.
        """
        self._servers = servers
        self._lists = lists
        self._shard_of = shard_of
        self._now = now

    async def unsent(self, runs: Sequence[str] | None, sender: str) -> list[Unsent]:
        common = (self._now(), sender, LEASE_SECONDS, EVENTS)
        if runs is None:
            calls = [self._call("unsent", key, *common, OLDER_SECONDS, RUNS) for key in self._lists]
        else:
            calls = [
                self._call("unsent", key, *common, 0, 0, *some)
                for key, named in self._by_list([(run,) for run in runs])
                for some in _parts(named, RUNS)
            ]
        return [_unsent(reply) for replies in await asyncio.gather(*calls) for reply in replies]

    async def sent(self, told: Sequence[tuple[str, int]], sender: str) -> list[str]:
        calls = [self._call("sent", key, sender, *pairs) for key, pairs in self._by_list(told)]
        return [run for runs in await asyncio.gather(*calls) for run in runs]

    def _by_list(self, rows: Sequence[tuple[Any, ...]]) -> list[tuple[str, list[Any]]]:
        """Rows that begin with a run, flat, by the list of the run's shard."""
        found: dict[str, list[Any]] = defaultdict(list)
        for row in rows:
            found[self._lists[self._shard_of(row[0])]] += row
        return list(found.items())

    def _call(self, script: str, key: str, *args: Any) -> Any:
        return self._servers.script(script, (key,), *args)


def _parts(all: list[Any], size: int) -> list[list[Any]]:
    return [all[first : first + size] for first in range(0, len(all), size)]


def _unsent(reply: list[Any]) -> Unsent:
    run, chain, last, flat = reply
    return Unsent(run, chain, int(last), [_event(*flat[i : i + 4]) for i in range(0, len(flat), 4)])


def _event(seq: int, at: str, name: str, data: str) -> RawEvent:
    type, _, unit = name.partition(" ")
    return seq, _TYPES[type], unit, float(at), json.loads(data)
