"""The faults: which come when is drawn from a seed, so that a seed brings the same ones again."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.chaos.ledger import Ledger
from tests.chaos.stage import Stage, Worker
from tests.services.talk import redis_says
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import SharedScheduler

KINDS = ("kill", "redis", "broker", "messages", "pause", "clock")
WEIGHTS = {"kill": 4, "redis": 2, "broker": 1, "messages": 2, "pause": 3, "clock": 2}
QUEUE = "tf:{wake}:q"
STALE = 50
"""Wake-ups of long ago that are sent again at once."""


class Fault(NamedTuple):
    after: float
    """Seconds since the last one was over."""
    kind: str
    victim: int
    """Which of the workers, counted round."""
    size: float
    """From 0 to 1; what it means is the kind's."""


def plan(seed: int, kinds: tuple[str, ...]) -> Iterator[Fault]:
    """Each kind once, in any order; then as they are drawn, for ever."""
    dice = random.Random(f"faults {seed}")
    first = list(kinds)
    dice.shuffle(first)
    while True:
        kind = first.pop() if first else dice.choices(kinds, [WEIGHTS[k] for k in kinds])[0]
        yield Fault(dice.uniform(1.0, 4.0), kind, dice.randrange(1_000), dice.random())


@dataclass
class Done:
    """A fault that was brought about."""

    kind: str
    at: float
    """Unix seconds."""
    back: float = math.inf
    """When what was gone answered again, or could work again."""
    pids: list[int] = field(default_factory=list)
    """Workers it was done to."""


class Faults:
    """Brings them about, one after the other."""

    def __init__(self, stage: Stage, scheduler: SharedScheduler, lease: float) -> None:
        """
        Args:
            scheduler: of a client; what it is given comes from outside.
        """
        self.done: list[Done] = []
        self._stage = stage
        self._scheduler = scheduler
        self._lease = lease
        self._broker_returns: asyncio.Task[None] | None = None

    async def bring(self, faults: Iterator[Fault], over: asyncio.Event) -> None:
        """Until it is over; then nothing is left broken."""
        for fault in faults:
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), fault.after)
            if over.is_set():
                break
            act = self._act(fault)
            if fault.kind != "broker":
                await act
            elif self._broker_returns is None or self._broker_returns.done():
                self._broker_returns = asyncio.create_task(act)  # it takes a while: on with the others
            else:
                act.close()
        if self._broker_returns is not None:
            await self._broker_returns

    async def _act(self, fault: Fault) -> None:
        told = Done(fault.kind, time.time())
        self.done.append(told)
        await getattr(self, f"_{fault.kind}")(fault, told)
        told.back = time.time()

    async def _kill(self, fault: Fault, told: Done) -> None:
        """One worker, sometimes two."""
        for number in range(1 if fault.size < 0.75 else 2):
            victim = self._victim(fault.victim + number)
            told.pids.append(victim.pid)
            self._stage.kill(victim)
        for _ in told.pids:
            await self._stage.start_worker()
        await self._stage.ready()

    async def _pause(self, fault: Fault, told: Done) -> None:
        """Past its lease: what it then goes on with must not count."""
        victim = self._victim(fault.victim)
        told.pids.append(victim.pid)
        victim.pause()
        await asyncio.sleep(self._lease + 0.5 + 3 * fault.size)
        victim.go_on()

    async def _clock(self, fault: Fault, told: Done) -> None:
        """As if somebody had set it: up to a minute forwards or backwards."""
        victim = self._victim(fault.victim)
        told.pids.append(victim.pid)
        victim.move_clock(120 * (fault.size - 0.5))

    async def _redis(self, fault: Fault, told: Done) -> None:
        await self._restart("redis", fault.size)

    async def _broker(self, fault: Fault, told: Done) -> None:
        await self._restart("rocketmq", fault.size)

    async def _restart(self, service: str, size: float) -> None:
        await asyncio.to_thread(self._stage.crash, service)
        await asyncio.sleep(3 * size)
        await asyncio.to_thread(self._stage.up, service)

    async def _messages(self, fault: Fault, told: Done) -> None:
        """Wake-ups of long ago, of runs nobody knows, and in Redis also what is none at all."""
        keys = list(dict.fromkeys(line.key for line in Ledger(self._stage.ledger).lines))
        stale = [Trigger(*_unit(key)) for key in keys[fault.victim % (len(keys) + 1) :][:STALE]]
        self._scheduler.schedule([*stale, *stale, Trigger("nobody-knows-it", 1, "node", 0, "run")])
        if self._stage.scheduler == "redis":
            for garbage in ("garbage", "[[", '[["a",1]]', "9" * 1_000):
                await asyncio.to_thread(redis_says, self._stage.store, f"RPUSH {QUEUE} '{garbage}'")

    def _victim(self, number: int) -> Worker:
        return self._stage.workers[number % len(self._stage.workers)]


def _unit(key: str) -> tuple[str, int, str]:
    """Run, generation and unit of an idempotency key."""
    run, node, item, round_number = key.rsplit("/", 3)
    unit = node if item == "-" else f"{node}[{item}]"
    return run, 1, unit if round_number == "1" else f"{unit}#{round_number}"
