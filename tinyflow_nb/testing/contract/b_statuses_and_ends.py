"""SEMANTICS B 11-12: statuses of a run and its nodes, and how it ends at once."""

from __future__ import annotations

import asyncio

import pytest

from tinyflow_nb import ChainCancelled, ChainFailed, ChainSuspended, ResumeError
from tinyflow_nb.testing.contract.cells import ASK, LINE, Gate


async def test_b11_nodes_are_ready_from_the_start(house, wait_until):
    gate = Gate()
    executor = await house.open(overrides={"a": gate.body()})
    run = await executor.execute_async(house.define(LINE))
    await wait_until(lambda: gate.entered)
    state = await executor.state(run)
    assert {id: n.status for id, n in state.nodes.items()} == {"a": "RUNNING", "b": "READY", "c": "READY"}
    assert (state.status, state.nodes["a"].attempts) == ("RUNNING", 1)
    gate.open.set()
    assert await executor.wait(run, timeout=60) == 3


async def test_b11_waiting_for_a_retry_is_ready(still, wait_until):
    calls = []

    async def a():
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("no")
        return 1

    source = LINE.replace("def a", "@node(retry=Retry(max=1, wait=60))\ndef a")
    executor = await still.open(overrides={"a": a})
    run = await executor.execute_async(still.define(source))

    async def waits():
        return (await executor.state(run)).nodes["a"].status == "READY" and calls

    await wait_until(waits)
    state = await executor.state(run)
    assert (state.status, state.nodes["a"].attempts, state.nodes["a"].error["message"]) == (
        "RUNNING",
        1,
        "no",
    )
    still.clock.advance(60)
    assert await executor.wait(run, timeout=60) == 3


async def test_b11_a_run_is_suspended_only_when_nothing_is_active(house, wait_until):
    gate = Gate()
    source = ASK + "def busy() -> int:\n    return 1\n"
    executor = await house.open(overrides={"busy": gate.body()})
    run = await executor.execute_async(house.define(source))

    async def asks():
        return (await executor.state(run)).nodes["ask"].status == "SUSPENDED"

    await wait_until(asks)
    assert (await executor.state(run)).status == "RUNNING"
    gate.open.set()
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=60)
    assert (await executor.state(run)).status == "SUSPENDED"


async def test_b11_resume_is_allowed_whenever_that_node_waits(house, wait_until):
    gate = Gate()
    source = ASK + "def busy() -> int:\n    return 1\n"
    executor = await house.open(overrides={"busy": gate.body()})
    run = await executor.execute_async(house.define(source))

    async def asks():
        return (await executor.state(run)).waiting()

    await wait_until(asks)
    await executor.resume_async(run, True)
    gate.open.set()
    assert await executor.wait(run, timeout=60) == {"end": "sent True", "busy": 1}


async def test_b12_stop_ends_the_run_in_one_commit_and_closes_forms(
    house, wait_until, counted, all_events, brief
):
    gate = Gate()
    stores = []

    def wrap(store):
        stores.append(counted(store))
        return stores[-1]

    executor = await house.open(overrides={"busy": gate.body()}, wrap=wrap)
    run = await executor.execute_async(house.define(ASK + "def busy() -> int:\n    return 1\n"))

    async def asks():
        return (await executor.state(run)).waiting()

    await wait_until(asks)
    await wait_until(lambda: gate.entered)
    before = stores[0].calls.count("commit")
    await executor.stop(run)
    assert stores[0].calls.count("commit") - before == 1
    state = await executor.state(run)
    assert state.status == "CANCELLED"
    assert {id: n.status for id, n in state.nodes.items()} == {
        "draft": "SUCCEEDED", "ask": "CANCELLED", "end": "CANCELLED", "busy": "CANCELLED",
    }  # fmt: skip
    assert state.waiting() == {}
    assert await executor.waiting() == []
    with pytest.raises(ResumeError, match="CANCELLED"):
        await executor.resume_async(run, True)
    with pytest.raises(ChainCancelled):
        await executor.wait(run)
    await wait_until(lambda: gate.cancelled == 1)  # it reached the running node
    assert brief(await all_events(executor, run))[-1] == "chain.finished"


async def test_b12_stop_of_an_ended_run_changes_nothing(house):
    executor = await house.open()
    run = await executor.execute_async(house.define(LINE))
    await executor.wait(run, timeout=60)
    before = await executor.state(run)
    await executor.stop(run)
    assert (await executor.state(run)) == before


async def test_b12_a_failure_cancels_what_is_running_and_refuses_later_commits(house, wait_until):
    gate = Gate()
    fails = asyncio.Event()

    async def bad():
        await fails.wait()
        raise ValueError("no")

    source = """
def bad() -> int:
    return 1

def busy() -> int:
    return 1

def end(bad: int, busy: int) -> int:
    return 1
"""
    executor = await house.open(overrides={"bad": bad, "busy": gate.body()})
    run = await executor.execute_async(house.define(source))
    await wait_until(lambda: gate.entered)
    fails.set()
    with pytest.raises(ChainFailed):
        await executor.wait(run, timeout=60)
    state = await executor.state(run)
    assert {id: n.status for id, n in state.nodes.items()} == {
        "bad": "FAILED", "busy": "CANCELLED", "end": "CANCELLED",
    }  # fmt: skip
    await wait_until(lambda: gate.cancelled)
    assert (await executor.state(run)).seq == state.seq


async def test_b12_a_stop_in_one_process_reaches_the_node_running_in_another(house, wait_until):
    gate = Gate()
    one = await house.open(overrides={"a": gate.body()})
    two = await house.open()
    run = await one.execute_async(house.define(LINE))
    await wait_until(lambda: gate.entered)
    await two.stop(run)
    if house.store() is not house.store():  # else there is only one process, and no other to tell
        await wait_until(lambda: gate.cancelled)
    with pytest.raises(ChainCancelled):
        await one.wait(run, timeout=60)
