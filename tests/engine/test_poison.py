"""A trigger that can't be accepted does not go round for ever: its run ends, or it is a dead letter."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from typer.testing import CliRunner

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.cli import app
from tinyflow_nb.clock import SystemClock
from tinyflow_nb.engine.executor import ChainExecutor
from tinyflow_nb.engine.poison import ATTEMPTS
from tinyflow_nb.errors import StoreError
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.nodes.code import CodeNode
from tinyflow_nb.schedulers.local import LocalScheduler
from tinyflow_nb.stores.memory import MemoryStore

LINE = ChainDefinition.from_source("def a() -> int:\n    return 1\n", "line")


class Sick(MemoryStore):
    """A store whose claims raise what a test wants them to."""

    error: Exception | None = None
    ends = True

    async def claim(self, *args: Any, **more: Any) -> Any:
        if self.error is not None:
            raise self.error
        return await super().claim(*args, **more)

    async def commit(self, commit: Any) -> Any:
        if not self.ends:
            raise ValueError("this run is damaged")
        return await super().commit(commit)


@pytest.fixture
async def sick() -> Any:
    """An executor, and its store: nothing is claimed at once, so that triggers must be accepted."""
    clock = SystemClock()
    store = Sick(clock)
    async with ChainExecutor(
        store, store, LocalScheduler(clock), nodes={"code": CodeNode()}, clock=clock, capacity=1
    ) as executor:
        yield executor, store


async def a_run_that_waits(executor: ChainExecutor, store: Sick) -> Trigger:
    """Of which a unit is ready and unclaimed."""
    async with ChainExecutor(
        store, store, LocalScheduler(SystemClock()), nodes={"code": CodeNode()}, execute=False
    ) as client:
        run = await client.execute_async(LINE)
    [trigger] = await store.pending(run)
    return trigger


async def refused(executor: ChainExecutor, trigger: Trigger, kind: type[Exception], times: int) -> None:
    for _ in range(times):
        with pytest.raises(kind):
            await executor.accept(trigger)


async def test_b13_a_poison_trigger_ends_its_run_and_a_retry_reopens_it(sick: Any) -> None:
    executor, store = sick
    trigger = await a_run_that_waits(executor, store)
    store.error = KeyError("generation")
    await refused(executor, trigger, KeyError, ATTEMPTS - 1)
    assert not (await executor.state(trigger.run)).status.terminal
    assert await executor.accept(trigger) is False
    state = await executor.state(trigger.run)
    assert state.status == "FAILED"
    assert state.error["type"] == "PoisonTrigger"
    assert state.error["message"] == "poison: KeyError: 'generation'"
    assert state.error["node"] == "a"
    assert executor.scheduler_counts["poison"] == 1
    store.error = None
    await executor.retry(trigger.run)
    assert await executor.wait(trigger.run, timeout=60) == 1


async def test_c27_trouble_with_the_store_makes_no_poison(sick: Any) -> None:
    executor, store = sick
    trigger = await a_run_that_waits(executor, store)
    store.error = StoreError("it is away")
    await refused(executor, trigger, StoreError, 3 * ATTEMPTS)
    store.error = None
    assert await executor.accept(trigger) is True
    assert executor.scheduler_counts.get("poison", 0) == 0


async def test_a_run_that_can_t_even_be_ended_is_left_alone(sick: Any) -> None:
    executor, store = sick
    trigger = await a_run_that_waits(executor, store)
    store.error, store.ends = KeyError("generation"), False
    await refused(executor, trigger, KeyError, ATTEMPTS - 1)
    assert await executor.accept(trigger) is False
    assert executor.scheduler_counts["dead"] == 1
    store.error = None
    assert await executor.accept(trigger) is False, "it is not tried any more"
    store.ends = True


async def test_a_damaged_run_in_redis_becomes_a_dead_letter_until_it_is_dug_up(redis_server: Any) -> None:
    redis_server.ask("FLUSHALL")
    async with connect(redis_server.address, scheduler="local", execute=False) as client:
        run = await client.execute_async(LINE)
    async with connect(redis_server.address, scheduler="local") as executor:
        store = executor._store
        [trigger] = await store.pending(run)
        key = next(k for k in redis_server.ask_all("KEYS", f"*{run}*") if k.endswith(run))
        redis_server.ask("RENAME", key, "kept")
        redis_server.ask("SET", key, "damaged")
        await refused(executor, trigger, StoreError, ATTEMPTS - 1)
        assert await executor.accept(trigger) is False
        [letter] = await store.dead_letters()
        assert letter.trigger == trigger
        assert "WRONGTYPE" in letter.why
        assert int(redis_server.ask("TTL", "tf:{dead}:letters").removeprefix(":")) > 0
        redis_server.ask("RENAME", "kept", key)
        assert await executor.accept(trigger) is False, "nobody dug it up"
        for told in ("--json",), ("--requeue", run):
            command = ["dead", "--store", redis_server.address, *told]
            done = await asyncio.to_thread(CliRunner().invoke, app, command)
            assert done.exit_code == 0, done.output
            assert run in done.output
        assert await executor.accept(trigger) is True
        assert await executor.wait(run, timeout=60) == 1
        assert await store.dead_letters() == []
