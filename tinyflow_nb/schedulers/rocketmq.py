"""The RocketMQ scheduler: wake-ups as messages. The store is the truth, a message only saves time.

A message is acknowledged once its triggers are claimed, not when their nodes are done: from there on
the store's leases protect them. What gets lost with the broker, the sweep finds.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack

from tinyflow_nb.model.lanes import lane_of, lanes_of, may_run
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import Clock, DueIndex
from tinyflow_nb.schedulers.rocketmq_boxes import Inbox, Message, Outbox
from tinyflow_nb.schedulers.rocketmq_client import TROUBLES, Client, told
from tinyflow_nb.schedulers.rocketmq_monitor import RocketMQMonitor
from tinyflow_nb.schedulers.rocketmq_names import DELAY, EXECUTION, TIMERS, group_of, tag_of
from tinyflow_nb.schedulers.sweep import Accept, Room, bring, sweep
from tinyflow_nb.schedulers.timers import Timers
from tinyflow_nb.schedulers.wire import LARGEST, from_text, to_text
from tinyflow_nb.settings import RocketMQSettings

log = logging.getLogger(__name__)

SHORTEST_DELAY = 1.0
"""Seconds. What is due sooner is not worth a message, which counts whole ones."""
LONGEST_DELAY = 86_000.0
"""The broker refuses more than a day; the sweep finds what is due later."""
SPREAD = 16
"""Messages that what becomes ready together is spread over, so that workers share it."""
TOGETHER = 32
"""Triggers in one message, at most."""
WAITING = 100_000
"""Wake-ups kept while the broker is away; the store has what the others name."""


class RocketMQScheduler:
    def __init__(self, address: str, index: DueIndex, clock: Clock, settings: RocketMQSettings) -> None:
        """
        Args:
            address: `rocketmq://[key:secret@]host:port[;host:port]`, or `rocketmq`: as the settings say.
            index: of the store whose triggers it carries.

        Raises:
            SettingsError
        """
        self._client = Client(address, settings)
        self._outbox = Outbox(self._client, (EXECUTION, DELAY))
        self._index = index
        self._timers = Timers(clock, index.now, lambda trigger: self.schedule([trigger]))
        self._ready: dict[str, list[Trigger]] = defaultdict(list)
        """By lane."""
        self._later: list[Trigger] = []
        self._waiting = 0
        self._some = asyncio.Event()
        self._ending = False
        self._acks: set[asyncio.Task[None]] = set()
        self._most = min(settings.cached_messages, settings.cached_bytes // LARGEST)
        self._at_once = settings.consumption_threads
        self.trouble = ""
        monitor = RocketMQMonitor(self._client, self._outbox)
        self.tell, self.told = monitor.tell, monitor.told
        self.counts: Counter[str] = Counter()

    async def open(self, stack: AsyncExitStack) -> None:
        """Raises MissingExtra."""
        stack.push_async_callback(self._outbox.close)
        await self._outbox.open()
        sender = asyncio.get_running_loop().create_task(self._send())

        async def close() -> None:
            self._timers.close()
            self._ending = True
            self._some.set()
            await sender  # not cancelled: what it is sending would be lost

        stack.push_async_callback(close)

    async def consume(
        self, stack: AsyncExitStack, accept: Accept, room: Room, tags: Sequence[str] = ()
    ) -> None:
        loop = asyncio.get_running_loop()
        # a consumer of two topics would wait on them in turn, and each would hold up the other
        inboxes = [Inbox(self._client, EXECUTION, group_of(lane), tag_of(lane)) for lane in lanes_of(tags)]
        inboxes.append(Inbox(self._client, DELAY, TIMERS, "*"))
        tasks = [
            loop.create_task(self._take(inbox, accept, room, tags))
            for inbox in inboxes
            for _ in range(self._at_once)
        ]
        tasks.append(loop.create_task(sweep(self._index, accept, room, tags)))

        async def stop() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*map(self._hand_on, inboxes))
            await asyncio.gather(*self._acks)
            await asyncio.gather(*(inbox.close() for inbox in inboxes))

        stack.push_async_callback(stop)

    def schedule(self, triggers: Sequence[Trigger]) -> None:
        now = self._index.now()
        for trigger in triggers:
            wait = trigger.wait(now)
            if 0 < wait < SHORTEST_DELAY:
                self._timers.set(trigger)
            elif wait <= LONGEST_DELAY and self._waiting < WAITING:
                (self._later if wait else self._ready[lane_of(trigger.tags)]).append(trigger)
                self._waiting += 1
        if self._waiting:
            self._some.set()

    def forget(self, run: str) -> None:
        self._timers.forget(run)

    # ------------------------------------------------------------------ sending

    async def _send(self) -> None:
        while self._waiting or not self._ending:
            await self._some.wait()
            self._some.clear()
            await self._flush()

    async def _flush(self) -> None:
        ready, self._ready = self._ready, defaultdict(list)
        later, self._later = self._later, []
        self._waiting = 0
        sends = []
        for lane, triggers in ready.items():
            size = min(TOGETHER, math.ceil(len(triggers) / SPREAD))
            for at in range(0, len(triggers), size):
                body = to_text(triggers[at : at + size]).encode()
                sends.append(self._outbox.send(EXECUTION, body, tag_of(lane)))
        # rounded up: a unit brought too early is not claimed
        sends += [self._outbox.send(DELAY, to_text([t]).encode(), at=math.ceil(t.due)) for t in later]
        failed = [e for e in await asyncio.gather(*sends, return_exceptions=True) if e is not None]
        self.counts["sent"] += len(sends) - len(failed)
        if failed:
            self.counts["unsent"] += len(failed)
            log.warning(
                "%d of %d messages could not be sent to RocketMQ at %s; the sweep finds what they name: %s",
                len(failed), len(sends), self._client.endpoints, told(failed[0]),
            )  # fmt: skip

    # ------------------------------------------------------------------ taking

    async def _take(self, inbox: Inbox, accept: Accept, room: Room, tags: Sequence[str]) -> None:
        troubles = 0
        while True:
            free = await room()
            try:
                messages = await inbox.receive(min(free, self._most))
            except Exception as e:  # its client raises what it likes
                troubles += 1
                log.debug("a receive failed", exc_info=True)
                if troubles >= TROUBLES:
                    self.trouble = f"RocketMQ at {self._client.endpoints} gives no messages: {told(e)}"
                if troubles == TROUBLES:
                    log.warning("%s", self.trouble)
                await asyncio.sleep(min(0.2 * troubles, 1.0))
                continue
            if troubles >= TROUBLES:
                log.info("RocketMQ at %s gives messages again", self._client.endpoints)
            troubles, self.trouble = 0, ""
            await self._bring(inbox, messages, accept, tags)

    async def _bring(
        self, inbox: Inbox, messages: list[Message], accept: Accept, tags: Sequence[str]
    ) -> None:
        found = [(message, self._read(message)) for message in messages]
        self.schedule([t for _, named in found for t in named if not may_run(t.tags, tags)])
        mine = [(m.message_id, [t for t in named if may_run(t.tags, tags)]) for m, named in found]
        try:
            await asyncio.gather(*(bring(triggers, accept, message) for message, triggers in mine))
        except asyncio.CancelledError:
            # those accepted meanwhile are dropped by whom they come to
            self.schedule([t for _, triggers in mine for t in triggers])
            raise
        finally:
            self._ack(inbox, messages)

    async def _hand_on(self, inbox: Inbox) -> None:
        """What came in while closing."""
        for messages in await inbox.last():
            self.schedule([trigger for message in messages for trigger in self._read(message)])
            self._ack(inbox, messages)

    def _ack(self, inbox: Inbox, messages: list[Message]) -> None:
        async def ack() -> None:
            try:
                await inbox.ack(messages)
            except Exception:  # they come again, and name nothing any more
                log.debug("%d messages could not be acknowledged", len(messages), exc_info=True)

        if messages:
            task = asyncio.get_running_loop().create_task(ack())
            self._acks.add(task)
            task.add_done_callback(self._acks.discard)

    def _read(self, message: Message) -> list[Trigger]:
        self.counts["taken"] += 1
        try:
            return from_text(message.body)
        except ValueError as e:
            self.counts["dropped"] += 1
            log.warning("dropped message %s of %s: %s", message.message_id, message.topic, e)
            return []
