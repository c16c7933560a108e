"""What is the Redis scheduler's alone: how many wake-ups there are, bad ones, and a Redis that restarts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.errors import SettingsError
from tinyflow_nb.schedulers.redis import QUEUE
from tinyflow_nb.stores.redis.address import parse
from tinyflow_nb.stores.redis.servers import Servers

LENGTH = 30
LINE = ChainDefinition.from_source(
    "def n0() -> int:\n    return 0\n"
    + "".join(f"def n{i}(n{i - 1}) -> int:\n    return n{i - 1} + 1\n" for i in range(1, LENGTH)),
    "line",
)
RETRIED = ChainDefinition.from_source(
    """
from tinyflow_nb import Retry, node
from tinyflow_nb.model.context import ExecutionContext

@node(retry=Retry(max=2, wait=0.1))
def flaky(context: ExecutionContext) -> int:
    if context.attempt < 3:
        raise ValueError("not yet")
    return context.attempt
""",
    "retried",
)


async def ask(address: str, *command: Any) -> Any:
    servers = Servers(parse(address))
    try:
        return await servers.call("", *command)
    finally:
        await servers.close()


async def sent(address: str) -> int:
    """Wake-ups pushed since the server's figures were reset."""
    told = await ask(address, "INFO", "commandstats")
    found = next((line for line in told.splitlines() if line.startswith("cmdstat_rpush:")), ":calls=0,")
    return int(found.partition("calls=")[2].partition(",")[0])


async def test_c25_a_line_of_nodes_sends_no_message_after_its_start(redis_address: str) -> None:
    async with connect(redis_address), connect(redis_address, execute=False) as client:
        await ask(redis_address, "CONFIG", "RESETSTAT")
        assert await client.execute(LINE, timeout=60) == LENGTH - 1
        assert await sent(redis_address) == 1
    async with connect(redis_address) as executor:
        await ask(redis_address, "CONFIG", "RESETSTAT")
        assert await executor.execute(LINE, timeout=60) == LENGTH - 1
        assert await sent(redis_address) == 0, "who executes begins what it starts"


async def test_a10_a_retry_comes_when_it_is_due(redis_address: str) -> None:
    async with connect(redis_address), connect(redis_address, execute=False) as client:
        assert await client.execute(RETRIED, timeout=60) == 3


async def test_bad_wake_ups_are_dropped_and_the_queue_is_not_kept_for_ever(
    redis_address: str, caplog: pytest.LogCaptureFixture, wait_until: Any
) -> None:
    async with connect(redis_address, execute=False) as client:
        run = await client.execute_async(LINE)
        await wait_until(lambda: _length(redis_address))
        assert 0 < await ask(redis_address, "TTL", QUEUE) <= 86_400
        bad = ["garbage", "[[]]", '[["r",1', b"\xff\xfe", "x" * 300_000]
        foreign, replayed = '[["unknown", 1, "n", 0, "run", 0, []]]', f'[["{run}", 1, "n0", 0, "run", 0, []]]'
        await ask(redis_address, "RPUSH", QUEUE, *bad, foreign, replayed)
        with caplog.at_level(logging.WARNING, logger="tinyflow_nb.schedulers"):
            async with connect(redis_address) as worker:
                assert await client.wait(run, timeout=60) == LENGTH - 1
                await wait_until(lambda: caplog.text.count("dropped from") == len(bad))
                assert worker.scheduler_counts["dropped"] == len(bad)


async def _length(address: str) -> int:
    return int(await ask(address, "LLEN", QUEUE))


async def test_c27_lost_wake_ups_are_found_in_the_index(redis_address: str, wait_until: Any) -> None:
    async with connect(redis_address, execute=False) as client:
        run = await client.execute_async(LINE)
        await wait_until(lambda: _length(redis_address))
        await ask(redis_address, "DEL", QUEUE)
        async with connect(redis_address):
            assert await client.wait(run, timeout=60) == LENGTH - 1


async def test_a_redis_that_restarts_is_taken_from_again(
    own_redis: Callable[..., Any], wait_until: Any
) -> None:
    server = own_redis("--appendonly", "yes")
    async with connect(server.address) as executor, connect(server.address, execute=False) as client:
        assert await client.execute(LINE, timeout=60) == LENGTH - 1
        server.stop()
        server.start()
        assert await client.execute(LINE, timeout=60) == LENGTH - 1
        assert (await executor.runs()).runs


@pytest.mark.parametrize("scheduler", ["redis", "rocketmq://127.0.0.1:8081", "kafka://x"])
def test_a_shared_scheduler_needs_shared_runs(scheduler: str) -> None:
    with pytest.raises(SettingsError):
        connect("memory://", scheduler=scheduler)
