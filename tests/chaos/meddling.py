"""What goes wrong inside a process: wake-ups that are lost, late, doubled or out of order, and a clock
that is moved.

A worker under test is the usual command with `install()` before it.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import SharedScheduler

RATE_VARIABLE = "CHAOS_RATE"
"""Share of the wake-ups that something happens to."""
CLOCK_VARIABLE = "CHAOS_CLOCK"
"""Names a file: at SIGUSR1 the process's clock is moved by the seconds in it."""
LATEST = 5.0
"""Seconds a wake-up is late, at most."""


class MeddlingScheduler:
    """Around a scheduler: the same port."""

    def __init__(self, inner: SharedScheduler, rate: float, dice: random.Random) -> None:
        self._inner = inner
        self._rate = rate
        self._dice = dice

    async def open(self, stack: AsyncExitStack) -> None:
        await self._inner.open(stack)

    async def consume(
        self, stack: AsyncExitStack, accept: Callable[[Trigger], Awaitable[bool]], *rest: Any
    ) -> None:
        async def twice(trigger: Trigger) -> bool:
            if self._dice.random() >= self._rate:
                return await accept(trigger)
            await asyncio.sleep(self._dice.random())
            return any(await asyncio.gather(accept(trigger), accept(trigger)))

        await self._inner.consume(stack, twice, *rest)

    def schedule(self, triggers: Sequence[Trigger]) -> None:
        now: list[Trigger] = []
        for trigger in triggers:
            if self._dice.random() >= self._rate:
                now.append(trigger)
                continue
            match self._dice.choice(("lost", "late", "doubled")):
                case "late":
                    late = self._dice.uniform(0.1, LATEST)
                    asyncio.get_running_loop().call_later(late, self._inner.schedule, [trigger])
                case "doubled":
                    now += [trigger, trigger]
        self._dice.shuffle(now)
        self._inner.schedule(now)

    def forget(self, run: str) -> None:
        self._inner.forget(run)


def install() -> None:
    """Must come before anything else of the package is imported: it keeps the clock it finds."""
    _move_the_clock()
    from tinyflow_nb.engine import connect

    rate = float(os.environ.get(RATE_VARIABLE, "0"))
    inner = connect.open_scheduler

    def open_scheduler(*args: Any, **options: Any) -> Any:
        return MeddlingScheduler(inner(*args, **options), rate, random.Random(os.getpid()))

    connect.open_scheduler = open_scheduler


def _move_the_clock() -> None:
    file = Path(os.environ[CLOCK_VARIABLE])
    true = time.time
    ahead = 0.0

    def moved() -> float:
        return true() + ahead

    def move(*_: object) -> None:
        nonlocal ahead
        ahead = float(file.read_text())

    time.time = moved
    signal.signal(signal.SIGUSR1, move)
