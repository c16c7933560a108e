"""Dead letters in Redis: one hash, by trigger."""

from __future__ import annotations

import logging

from pydantic import TypeAdapter

from tinyflow_nb.model.trigger import DeadLetter, Trigger
from tinyflow_nb.stores.redis.encoding import dumps
from tinyflow_nb.stores.redis.servers import Servers

log = logging.getLogger(__name__)

KEY = "tf:{dead}:letters"
KEPT_SECONDS = 30 * 86_400
"""Since the last one was buried."""
MOST = 10_000

_LETTER = TypeAdapter(DeadLetter)


class Cemetery:
    """The DeadLetters' part of the Redis store."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def bury(self, letter: DeadLetter) -> None:
        if await self._servers.call(KEY, "HLEN", KEY) >= MOST:
            log.error("%d dead letters are kept already; dropped that of run %s", MOST, letter.trigger.run)
            return
        await self._servers.call(KEY, "HSET", KEY, dumps(letter.trigger), dumps(letter))
        await self._servers.call(KEY, "EXPIRE", KEY, KEPT_SECONDS)

    async def is_buried(self, trigger: Trigger) -> bool:
        return bool(await self._servers.call(KEY, "HEXISTS", KEY, dumps(trigger)))

    async def dead_letters(self) -> list[DeadLetter]:
        texts = await self._servers.call(KEY, "HVALS", KEY)
        return sorted((_LETTER.validate_json(text) for text in texts), key=lambda letter: letter.at)

    async def dig_up(self, trigger: Trigger) -> bool:
        return bool(await self._servers.call(KEY, "HDEL", KEY, dumps(trigger)))
