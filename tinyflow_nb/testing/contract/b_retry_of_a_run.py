"""SEMANTICS B 13: a run that FAILED or was CANCELLED is taken up again."""

from __future__ import annotations

from typing import Any

import pytest

from tinyflow_nb import ChainSuspended
from tinyflow_nb.errors import InvalidOperation
from tinyflow_nb.model.commit import Claim, Commit, End, Expand, NewRun, Reopen, Settle
from tinyflow_nb.model.shape import shape_of
from tinyflow_nb.model.status import Status
from tinyflow_nb.testing.contract.cells import ASK, LINE, Gate
from tinyflow_nb.trust import UserTrust


async def test_b13_retry_keeps_what_succeeded_and_reopens_the_rest(house, finish, all_events, brief):
    calls = []

    async def b(a):
        calls.append("b")
        if len(calls) == 1:
            raise ValueError("no")
        return a + 1

    async def a():
        assert "a" not in calls[:1]
        return 1

    executor = await house.open(overrides={"a": a, "b": b})
    run = await executor.execute_async(house.define(LINE))
    assert (await finish(executor, run)).status == "FAILED"
    await executor.retry(run)
    state = await finish(executor, run)
    assert (state.status, state.result, state.generation, state.error) == ("SUCCEEDED", 3, 2, None)
    told = brief(await all_events(executor, run))
    assert told.count("a.started") == 1
    assert told.count("chain.started") == told.count("chain.finished") == 2
    assert [e.seq for e in await all_events(executor, run)] == list(range(1, len(told) + 1))


async def test_b13_retry_of_a_stopped_run_asks_again(house, finish):
    executor = await house.open()
    run = await executor.execute_async(house.define(ASK))
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=60)
    await executor.stop(run)
    await executor.retry(run)
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=60)
    await executor.resume_async(run, True)
    assert (await finish(executor, run)).result == "sent True"


async def test_b13_skipped_and_handled_nodes_stay_as_they_are(house, finish):
    calls: list[str] = []

    async def risky():
        calls.append("risky")
        raise ValueError("no")

    async def last(risky, off=None):
        calls.append("last")
        if calls.count("last") == 1:
            raise ValueError("not yet")
        return risky

    source = """
def rescue() -> int:
    return 5

@node(on_error="rescue")
def risky() -> int:
    return 1

@node(when="1 > 2")
def off() -> int:
    return 1

def last(risky: int, off: int | None = None) -> int:
    return 1
"""
    executor = await house.open(overrides={"risky": risky, "last": last})
    run = await executor.execute_async(house.define(source))
    assert (await finish(executor, run)).status == "FAILED"
    await executor.retry(run)
    state = await finish(executor, run)
    assert (state.result, calls) == (5, ["risky", "last", "last"])
    assert (state.nodes["risky"].status, state.nodes["off"].status) == ("FAILED", "SKIPPED")


@pytest.mark.parametrize("status", ["SUCCEEDED", "RUNNING", "SUSPENDED"])
async def test_b13_only_a_failed_or_cancelled_run_is_retried(house, wait_until, status):
    gate = Gate()
    source = {"SUCCEEDED": LINE, "RUNNING": LINE, "SUSPENDED": ASK}[status]
    executor = await house.open(overrides={"a": gate.body()})
    run = await executor.execute_async(house.define(source))
    if status == "SUCCEEDED":
        gate.open.set()
        await executor.wait(run, timeout=60)
    elif status == "RUNNING":
        await wait_until(lambda: gate.entered)
    else:
        with pytest.raises(ChainSuspended):
            await executor.wait(run, people=False, timeout=60)
    before = await executor.state(run)
    with pytest.raises(InvalidOperation, match=f"{status}.*only a FAILED or CANCELLED"):
        await executor.retry(run)
    assert await executor.state(run) == before


async def test_b13_a_worker_of_the_old_generation_can_not_commit(house, wait_until, finish):
    """Its attempt was let go by the stop; a thread can't be, so its late result must be fenced."""
    gate = Gate()
    entered: list[str] = []
    let_go = [False]

    def a():
        import time

        entered.append("a")
        if len(entered) > 1:
            return 10
        while not let_go[0]:
            time.sleep(0.002)
        return 99

    executor = await house.open(overrides={"a": a, "b": gate.body(5)})
    run = await executor.execute_async(house.define(LINE.replace("b(a: int)", "b()").replace("a + 1", "1")))
    await wait_until(lambda: entered and gate.entered)
    await executor.stop(run)
    await executor.retry(run)
    await wait_until(lambda: len(entered) == 2)
    let_go[0] = True
    gate.open.set()
    state = await finish(executor, run)
    assert (state.nodes["a"].output, state.generation) == (10, 2)


MANY = """
@node({options})
def work(x: int) -> int:
    return x

def total(work: list[int]) -> int:
    return sum(work)
"""


async def test_b13_items_that_succeeded_are_kept(house, finish, all_events):
    calls: list[int] = []
    broken = {7, 3}

    async def work(x):
        calls.append(x)
        if x in broken:
            raise ValueError(f"no {x}")
        return x * 10

    source = MANY.format(options=f'each="x in {list(range(10))}", max_concurrency=1')
    executor = await house.open(overrides={"work": work})
    run = await executor.execute_async(house.define(source))
    assert (await finish(executor, run)).status == "FAILED"
    broken.remove(3)
    await executor.retry(run)
    state = await finish(executor, run)
    assert state.status == "FAILED"
    assert [item.status for item in state.nodes["work"].items] == ["SUCCEEDED"] * 7 + ["CANCELLED"] * 3
    broken.clear()
    await executor.retry(run)
    state = await finish(executor, run)
    assert state.result == 450
    assert calls == [0, 1, 2, 3, 3, 4, 5, 6, 7, 7, 8, 9], "one at a time, in order, none twice that was done"
    assert [item.output for item in state.nodes["work"].items] == [x * 10 for x in range(10)]
    finished = [e.node for e in await all_events(executor, run) if e.type == "node.finished"]
    assert [name for name in finished if "[" in name] == [f"work[{x}]" for x in range(10)]


async def test_b13_a_stopped_runs_items_go_on_where_they_were(house, finish, wait_until):
    gate = Gate()
    calls: list[int] = []

    async def work(x):
        calls.append(x)
        if x >= 4:
            await gate.body()()
        return x

    source = MANY.format(options='each="x in [0, 1, 2, 3, 4, 5]", max_concurrency=2')
    executor = await house.open(overrides={"work": work})
    run = await executor.execute_async(house.define(source))
    await wait_until(lambda: {4, 5} <= set(calls))
    await executor.stop(run)
    gate.open.set()
    await executor.retry(run)
    state = await finish(executor, run)
    assert (state.result, sorted(calls)) == (15, [0, 1, 2, 3, 4, 4, 5, 5])


async def test_b13_an_item_that_is_another_now_runs_again(house):
    """The store compares their texts, and gathers the list if none is left to run."""
    store = await house.bare_store()
    definition = house.define(MANY.format(options='each="x in [1, 2, 3]"'))
    await store.put(definition, UserTrust().sign(definition))

    async def does(generation: int, *steps: Any) -> list[Claim]:
        return (await store.commit(Commit("r", generation, steps, "w", 9, 60.0))).claims

    async def expanded(generation: int, *texts: str) -> list[Claim]:
        (node,) = (await store.commit(Commit("r", generation, (Reopen("reopen"),), "w", 9, 60.0))).claims
        return await does(generation + 1, Expand("expand", "work", node.token, texts, 2))

    new = NewRun("r", definition.hash, "demo@1", "{}", worker="w", want=9)
    (node,) = (await store.create(new, shape_of(definition))).claims
    items = await does(1, Expand("expand", "work", node.token, ("[1]", "[2]", "[3]"), 3))
    for item in items[:2]:
        await does(1, Settle("settle", item.unit, item.token, Status.SUCCEEDED, item.item))
    await does(1, End("end", Status.CANCELLED))

    second, third = await expanded(1, "[1]", "[4]", "[3]")
    assert [(c.unit, c.item) for c in (second, third)] == [("work[1]", "[4]"), ("work[2]", "[3]")]
    await does(2, Settle("settle", "work[1]", second.token, Status.SUCCEEDED, "40"))
    await does(2, End("end", Status.CANCELLED))

    (third,) = await expanded(2, "[1]", "[4]", "[3]")
    assert third.unit == "work[2]"
    (gathering,) = await does(3, Settle("settle", "work[2]", third.token, Status.SUCCEEDED, "30"))
    assert gathering.gather == ("[1]", "40", "30")
    await does(3, End("end", Status.CANCELLED))

    (gathering,) = await expanded(3, "[1]", "[4]")
    assert (gathering.unit, gathering.gather) == ("work", ("[1]", "40"))
    state = await store.state("r")
    assert [item.output for item in state.nodes["work"].items] == [[1], 40]
