"""What a run costs its Redis and its worker, by the shape of its graph: counted by Redis itself.

    python bench/costs.py [redis://127.0.0.1:PORT/0]

Starts a Redis of its own unless one is named; that one is emptied. What an idle worker asks for meanwhile is
measured first and taken off.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as NotYet

from tinyflow_nb import ChainDefinition, ChainExecutor, connect

IDLE_SECONDS = 6.0
HEAD = "from tinyflow_nb import chain, confirm, node\n"
ONE = "async def n0() -> int:\n    return 0\n"


def line(nodes: int) -> str:
    return ONE + "".join(f"async def n{i}(n{i - 1}: int) -> int:\n    return {i}\n" for i in range(1, nodes))


class Shape(NamedTuple):
    source: str
    units: int
    """Bodies that run; a form that is answered is one, too."""
    answered: bool = False


SHAPES = {
    "one node": Shape(line(1), 1),
    "line of 21": Shape(line(21), 21),
    "50 at once, then 1": Shape(
        "".join(f"async def p{i}() -> int:\n    return {i}\n" for i in range(50))
        + "async def end(" + ", ".join(f"p{i}" for i in range(50)) + ") -> int:\n    return 1\n", 51,
    ),
    "each of 50 items": Shape(
        "async def xs() -> list[int]:\n    return list(range(50))\n\n"
        '@node(each="x in xs")\nasync def item(x: int) -> int:\n    return x\n', 51,
    ),
    "a nested chain of 1": Shape('@chain("one_node", inputs={})\ndef below() -> int: ...\n', 1),
    "a form, answered": Shape('@confirm\ndef ask() -> int:\n    "How many?"\n', 1, True),
    "a retry": Shape(
        '@node(retry=1)\nasync def n0(ctx: "ExecutionContext") -> int:\n'
        "    if ctx.attempt == 1:\n        raise ValueError\n    return 0\n", 1,
    ),
}  # fmt: skip


class Cost(NamedTuple):
    """Of one run, or of a second of doing nothing."""

    calls: float
    """Scripts called. Each is a round trip, unless several go together."""
    commands: float
    """Commands of Redis, those inside scripts among them."""
    bytes_in: float
    bytes_out: float
    messages: float
    """Wake-ups for other workers."""
    redis_us: float
    """Processor time of the server."""
    worker_us: float
    """Processor time of the process that submits, executes and waits."""

    def less(self, other: Cost, times: float) -> Cost:
        return Cost(*(mine - times * its for mine, its in zip(self, other, strict=True)))

    def part(self, of: float) -> Cost:
        return Cost(*(figure / of for figure in self))


@contextlib.contextmanager
def own_redis() -> Iterator[str]:
    if shutil.which("redis-server") is None:
        sys.exit("redis-server is missing; or name a Redis that may be emptied")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", folder]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
            try:
                yield f"redis://127.0.0.1:{port}/0"
            finally:
                server.terminate()


@contextlib.asynccontextmanager
async def emptied(address: str) -> AsyncIterator[Redis]:
    """A connection to look at it with."""
    redis = Redis.from_url(address, decode_responses=True)
    for _ in range(100):
        with contextlib.suppress(NotYet):
            await redis.ping()
            break
        await asyncio.sleep(0.05)
    await redis.flushall()
    try:
        yield redis
    finally:
        await redis.aclose()  # type: ignore[attr-defined]


async def totals(redis: Redis) -> Cost:
    info: dict[str, Any] = await redis.info("everything")
    scripts = sum(info.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("fcall", "evalsha"))
    return Cost(
        scripts, info["total_commands_processed"] - scripts, info["total_net_input_bytes"],
        info["total_net_output_bytes"], info.get("cmdstat_rpush", {"calls": 0})["calls"],
        1e6 * (info["used_cpu_user"] + info["used_cpu_sys"]), 1e6 * time.process_time(),
    )  # fmt: skip


async def idle(redis: Redis) -> Cost:
    """Of a second."""
    before, begun = await totals(redis), time.monotonic()
    await asyncio.sleep(IDLE_SECONDS)
    return (await totals(redis)).less(before, 1).part(time.monotonic() - begun)


async def run_once(executor: ChainExecutor, definition: ChainDefinition, answered: bool) -> str:
    run = await executor.execute_async(definition)
    if answered:
        async with contextlib.aclosing(executor.events(run)) as events:
            async for event in events:
                if event.type == "chain.suspended":
                    break
        await executor.resume_async(run, 3)
    await executor.wait(run, timeout=60)
    return run


async def measured(
    redis: Redis, executor: ChainExecutor, shape: Shape, name: str, at_rest: Cost, runs: int
) -> Cost:
    definition = ChainDefinition.from_source(HEAD + shape.source, name)
    await run_once(executor, definition, shape.answered)
    before, begun = await totals(redis), time.monotonic()
    for _ in range(runs):
        await run_once(executor, definition, shape.answered)
    spent = (await totals(redis)).less(before, 1)
    return spent.less(at_rest, time.monotonic() - begun).part(runs)


async def memory(redis: Redis, run: str) -> int:
    """Bytes of all keys of one run."""
    keys = [key async for key in redis.scan_iter(match=f"tf:*:r:{run}*", count=1000)]
    return sum([await redis.memory_usage(key, samples=0) or 0 for key in keys])


def table(rows: dict[str, Cost]) -> str:
    lines = [
        "| | scripts | commands | bytes in | bytes out | messages | Redis us | worker us |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, cost in rows.items():
        figures = [
            f"{x:,.0f}" if field.endswith(("us", "in", "out")) else f"{x:.1f}"
            for field, x in cost._asdict().items()
        ]
        lines.append("| " + " | ".join((name, *figures)) + " |")
    return "\n".join(lines)


async def main(address: str) -> None:
    async with emptied(address) as redis, connect(address) as executor:
        await executor.publish(ChainDefinition.from_source(line(1), "one_node"))
        at_rest = await idle(redis)
        rows = {}
        for name, shape in SHAPES.items():
            word = "".join(c if c.isalnum() else "_" for c in f"c {name}")
            rows[name] = await measured(redis, executor, shape, word, at_rest, 5 if "retry" in name else 40)
        rows["a further node of a line"] = rows["line of 21"].less(rows["one node"], 1).part(20)
        rows["an idle worker, a second"] = at_rest
        print(table(rows))
        for name in ("one node", "line of 21"):
            definition = ChainDefinition.from_source(line(SHAPES[name].units), "kept")
            print(f"{name}: {await memory(redis, await run_once(executor, definition, False)):,} bytes kept")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(sys.argv[1]))
    else:
        with own_redis() as address:
            asyncio.run(main(address))
