"""The RocketMQ scheduler: wake-ups as messages. The store is the truth, a message only saves time.

A message is acknowledged once its triggers are claimed, not when their nodes are done: from there on
the store's leases protect them. What gets lost with the broker, the sweep finds.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack

from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import Clock, DueIndex
from tinyflow_nb.schedulers.rocketmq_client import Client, Inbox, Message, Outbox, told
from tinyflow_nb.schedulers.sweep import Accept, Room, bring, sweep
from tinyflow_nb.schedulers.timers import Timers
from tinyflow_nb.schedulers.wire import from_text, to_text

log = logging.getLogger(__name__)

EXECUTION = "workflow_node_execution"
DELAY = "workflow_node_delay"
GROUPS = {EXECUTION: "tinyflow_workers", DELAY: "tinyflow_timers"}
"""One each: a consumer of two topics waits on them in turn, and each would hold up the other."""
SHORTEST_DELAY = 1.0
"""Seconds. What is due sooner is not worth a message, which counts whole ones."""
LONGEST_DELAY = 86_000.0
"""The broker refuses more than a day; the sweep finds what is due later."""
SPREAD = 16
"""Messages that what becomes ready together is spread over, so that workers share it."""
TOGETHER = 32
"""Triggers in one message, at most."""
BATCH = 16
"""Messages taken at once, at most."""
WAITING = 100_000
"""Wake-ups kept while the broker is away; the store has what the others name."""
TROUBLES = 3
"""Failed receives in a row until the consumer is built anew."""


class RocketMQScheduler:
    def __init__(self, address: str, index: DueIndex, clock: Clock) -> None:
        """
        Args:
            address: `rocketmq://[key:secret@]host:port[;host:port]`
            index: of the store whose triggers it carries.

        Raises:
            SettingsError
        """
        self._client = Client(address)
        self._outbox = Outbox(self._client, (EXECUTION, DELAY))
        self._index = index
        self._timers = Timers(clock, index.now, lambda trigger: self.schedule([trigger]))
        self._ready: list[Trigger] = []
        self._later: list[Trigger] = []
        self._some = asyncio.Event()
        self._acks: set[asyncio.Task[None]] = set()
        self.trouble = ""
        self.counts: Counter[str] = Counter()

    async def open(self, stack: AsyncExitStack) -> None:
        """Raises MissingExtra."""
        stack.callback(self._client.close)
        await self._outbox.open()
        stack.push_async_callback(self._outbox.close)
        sender = asyncio.get_running_loop().create_task(self._send())

        async def close() -> None:
            self._timers.close()
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            await self._flush()

        stack.push_async_callback(close)

    async def consume(
        self, stack: AsyncExitStack, accept: Accept, room: Room, tags: Sequence[str] = ()
    ) -> None:
        loop = asyncio.get_running_loop()
        inboxes = [Inbox(self._client, topic, group) for topic, group in GROUPS.items()]
        tasks = [loop.create_task(self._take(inbox, accept, room)) for inbox in inboxes]
        tasks.append(loop.create_task(sweep(self._index, accept, room)))

        async def stop() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for inbox, messages in zip(
                inboxes, await asyncio.gather(*(i.last() for i in inboxes)), strict=True
            ):
                for message in messages:
                    self.schedule(self._read(message))
                    self._ack(inbox, message)
            await asyncio.gather(*self._acks)
            await asyncio.gather(*(inbox.rebuild() for inbox in inboxes))

        stack.push_async_callback(stop)

    def schedule(self, triggers: Sequence[Trigger]) -> None:
        now = self._index.now()
        for trigger in triggers:
            wait = trigger.wait(now)
            if 0 < wait < SHORTEST_DELAY:
                self._timers.set(trigger)
            elif wait <= LONGEST_DELAY and len(self._ready) + len(self._later) < WAITING:
                (self._ready if wait <= 0 else self._later).append(trigger)
        if self._ready or self._later:
            self._some.set()

    def forget(self, run: str) -> None:
        self._timers.forget(run)

    # ------------------------------------------------------------------ sending

    async def _send(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            await self._flush()

    async def _flush(self) -> None:
        ready, self._ready = self._ready, []
        later, self._later = self._later, []
        size = min(TOGETHER, math.ceil(len(ready) / SPREAD)) or 1
        batches = [ready[at : at + size] for at in range(0, len(ready), size)]
        sends = [self._outbox.send(EXECUTION, to_text(batch).encode()) for batch in batches]
        # rounded up: a unit brought too early is not claimed
        sends += [self._outbox.send(DELAY, to_text([t]).encode(), math.ceil(t.due)) for t in later]
        failed = [e for e in await asyncio.gather(*sends, return_exceptions=True) if e is not None]
        if failed:
            log.warning(
                "%d of %d messages could not be sent to RocketMQ at %s; the sweep finds what they name: %s",
                len(failed), len(sends), self._client.endpoints, told(failed[0]),
            )  # fmt: skip

    # ------------------------------------------------------------------ taking

    async def _take(self, inbox: Inbox, accept: Accept, room: Room) -> None:
        troubles = 0
        while True:
            free = await room()
            try:
                messages = await inbox.receive(min(free, BATCH))
                if troubles >= TROUBLES:
                    log.info("RocketMQ at %s gives messages again", self._client.endpoints)
                troubles, self.trouble = 0, ""
            except Exception as e:  # its client raises what it likes
                troubles += 1
                if troubles >= TROUBLES:
                    self.trouble = f"RocketMQ at {self._client.endpoints} gives no messages: {told(e)}"
                log.debug("a receive failed", exc_info=True)
                if troubles == TROUBLES:
                    log.warning("%s", self.trouble)
                if troubles >= TROUBLES:
                    await inbox.rebuild()
                await asyncio.sleep(min(0.2 * troubles, 1.0))
                continue
            found = [(message, self._read(message)) for message in messages]
            triggers = [trigger for _, named in found for trigger in named]
            try:
                brought = (bring(named, accept, message.message_id) for message, named in found)
                await asyncio.gather(*brought)
            except asyncio.CancelledError:
                self.schedule(triggers)  # those accepted meanwhile are dropped by whom they come to
                raise
            finally:
                for message in messages:
                    self._ack(inbox, message)

    def _ack(self, inbox: Inbox, message: Message) -> None:
        async def ack() -> None:
            try:
                await inbox.ack(message)
            except Exception:  # it comes again, and names nothing any more
                log.debug("message %s could not be acknowledged", message.message_id, exc_info=True)

        task = asyncio.get_running_loop().create_task(ack())
        self._acks.add(task)
        task.add_done_callback(self._acks.discard)

    def _read(self, message: Message) -> list[Trigger]:
        try:
            return from_text(message.body)
        except ValueError as e:
            self.counts["dropped"] += 1
            log.warning("dropped message %s of %s: %s", message.message_id, message.topic, e)
            return []
