"""What keeps runs going, and what must not grow (SEMANTICS 14, 21, 22, 27; DESIGN 4, point 9)."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tinyflow_nb import ChainDefinition, DefinitionError, connect
from tinyflow_nb.engine import recovery
from tinyflow_nb.errors import StoreError
from tinyflow_nb.settings import Settings


def define(source: str) -> ChainDefinition:
    return ChainDefinition.from_source(source, name="demo")


ONE = "def a() -> int:\n    return 1\n"


async def is_(executor, run, status):
    return (await executor.state(run)).status == status


async def test_c27_recovery_outlives_a_store_that_is_in_trouble(monkeypatch, wait_until):
    monkeypatch.setattr(recovery, "EXPIRE_SECONDS", 0.0)
    tries = []

    async def expire(retention, suspended_ttl):
        tries.append(1)
        raise StoreError("locked by another process for too long")

    async with connect("memory://", settings=Settings(lease=0.02)) as executor:
        executor._store.expire = expire
        await wait_until(lambda: len(tries) > 2)


@pytest.mark.parametrize("execute", [True, False])
async def test_d4_9_no_timer_of_a_run_outlives_it(execute, wait_until):
    source = "@confirm(timeout=3600)\ndef a():\n    'Well?'\n"
    async with connect("memory://", execute=execute) as executor:
        run = await executor.execute_async(define(source), deadline=86_400)
        if execute:
            await wait_until(lambda: is_(executor, run, "SUSPENDED"))
            assert executor._scheduler._timers._cancels
        await executor.stop(run)
        assert not executor._scheduler._timers._cancels


async def test_b23_a_run_is_taken_up_here_once_its_code_can_be_loaded(wait_until, monkeypatch):
    """The package was missing, and was installed since."""
    from tinyflow_nb.engine import live_run

    make_plan, broken = live_run.make_plan, []

    def maybe(*args):
        if broken:
            raise DefinitionError([], "demo")
        return make_plan(*args)

    monkeypatch.setattr(live_run, "make_plan", maybe)
    async with connect("memory://") as executor:
        run = await executor.execute_async(
            define("@confirm()\ndef a():\n    'Well?'\n" + ONE.replace("a", "b", 1))
        )
        await wait_until(lambda: is_(executor, run, "SUSPENDED"))
        await executor.stop(run)
        executor._at_hand._plans.clear()
        broken.append(True)
        with pytest.raises(DefinitionError):
            await executor.retry(run)
        assert await is_(executor, run, "CANCELLED")
        broken.clear()
        await executor.retry(run)
        await wait_until(lambda: is_(executor, run, "SUSPENDED"))


async def test_b23_who_cannot_load_the_code_of_many_runs_keeps_nothing_of_those_that_ended(
    wait_until, monkeypatch, tmp_path
):
    from tinyflow_nb.engine import live_run

    address = f"sqlite:///{tmp_path / 'runs.db'}"
    async with connect(address) as executor:
        run = await executor.execute_async(
            define("@confirm()\ndef a():\n    'Well?'\n\ndef b(a): return a\n")
        )
        await wait_until(lambda: is_(executor, run, "SUSPENDED"))

    def missing(*args):
        raise DefinitionError([], "demo")

    monkeypatch.setattr(live_run, "make_plan", missing)
    async with connect(address) as executor:
        worker = executor._worker
        worker.unfit.mark(run, ("hash", "demo"), DefinitionError([], "demo"))
        assert worker.unfit.has(run)
        await executor.stop(run)
        assert not worker.unfit.has(run)


async def test_b21_two_executors_on_one_memory_store_hear_of_each_other(wait_until):
    async with connect("memory://") as works:
        watches = connect("memory://", execute=False)
        watches._store = watches._at_hand._store = works._store
        watches.registry._store = works._store
        gate = asyncio.Event()

        async def a():
            await gate.wait()
            return 1

        works._at_hand._overrides = {"a": a}
        async with watches:
            run = await works.execute_async(define("async def a() -> int:\n    return 1\n"))
            waiting = asyncio.ensure_future(watches.wait(run, timeout=60))
            await wait_until(lambda: run in watches._following._seen)
            gate.set()
            assert await waiting == 1


async def test_b18_a_store_in_trouble_at_the_end_keeps_no_thread_alive(wait_until):
    before = threading.active_count()
    gate = asyncio.Event()

    async def a():
        await gate.wait()

    async def fails(commit):
        raise StoreError("its disk reports an error")

    executor = connect("memory://", overrides={"a": a})
    await executor.__aenter__()
    await executor.execute_async(define("async def a() -> int:\n    return 1\n"))
    await wait_until(lambda: len(executor._worker.attempts))
    executor._store.commit = fails
    with pytest.raises(StoreError):
        await executor.__aexit__(None, None, None)
    await wait_until(lambda: threading.active_count() <= before)
