"""Servers: the Redis servers of one address, called with patience.

What is lost on the way is sent again with growing pauses. A script that changes a run is told that it
may have been carried out already, and then gives its first answer again (see `applied_already`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from redis.asyncio import Connection
from redis.exceptions import AskError, RedisClusterException, RedisError

from tinyflow_nb.stores.redis.address import Address
from tinyflow_nb.stores.redis.channel import ANSWERS, Answer, Channel
from tinyflow_nb.stores.redis.places import places_of
from tinyflow_nb.stores.redis.scripts import Scripts
from tinyflow_nb.stores.redis.told import TRANSIENT, UNKNOWN, has_code, plainly

PATIENCE_SECONDS = 30.0
"""How long calls are tried again while the servers can't be reached."""
TROUBLE = (RedisError, RedisClusterException, OSError)
"""What redis-py raises; TimeoutError is an OSError."""


class Servers:
    def __init__(self, address: Address, patience: float | None = None) -> None:
        """
        Args:
            patience: seconds for which calls are tried again while the servers can't be reached.
        """
        self.address = address
        self.is_cluster = address.kind == "cluster"
        self.scripts = Scripts()
        self._places = places_of(address)
        self._patience = patience
        self._since = 0.0
        """When the trouble began that is not over yet: all calls share one patience."""
        self._restored_at = float("-inf")

    async def open(self, stack: AsyncExitStack) -> None:
        """Raises StoreError."""
        stack.push_async_callback(self.close)
        try:
            await (await self._places.channel("")).call(("PING",))
        except TROUBLE as e:
            if not has_code(e, TRANSIENT[self.address.kind]):
                raise plainly(str(self.address), e) from e
            await self.call("", "PING")

    async def close(self) -> None:
        await self._places.close()

    async def connection(self, key: str) -> Connection:
        """One of the caller's own to the server that has the key.

        Raises:
            RedisError, RedisClusterException, OSError
        """
        connection = await self._places.connection(key)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    def script(
        self, name: str, keys: tuple[str, ...], *args: Any, again_at: int = 0
    ) -> Coroutine[Any, Any, Answer]:
        """Run one of the scripts.

        Args:
            again_at: position, among `args` from 1, of the mark "it may have been applied already".

        Raises:
            StoreError
        """
        at = 2 + len(keys) + again_at if again_at else 0
        return self._do(keys[0], (*self.scripts.call(name), len(keys), *keys, *args), at, name)

    def call(self, key: str, *command: Any) -> Coroutine[Any, Any, Answer]:
        """Any command that may be sent twice; its answer as Redis gives it.

        Raises:
            StoreError
        """
        return self._do(key, command, 0, "")

    def restored_within(self, seconds: float) -> bool:
        """Whether they could not be reached some time in the last seconds."""
        return asyncio.get_running_loop().time() - self._restored_at < seconds

    async def _do(self, key: str, command: tuple[Any, ...], again_at: int, script: str) -> Answer:
        until, pause = 0.0, 0.02
        while True:
            try:
                channel = await self._places.channel(key)
                try:
                    answer = await self._exchange(channel, command, script)
                except AskError as e:  # MOVED is one
                    channel = await self._places.follow(e)
                    answer = await self._exchange(channel, command, script, asking=True)
                if self._since:
                    self._since, self._restored_at = 0.0, asyncio.get_running_loop().time()
                return answer
            except ANSWERS as e:
                trouble: Exception = e
                if not has_code(e, TRANSIENT[self.address.kind]):
                    raise plainly(str(self.address), e) from e
            except TROUBLE as e:
                trouble = e
                if again_at:
                    command = (*command[:again_at], "1", *command[again_at + 1 :])
            self._places.look_again()
            now = asyncio.get_running_loop().time()
            self._since = self._since or now
            until = until or self._since + (PATIENCE_SECONDS if self._patience is None else self._patience)
            if now >= until:
                raise plainly(str(self.address), trouble) from trouble
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, 1.0)

    async def _exchange(
        self, channel: Channel, command: tuple[Any, ...], script: str, *, asking: bool = False
    ) -> Answer:
        try:
            return await channel.call(command, asking=asking)
        except ANSWERS as e:
            if not (script and has_code(e, UNKNOWN)):
                raise
            self.scripts.old |= "unknown command" in str(e)
            await channel.call(self.scripts.load(script))
            return await channel.call((*self.scripts.call(script), *command[2:]), asking=asking)
