"""The Redis scheduler: wake-ups through a list for each lane of tags, for teams without a broker.

A wake-up that is lost, in a worker that dies or with Redis itself, is found by the sweep.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from redis.asyncio import Connection

from tinyflow_nb.errors import TinyflowError
from tinyflow_nb.model.lanes import lane_of, lanes_of
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import Clock, DueIndex
from tinyflow_nb.schedulers.redis_monitor import RedisMonitor
from tinyflow_nb.schedulers.sweep import Accept, Room, bring, sweep
from tinyflow_nb.schedulers.timers import Timers
from tinyflow_nb.schedulers.wire import from_text, to_text
from tinyflow_nb.stores.redis.address import parse
from tinyflow_nb.stores.redis.channel import SILENCE_SECONDS
from tinyflow_nb.stores.redis.servers import TROUBLE, Servers

log = logging.getLogger(__name__)

QUEUE = "tf:{wake}:q"
"""What any worker may run; of each lane of tags `QUEUE:eu+gpu`."""
LONGEST = 100_000
"""Wake-ups kept while nobody takes them: the oldest are dropped, the store has what they name."""
KEPT_SECONDS = 86_400
BATCH = 16
"""Wake-ups taken at once, at most: the others are for other workers."""
BLOCK_SECONDS = 5
HORIZON = 60.0
"""Seconds. What is due later is left to the sweep: a run may wait a month for a person."""
PAUSE_SECONDS = 0.5
"""After trouble with the server."""


class RedisScheduler:
    def __init__(self, address: str, index: DueIndex, clock: Clock) -> None:
        """
        Args:
            address: as the Redis store's.
            index: of the store whose triggers it carries.

        Raises:
            SettingsError
        """
        self._servers = Servers(parse(address))
        self._index = index
        self._timers = Timers(clock, index.now, lambda trigger: self.schedule([trigger]), HORIZON)
        self._queues = [QUEUE]
        """Those this worker takes from."""
        self._out: list[tuple[str, str]] = []
        """Queue and text."""
        self._some_out = asyncio.Event()
        self._ending = False
        self._connection: Connection | None = None
        """Waits for wake-ups; the others need not wait behind it."""
        self.trouble = ""
        monitor = RedisMonitor(self._servers)
        self.tell, self.told = monitor.tell, monitor.told
        self.counts: Counter[str] = Counter()

    async def open(self, stack: AsyncExitStack) -> None:
        await self._servers.open(stack)
        sender = asyncio.get_running_loop().create_task(self._send())

        async def close() -> None:
            self._timers.close()
            self._ending = True
            self._some_out.set()
            await sender  # not cancelled: what it is sending would be lost

        stack.push_async_callback(close)

    async def consume(
        self, stack: AsyncExitStack, accept: Accept, room: Room, tags: Sequence[str] = ()
    ) -> None:
        self._queues = [_queue(lane) for lane in reversed(lanes_of(tags))]  # first what few may run
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(self._take(accept, room)),
            loop.create_task(sweep(self._index, accept, room, tags)),
        ]

        async def stop() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._disconnect()

        stack.push_async_callback(stop)

    def schedule(self, triggers: Sequence[Trigger]) -> None:
        now = self._index.now()
        for trigger in triggers:
            if trigger.wait(now):
                self._timers.set(trigger)
            elif len(self._out) < LONGEST:
                # one each: several workers share what one made ready
                self._out.append((_queue(lane_of(trigger.tags)), to_text([trigger])))
        if self._out:
            self._some_out.set()

    def forget(self, run: str) -> None:
        self._timers.forget(run)

    # ------------------------------------------------------------------ sending

    async def _send(self) -> None:
        while self._out or not self._ending:
            await self._some_out.wait()
            self._some_out.clear()
            await self._push()

    async def _push(self) -> None:
        out, self._out = self._out, []
        by_queue: dict[str, list[str]] = {}
        for queue, text in out:
            by_queue.setdefault(queue, []).append(text)
        try:
            await asyncio.gather(*(self._push_to(queue, texts) for queue, texts in by_queue.items()))
        except TinyflowError as e:
            log.warning("%d wake-ups could not be sent; the sweep finds what they name: %s", len(out), e)

    async def _push_to(self, queue: str, texts: list[str]) -> None:
        length, _ = await asyncio.gather(
            self._servers.call(queue, "RPUSH", queue, *texts),
            self._servers.call(queue, "EXPIRE", queue, KEPT_SECONDS),
        )
        if length > LONGEST:
            await self._servers.call(queue, "LTRIM", queue, -LONGEST, -1)

    # ------------------------------------------------------------------ taking

    async def _take(self, accept: Accept, room: Room) -> None:
        while True:
            free = await room()
            try:
                texts = await self._pop(min(free, BATCH))
                self.trouble = ""
            except (*TROUBLE, TinyflowError) as e:
                self.trouble = f"could not take wake-ups: {e}"
                log.warning("%s", self.trouble)
                await self._disconnect()
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            triggers = [trigger for text in texts for trigger in self._read(text)]
            try:
                await bring(triggers, accept)
            except asyncio.CancelledError:
                self.schedule(triggers)  # those accepted meanwhile are dropped by whom they come to
                raise

    async def _pop(self, most: int) -> list[bytes]:
        """Waits a while for one; then what else there is, at once."""
        if self._connection is None:
            await self._servers.call(QUEUE, "LLEN", QUEUE)  # a cluster's slots are up to date from here on
            self._connection = await self._servers.connection(QUEUE)
        first = await _ask(self._connection, "BLPOP", *self._queues, BLOCK_SECONDS)
        if first is None:
            return []
        queue, text = first
        rest = await _ask(self._connection, "LPOP", queue, most - 1) if most > 1 else None
        return [text, *(rest or ())]

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    def _read(self, text: bytes) -> list[Trigger]:
        try:
            return from_text(text)
        except ValueError as e:
            self.counts["dropped"] += 1
            log.warning("dropped from %s: %.80r: %s", QUEUE, text, e)
            return []


def _queue(lane: str) -> str:
    return f"{QUEUE}:{lane}" if lane else QUEUE


async def _ask(connection: Connection, *command: Any) -> Any:
    async with asyncio.timeout(BLOCK_SECONDS + SILENCE_SECONDS):
        await connection.send_command(*command, check_health=False)
        return await connection.read_response(disable_decoding=True)  # anybody may write to a queue
