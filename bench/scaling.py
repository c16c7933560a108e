"""How much a fleet gets done: a model of a few lines, beside a short measurement on this machine.

    python bench/scaling.py [redis://127.0.0.1:PORT/0]

Measures what a node costs with one worker, predicts from that what 1 and 2 workers do with nodes that wait
(as for an answer from a model) and with nodes that do nothing, and says by how much it is wrong. Starts a
Redis of its own unless one is named; that one is emptied.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import psutil
from costs import emptied, own_redis
from redis.asyncio import Redis

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.schedulers.turns import LOOKERS

LINE = 10
SLOTS = 8
"""Nodes a worker has at work at once."""
WAIT_SECONDS = 0.05


class Node(NamedTuple):
    """What one node costs, its share of its run's beginning and end included."""

    worker_us: float
    """Processor time of the worker; one has one processor at most."""
    redis_us: float
    """Processor time of the Redis that has the run; one server has one processor at most."""
    client_us: float = 0.0
    """Processor time of those who submit and wait."""
    messages: float = 0.0
    seconds: float = 0.0
    """Its body waits."""


class Fleet(NamedTuple):
    workers: int
    slots: int
    """Nodes each worker has at work at once."""
    redis: int = 1
    """Servers the shards are spread over."""
    broker: float = float("inf")
    """Messages a second."""
    cores: float = float("inf")
    """Processors all of them share; without a number each has its own."""
    idle_us: float = 0.0
    """Processor time a second of Redis' for a worker that only looks for work."""


class Forecast(NamedTuple):
    rate: float
    """Nodes a second."""
    limit: str
    """What is used up."""


def forecast(node: Node, fleet: Fleet) -> Forecast:
    """The least of what each part can do: they work side by side, and no one waits for another's turn."""
    spent = node.worker_us + node.redis_us + node.client_us
    turn = node.seconds + (node.worker_us + node.redis_us) / 1e6
    looking = min(fleet.workers, LOOKERS) * fleet.idle_us / fleet.redis / 1e6
    limits = {
        "slots": fleet.workers * fleet.slots / turn,
        "workers": fleet.workers * 1e6 / node.worker_us,
        "Redis": fleet.redis * max(0.0, 1 - looking) * 1e6 / node.redis_us,
        "cores": fleet.cores * 1e6 / spent,
    }
    if node.messages:
        limits["broker"] = fleet.broker / node.messages
    name = min(limits, key=limits.__getitem__)
    return Forecast(limits[name], name)


class Seen(NamedTuple):
    rate: float
    node: Node
    cores: float
    """Processors that all of them used, together."""
    left: float
    """Processors that nobody used meanwhile."""


def cell(seconds: float) -> str:
    body = f"    await asyncio.sleep({seconds})\n" if seconds else ""
    head = "import asyncio\n\nasync def n0() -> int:\n" + body + "    return 0\n"
    return head + "".join(
        f"async def n{i}(n{i - 1}: int) -> int:\n{body}    return {i}\n" for i in range(1, LINE)
    )


@contextlib.contextmanager
def workers(address: str, count: int) -> Iterator[list[psutil.Process]]:
    command = [sys.executable, "-c", "from tinyflow_nb.cli import app; app()", "worker", "--store", address]
    started = [
        subprocess.Popen([*command, "--concurrency", str(SLOTS), "--http", "off"], stderr=subprocess.DEVNULL)
        for _ in range(count)
    ]
    try:
        yield [psutil.Process(worker.pid) for worker in started]
    finally:
        for worker in started:
            worker.terminate()
        for worker in started:
            worker.wait()


async def seen(redis: Redis, address: str, count: int, seconds: float, runs: int) -> Seen:
    """A fleet at work on lines of nodes that wait so long."""
    definition = ChainDefinition.from_source(cell(seconds), "line")
    with workers(address, count) as processes:
        async with connect(address, execute=False) as client:

            async def all_of(number: int) -> None:
                await asyncio.gather(*[client.execute(definition, timeout=300) for _ in range(number)])

            async def spent() -> tuple[float, float, float]:
                info = await redis.info("cpu")
                of_workers = sum(sum(worker.cpu_times()[:2]) for worker in processes)
                return of_workers, info["used_cpu_user"] + info["used_cpu_sys"], time.process_time()

            await all_of(4 * count * SLOTS)  # every worker has loaded the chain
            before, begun, at_rest = await spent(), time.perf_counter(), psutil.cpu_times().idle
            await all_of(runs)
            lasted = time.perf_counter() - begun
            left = (psutil.cpu_times().idle - at_rest) / lasted
            used = [1e6 * (now - then) for now, then in zip(await spent(), before, strict=True)]
            node = Node(*(us / runs / LINE for us in used), seconds=seconds)
            return Seen(runs * LINE / lasted, node, sum(used) / 1e6 / lasted, left)


async def main(address: str) -> None:
    print("| nodes | workers | nodes a second | predicted | limit | error | processors used | left |")
    print("|---|---|---|---|---|---|---|---|")
    async with emptied(address) as redis:
        costs = []
        for what, seconds, runs in (("wait 50 ms", WAIT_SECONDS, 80), ("do nothing", 0.0, 400)):
            known: Node | None = None
            for count in (1, 2):
                found = await seen(redis, address, count, seconds, runs * count)
                known = known or found.node
                said = forecast(known, Fleet(count, SLOTS, cores=found.cores + found.left))
                error = 100 * (said.rate / found.rate - 1)
                figures = f"{found.rate:,.0f} | {said.rate:,.0f} | {said.limit} | {error:+.0f} %"
                print(f"| {what} | {count} | {figures} | {found.cores:.2f} | {found.left:.2f} |")
            assert known is not None
            costs.append(
                f"{what}: worker {known.worker_us:.0f}, Redis {known.redis_us:.0f},"
                f" client {known.client_us:.0f} us a node, with one worker"
            )
        print("\n".join(["", *costs]))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(sys.argv[1]))
    else:
        with own_redis() as address:
            asyncio.run(main(address))
