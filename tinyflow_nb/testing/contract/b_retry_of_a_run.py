"""SEMANTICS B 13: a run that FAILED or was CANCELLED is taken up again."""

from __future__ import annotations

import pytest

from tinyflow_nb import ChainSuspended
from tinyflow_nb.errors import InvalidOperation
from tinyflow_nb.testing.contract.cells import ASK, LINE, Gate


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
