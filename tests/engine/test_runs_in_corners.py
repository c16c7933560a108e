"""Runs in corners: late answers, limits of a run, runs that are gone (SEMANTICS 10-23)."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from tinyflow_nb import ChainDefinition, ChainFailed, ChainSuspended, UnknownRun, connect
from tinyflow_nb.clock import ManualClock
from tinyflow_nb.errors import StoreError
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.settings import Settings
from tinyflow_nb.stores.sqlite import SqliteStore

ADDRESSES = ["memory://", "sqlite:///{}/runs.db"]
ASK = "@confirm()\ndef a():\n    'Well?'\n"


def define(source: str) -> ChainDefinition:
    return ChainDefinition.from_source(source, name="demo")


async def is_(executor, run, status):
    return (await executor.state(run)).status == status


@pytest.mark.parametrize("address", ADDRESSES)
async def test_b18_a_form_out_of_time_stays_so_if_the_worker_that_took_it_dies(address, tmp_path, wait_until):
    clock = ManualClock()
    source = "@confirm(timeout=60, on_error=default(False))\ndef a() -> bool:\n    'Well?'\n"
    async with connect(address.format(tmp_path), clock=clock) as executor:
        run = await executor.execute_async(define(source))
        await wait_until(lambda: is_(executor, run, "SUSPENDED"))
        store = executor._store
        (trigger,) = await store.pending(run)
        executor._scheduler.forget(run)
        clock.advance(60)
        (claim,) = (await store.claim(trigger, "ghost", 30.0)).claims
        assert claim.overdue
        clock.advance(30)
        await executor.accept(Trigger(run, 1, "a", claim.attempt, "lease", 0.0))
        assert await executor.wait(run, timeout=60) is False


@pytest.mark.parametrize("address", ADDRESSES)
async def test_b10_a_retry_held_back_by_its_runs_limit_is_taken_when_there_is_room(
    address, tmp_path, wait_until
):
    source = """
CHAIN = Chain(max_concurrency=1)
@node(retry=Retry(max=1, wait=5))
async def a() -> int: return 1
@node(after=[])
async def b() -> int: return 2
"""
    gate, at_work, tries = asyncio.Event(), asyncio.Event(), []

    async def a():
        tries.append(1)
        assert len(tries) > 1
        return 1

    async def b():
        at_work.set()
        await gate.wait()
        return 2

    clock = ManualClock()
    async with connect(address.format(tmp_path), clock=clock, overrides={"a": a, "b": b}) as executor:
        run = await executor.execute_async(define(source))
        await wait_until(lambda: executor._scheduler._timers._cancels and at_work.is_set())
        clock.advance(6)  # the retry's time comes, and there is no room
        await wait_until(lambda: not executor._scheduler._units._ready)
        gate.set()
        assert await executor.wait(run, timeout=60) == {"a": 1, "b": 2}


async def test_b8_a_runs_limit_costs_no_claims_in_vain(monkeypatch):
    nodes = "".join(f"async def n{i}() -> int:\n    return {i}\n" for i in range(100))
    async with connect("memory://") as executor:
        claims = []
        claim = executor._store.claim

        async def counted(*args):
            claims.append(args)
            return await claim(*args)

        executor._store.claim = counted
        await executor.execute(define(f"CHAIN = Chain(max_concurrency=2)\n{nodes}"), timeout=60)
        assert len(claims) < 20


@pytest.mark.parametrize("address", ADDRESSES)
async def test_b12_a_stopped_run_has_no_open_forms_in_lists(address, tmp_path, wait_until):
    async with connect(address.format(tmp_path)) as executor:
        run = await executor.execute_async(define(ASK))
        await wait_until(lambda: is_(executor, run, "SUSPENDED"))
        assert (await executor.runs()).runs[0].waiting == 1
        await executor.stop(run)
        assert (await executor.runs()).runs[0].waiting == 0


async def test_c24_a_run_another_process_deleted_is_gone_here_too(tmp_path):
    """And a run made since, under the number or even the id of the old one, is not mixed with it."""
    address = f"sqlite:///{tmp_path}/runs.db"
    one = define("async def a(x) -> int:\n    return x\n")
    async with connect(address) as here, connect(address) as there:
        await here.execute(one, {"x": 1}, run_id="old")
        assert (await there.state("old")).result == 1
        await here.delete("old")
        with pytest.raises(UnknownRun):
            await there.state("old")
        await here.execute(one, {"x": 2}, run_id="other")
        assert (await there.state("other")).result == 2
        await here.delete("other")
        await here.execute(one, {"x": 3}, run_id="other")
        assert (await there.state("other")).result == 3
        assert await there.wait("other", timeout=60) == 3


async def test_b21_a_run_taken_up_here_is_no_orphan(tmp_path, wait_until, monkeypatch):
    from tinyflow_nb.stores.sqlite import store as module

    address, gate = f"sqlite:///{tmp_path}/runs.db", asyncio.Event()

    async def a():
        await gate.wait()
        return 1

    definition = define("async def a() -> int:\n    return 1\n")
    async with connect(address, overrides={"a": a}) as first:
        run = await first.execute_async(definition)
        gone = first._name
    monkeypatch.setattr(module, "is_dead", lambda worker: worker == gone)
    async with connect(address, overrides={"a": a}) as second:
        assert (await second.runs()).runs[0].orphaned
        await second.attach(run)
        await wait_until(lambda: len(second._worker.attempts))
        assert not (await second.runs()).runs[0].orphaned
        gate.set()
        assert await second.wait(run, timeout=60) == 1


async def test_b15_a_form_answered_just_now_is_no_suspension(wait_until):
    async with connect("memory://") as executor:
        run = await executor.execute_async(define(ASK))
        await wait_until(lambda: is_(executor, run, "SUSPENDED"))
        state = executor._store.state

        async def late(*args, **kwargs):
            executor._store.state = state
            await executor.resume_async(run, True)
            return await state(*args, **kwargs)

        executor._store.state = late
        assert await executor.wait(run, timeout=60, people=False) is True


@pytest.mark.parametrize("full", [False, True])
async def test_c24_a_change_that_fails_by_itself_takes_no_other_with_it(full, tmp_path):
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        store = SqliteStore(str(tmp_path / "runs.db"), ManualClock(), full=full)
        await store.start(stack)
        run = store._database.run

        def bad():
            raise ZeroDivisionError

        def good(n):
            return store._execute("INSERT INTO published VALUES(?, 1, '')", (f"n{n}",)).rowcount

        store._database._crowded = True
        jobs = [run(lambda: good(1)), run(bad), run(lambda: good(2))]
        assert [type(r) for r in await asyncio.gather(*jobs, return_exceptions=True)] == [
            int, ZeroDivisionError, int,
        ]  # fmt: skip
        assert store._execute("SELECT count(*) FROM published").fetchone() == (2,)


@pytest.mark.parametrize("crowded", [False, True])
async def test_c24_a_file_that_became_unusable_is_said_to_every_waiter(crowded, tmp_path, monkeypatch):
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        store = SqliteStore(str(tmp_path / "runs.db"), ManualClock())
        await store.start(stack)

        class Damaged:
            in_transaction = False

            def execute(self, sql):
                raise sqlite3.DatabaseError("database disk image is malformed")

        monkeypatch.setattr(store._database, "db", Damaged())
        store._database._crowded = crowded
        jobs = [store._database.run(lambda: 1) for _ in range(3)]
        results = await asyncio.wait_for(asyncio.gather(*jobs, return_exceptions=True), 60)
        monkeypatch.undo()
        assert [type(r) for r in results] == [StoreError] * 3


async def test_b22_a_definition_used_again_after_it_was_forgotten_is_there(tmp_path):
    clock = ManualClock()
    address = f"sqlite:///{tmp_path}/runs.db"
    definition = define("async def a() -> int:\n    return 1\n")
    async with connect(address, clock=clock, settings=Settings(retention=3600)) as executor:
        await executor.execute(definition)
        clock.advance(2 * 86_400)
        await executor._expire()
        assert not (await executor.runs()).runs
        run = await executor.execute_async(definition)
        await executor.wait(run)
    async with connect(address, clock=clock, execute=False) as reader:
        assert (await reader.state(run)).result == 1


async def test_b15_a_form_is_told_to_who_cannot_wait():
    async with connect("memory://") as executor:
        run = await executor.execute_async(define(ASK))
        with pytest.raises(ChainSuspended, match="Well"):
            await executor.wait(run, timeout=60, people=False)


async def test_b16_until_sees_the_item_an_answer_is_for(wait_until):
    source = """
docs: list[int]
@confirm(each='doc in docs', until='a or doc == 1', max_rounds=3)
def a(doc) -> bool:
    'Well?'
"""
    async with connect("memory://") as executor:
        run = await executor.execute_async(define(source), {"docs": [1, 2]})
        await wait_until(lambda: is_(executor, run, "SUSPENDED"))
        await executor.resume_async(run, False, node="a[0]")
        await executor.resume_async(run, False, node="a[1]#1")
        await wait_until(lambda: is_(executor, run, "SUSPENDED"))
        await executor.resume_async(run, True, node="a[1]#2")
        assert await executor.wait(run, timeout=60) == [False, True]


async def test_b16_until_sees_nodes_that_gave_none_and_those_that_stand_in(wait_until):
    source = """
def z() -> str | None:
    return None

@node(on_error="h")
def broken() -> int:
    raise ValueError

def h(error) -> int:
    return 7

@confirm(until='a or (z is none and broken == 7)', max_rounds=3)
def a(z, broken) -> bool:
    'Well?'
""".replace("z is none", "not z")
    async with connect("memory://") as executor:
        run = await executor.execute_async(define(source))
        await wait_until(lambda: is_(executor, run, "SUSPENDED"))
        await executor.resume_async(run, False, node="a")
        assert await executor.wait(run, timeout=60) is False


async def test_a8_a_skipped_item_is_null_for_who_takes_the_list_as_it_is():
    source = """
docs: list[int]
@node(each="doc in docs", on_error="skip")
def a(doc) -> int:
    return 6 // doc

def b(a) -> list:
    return a
"""
    async with connect("memory://") as executor:
        assert await executor.execute(define(source), {"docs": [2, 0, 1]}, timeout=60) == [3, None, 6]


@pytest.mark.parametrize("value", ["'xxx'", "1"])
async def test_a10_a_node_that_yields_for_ever_fails_before_it_fills_the_memory(value, monkeypatch):
    from tinyflow_nb.nodes import code

    monkeypatch.setattr(code, "MAX_BYTES", 100)
    async with connect("memory://") as executor:
        with pytest.raises(ChainFailed, match="yields more than any output may hold"):
            await executor.execute(define(f"def a():\n    while True:\n        yield {value}\n"), timeout=60)
