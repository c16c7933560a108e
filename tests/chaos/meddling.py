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


def meddle(scheduler: SharedScheduler, rate: float, dice: random.Random) -> None:
    """With what it is given, and with what it brings."""
    schedule, consume = scheduler.schedule, scheduler.consume

    def meddled_schedule(triggers: Sequence[Trigger]) -> None:
        now: list[Trigger] = []
        for trigger in triggers:
            if dice.random() >= rate:
                now.append(trigger)
                continue
            match dice.choice(("lost", "late", "doubled")):
                case "late":
                    late = dice.uniform(0.1, LATEST)
                    asyncio.get_running_loop().call_later(late, schedule, [trigger])
                case "doubled":
                    now += [trigger, trigger]
        dice.shuffle(now)
        schedule(now)

    async def meddled_consume(
        stack: AsyncExitStack, accept: Callable[[Trigger], Awaitable[bool]], *rest: Any, **named: Any
    ) -> None:
        async def twice(trigger: Trigger) -> bool:
            if dice.random() >= rate:
                return await accept(trigger)
            await asyncio.sleep(dice.random())
            return any(await asyncio.gather(accept(trigger), accept(trigger)))

        await consume(stack, twice, *rest, **named)

    vars(scheduler).update(schedule=meddled_schedule, consume=meddled_consume)


def install() -> None:
    """Must come before anything else of the package is imported: it keeps the clock it finds."""
    _move_the_clock()
    from tinyflow_nb.engine import connect

    rate = float(os.environ.get(RATE_VARIABLE, "0"))
    inner = connect.open_scheduler

    def open_scheduler(*args: Any, **options: Any) -> Any:
        scheduler = inner(*args, **options)
        meddle(scheduler, rate, random.Random(os.getpid()))
        return scheduler

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
