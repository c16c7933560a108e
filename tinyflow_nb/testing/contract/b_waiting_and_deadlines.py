"""SEMANTICS B 14-15: three times that bound a run or the waiting for it."""

from __future__ import annotations

import asyncio

import pytest

from tinyflow_nb import ChainFailed, ChainSuspended, ChainTimeout, ResumeError, UnknownRun
from tinyflow_nb.testing.contract.cells import ASK, LINE, Gate


async def test_b14_a_timeout_of_waiting_ends_only_the_waiting(house, wait_until):
    gate = Gate()
    executor = await house.open(overrides={"a": gate.body()})
    run = await executor.execute_async(house.define(LINE))
    with pytest.raises(ChainTimeout, match="goes on as run") as caught:
        await executor.wait(run, timeout=0.05)
    assert caught.value.run_id == run
    gate.open.set()
    assert await executor.wait(run, timeout=60) == 3


async def test_b14_execute_gives_up_waiting_and_says_which_run_goes_on(house):
    gate = Gate()
    executor = await house.open(overrides={"a": gate.body()})
    with pytest.raises(ChainTimeout) as caught:
        await executor.execute(house.define(LINE), timeout=0.05)
    gate.open.set()
    assert await executor.wait(caught.value.run_id, timeout=60) == 3


@pytest.mark.parametrize("given", ["start", "definition"])
async def test_b14_past_its_deadline_a_run_is_failed_while_it_runs(still, wait_until, given):
    gate = Gate()
    source = ("CHAIN = Chain(deadline=100)\n" if given == "definition" else "") + LINE
    executor = await still.open(overrides={"a": gate.body()})
    run = await executor.execute_async(still.define(source), deadline=100 if given == "start" else None)
    await wait_until(lambda: gate.entered)
    assert (await executor.state(run)).deadline_at == still.clock.now() + 100
    still.clock.advance(99.9)
    assert (await executor.state(run)).status == "RUNNING"
    still.clock.advance(0.2)
    with pytest.raises(ChainFailed, match="deadline"):
        await executor.wait(run, timeout=60)
    await wait_until(lambda: gate.cancelled)


async def test_b14_the_deadline_runs_on_while_suspended_and_a_retry_starts_it_anew(still):
    executor = await still.open()
    run = await executor.execute_async(still.define(ASK), deadline=100)
    for _ in range(2):
        with pytest.raises(ChainSuspended):
            await executor.wait(run, people=False, timeout=60)
        still.clock.advance(101)
        with pytest.raises(ChainFailed, match="deadline"):
            await executor.wait(run, timeout=60)
        with pytest.raises(ResumeError, match="FAILED"):
            await executor.resume_async(run, True)
        await executor.retry(run)
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=60)
    await executor.resume_async(run, True)
    assert await executor.wait(run, timeout=60) == "sent True"


async def test_b14_the_deadline_holds_though_every_slot_is_taken(still, wait_until):
    gate = Gate()
    executor = await still.open(overrides={"a": gate.body()}, capacity=1)
    late = await executor.execute_async(still.define(LINE), deadline=100)
    await wait_until(lambda: gate.entered)
    others = [await executor.execute_async(still.define(LINE)) for _ in range(2)]
    still.clock.advance(101)
    with pytest.raises(ChainFailed, match="deadline"):
        await executor.wait(late, timeout=60)
    gate.open.set()
    assert [await executor.wait(run, timeout=60) for run in others] == [3, 3]


async def test_b14_the_deadline_is_found_by_who_attaches_later(still, finish):
    one = await still.open()
    run = await one.execute_async(still.define(ASK), deadline=100)
    with pytest.raises(ChainSuspended):
        await one.wait(run, people=False, timeout=60)
    await one.__aexit__(None, None, None)
    still.clock.advance(101)
    two = await still.open()
    await two.attach(run)
    assert (await finish(two, run)).status == "FAILED"


async def test_b15_waiting_without_people_says_what_is_asked_and_how_to_answer(house):
    executor = await house.open()
    run = await executor.execute_async(house.define(ASK))
    with pytest.raises(ChainSuspended) as caught:
        await executor.wait(run, people=False, timeout=60)
    assert caught.value.run_id == run
    assert caught.value.forms["ask"]["message"] == "Send hello?"
    for word in ("ask", "Send hello?", run, "resume("):
        assert word in str(caught.value)
    with pytest.raises(ChainTimeout):
        await executor.wait(run, timeout=0.02)  # with people, it waits on


async def test_b15_interrupting_a_wait_stops_nothing(house):
    gate = Gate()
    executor = await house.open(overrides={"a": gate.body()})
    run = await executor.execute_async(house.define(LINE))
    waiter = asyncio.ensure_future(executor.wait(run))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    gate.open.set()
    assert await executor.wait(run, timeout=60) == 3


async def test_b15_a_run_that_does_not_exist(house):
    executor = await house.open()
    for act in (
        executor.wait,
        executor.state,
        executor.stop,
        executor.retry,
        executor.attach,
        executor.delete,
    ):
        with pytest.raises(UnknownRun, match="no run 'nope'"):
            await act("nope")
    with pytest.raises(UnknownRun):
        await executor.resume_async("nope", True)
    with pytest.raises(UnknownRun):
        async for _ in executor.events("nope"):
            pass
