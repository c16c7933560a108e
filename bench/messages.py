"""`python bench/messages.py`: what messages cost, against the bare client in the same minutes.

Starts a Redis and a RocketMQ of its own in a folder that is deleted afterwards; one JSON line a figure.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psutil

from tinyflow_nb import ChainDefinition, connect, services
from tinyflow_nb.clock import SystemClock
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.schedulers.rocketmq import RocketMQScheduler
from tinyflow_nb.schedulers.rocketmq_boxes import Inbox, Outbox
from tinyflow_nb.schedulers.rocketmq_client import Client
from tinyflow_nb.schedulers.rocketmq_names import EXECUTION
from tinyflow_nb.settings import RocketMQSettings

IN_FLIGHT = 64
MESSAGES = 1_000
TRIALS = 60
LINE = "def n0() -> int:\n    return 0\n" + "".join(
    f"def n{i}(n{i - 1}) -> int:\n    return {i}\n" for i in range(1, 20)
)
FAN = "".join(f"def p{i}() -> int:\n    return {i}\n" for i in range(32)) + (
    "def end(" + ", ".join(f"p{i}" for i in range(32)) + ") -> int:\n    return 32\n"
)
STARTED = "import time\n\ndef a() -> float:\n    return time.time()\n"


def say(what: str, **figures: Any) -> None:
    print(json.dumps({"what": what, **figures}), flush=True)


class Index:
    """Nothing is ever due."""

    now = staticmethod(time.time)

    async def due(self, *_: Any) -> list[Trigger]:
        return []

    deadlines = due


async def in_flight(count: int, one: Callable[[int], Awaitable[Any]]) -> float:
    """How many a second."""
    begun = time.perf_counter()
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await one(number)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return count / (time.perf_counter() - begun)


async def bare(address: str) -> tuple[float, float]:
    """(messages a second sent, received and acknowledged; ms from a send to a waiting receiver)."""
    client = Client(address, RocketMQSettings())
    outbox, inbox = Outbox(client, (EXECUTION,)), Inbox(client, EXECUTION, "bench_bare", "bare")
    seen: dict[int, asyncio.Event] = {number: asyncio.Event() for number in range(-TRIALS, MESSAGES)}
    acks = []

    async def take() -> None:
        while True:
            messages = await inbox.receive(32)
            for message in messages:
                seen[int(message.body)].set()
                acks.append(asyncio.create_task(inbox.ack([message])))  # one each, as a plain program does

    await outbox.open()
    taking = asyncio.create_task(take())

    async def one(number: int) -> None:
        await outbox.send(EXECUTION, str(number).encode(), "bare")
        await seen[number].wait()

    waits = []
    for number in range(-TRIALS, 0):
        begun = time.perf_counter()
        await one(number)
        waits.append(time.perf_counter() - begun)
        await asyncio.sleep(0.02)
    rate = await in_flight(MESSAGES, one)
    taking.cancel()
    await asyncio.gather(*acks, return_exceptions=True)
    await inbox.last()
    await inbox.close()
    await outbox.close()
    return rate, statistics.median(waits) * 1000


async def ours(address: str) -> float:
    """Triggers a second, scheduled one by one."""
    seen = {f"u{number}": asyncio.Event() for number in range(MESSAGES + 1)}

    async def accept(trigger: Trigger) -> bool:
        if trigger.unit in seen:
            seen[trigger.unit].set()
        return True

    async def room() -> int:
        return 1_000

    async with AsyncExitStack() as stack:
        index: Any = Index()
        scheduler = RocketMQScheduler(address, index, SystemClock(), RocketMQSettings())
        await scheduler.open(stack)
        await scheduler.consume(stack, accept, room)

        async def one(number: int) -> None:
            scheduler.schedule([Trigger("bench", 1, f"u{number}")])
            await seen[f"u{number}"].wait()

        await one(MESSAGES)  # all is connected from here on
        rate = await in_flight(MESSAGES, one)
        say("messages for that many triggers", triggers=MESSAGES, messages=scheduler.counts["sent"])
        return rate


async def chains(redis: str, rocketmq: str) -> None:
    async with (
        connect(redis, scheduler=rocketmq) as worker,
        connect(redis, scheduler=rocketmq, execute=False) as client,
    ):

        async def sent(name: str, source: str) -> None:
            definition = ChainDefinition.from_source(source, name)
            await client.execute(definition, timeout=60)
            before = client.scheduler_counts["sent"], worker.scheduler_counts["sent"]
            await client.execute(definition, timeout=60)
            after = client.scheduler_counts["sent"], worker.scheduler_counts["sent"]
            say(name, to_start=after[0] - before[0], afterwards=after[1] - before[1])

        await sent("line_of_20", LINE)
        await sent("fan_of_32", FAN)
        definition, waits = ChainDefinition.from_source(STARTED, "started"), []
        for _ in range(TRIALS):
            run = await client.execute_async(definition)
            started = await client.wait(run, timeout=60)
            waits.append(started - (await anext(client.events(run))).at)
            await asyncio.sleep(0.05)
        quarters = statistics.quantiles(waits, n=20)
        say("trigger committed to node started, ms", p50=quarters[9] * 1000, p95=quarters[18] * 1000)


def idle(redis: str, scheduler: str) -> None:
    command = [sys.executable, "-c", "from tinyflow_nb.cli import app; app()", "worker", "--store", redis]
    with subprocess.Popen([*command, "--scheduler", scheduler], stderr=subprocess.DEVNULL) as worker:
        time.sleep(8)  # started, and at rest: what its client builds behind its start is in the figure
        seen = psutil.Process(worker.pid)
        say("idle worker", scheduler=scheduler.partition(":")[0], megabytes=seen.memory_info().rss / 2**20,
            threads=seen.num_threads())  # fmt: skip
        worker.terminate()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            begun = time.perf_counter()
            redis, rocketmq = services.up(folder=Path(folder))
            say("services up, s", seconds=time.perf_counter() - begun, load=os.getloadavg()[0])
            rate, wait = asyncio.run(bare(rocketmq))
            say("bare client", messages_a_second=rate, send_to_receive_p50_ms=wait)
            mine = asyncio.run(ours(rocketmq))
            say("scheduler", triggers_a_second=mine, of_bare=mine / rate)
            asyncio.run(chains(redis, rocketmq))
            for scheduler in ("redis", rocketmq):
                idle(redis, scheduler)
        finally:
            services.down(folder=Path(folder))


if __name__ == "__main__":
    main()
