"""SEMANTICS 5 and 12 to 14 through the levels: stop, failure, retry, timeout and deadline of nested runs."""

from __future__ import annotations

import pytest

from tinyflow_nb import ChainCancelled, ChainFailed
from tinyflow_nb.errors import InvalidOperation
from tinyflow_nb.testing.contract.towers import ASK, FAIL, calls, lowest, tower


async def asks(executor, run) -> bool:
    """Whether somebody is asked, however deep."""
    return bool((await executor.state(run)).waiting())


@pytest.mark.parametrize("depth", [1, 3, 40])
async def test_12_stop_goes_down(house, wait_until, depth):
    executor = await house.open()
    top = await tower(house, executor, ASK, depth)
    run = await executor.execute_async(top, {"n": 4})
    await wait_until(lambda: asks(executor, run))
    await executor.stop(run)
    with pytest.raises(ChainCancelled):
        await executor.wait(run)
    bottom = await lowest(executor, run, depth)

    async def stopped():
        return (await executor.state(bottom)).status == "CANCELLED"

    await wait_until(stopped)


async def test_12_an_abandoned_child_goes_on(house, wait_until):
    executor = await house.open()
    await executor.publish(house.define(ASK, "level0"))
    top = house.define(calls("level0", ', on_parent_close="abandon"'), "top")
    run = await executor.execute_async(top, {"n": 4})
    child = await lowest(executor, run, 1)
    await wait_until(lambda: asks(executor, run))
    await executor.stop(run)
    await wait_until(lambda: executor.state(run))
    await executor.resume_async(child)
    assert await executor.wait(child) == "sent draft 4"
    with pytest.raises(ChainCancelled):
        await executor.wait(run)


@pytest.mark.parametrize("depth", [1, 3, 40])
async def test_a_failure_goes_up_with_the_whole_path(house, depth):
    executor = await house.open()
    top = await tower(house, executor, FAIL, depth)
    with pytest.raises(ChainFailed, match=r"ValueError: no 4") as failed:
        await executor.execute(top, {"n": 4})
    levels = [f"level{level}@1" for level in range(depth - 1, -1, -1)]
    assert [step["chain"] for step in failed.value.error["path"]] == levels
    assert failed.value.error["path"][-1] == {"chain": "level0@1", "node": "boom", "line": 3}
    assert failed.value.node == "below"
    told = "".join(f" > {name} > below (line 3)" for name in levels[:-1]) + " > level0@1 > boom (line 3)"
    assert f"level{depth}@1 > below (line 3){told} failed (attempt 1): ValueError: no 4" in str(failed.value)


async def test_5_the_parent_s_on_error_and_retry_apply(house):
    executor = await house.open()
    await executor.publish(house.define(FAIL, "level0"))
    handled = calls("level0", ", retry=Retry(max=2, wait=0), on_error=default(7)")
    run = await executor.execute_async(house.define(handled, "top"), {"n": 4})
    assert await executor.wait(run) == 7
    state = await executor.state(run)
    assert state.nodes["below"].attempts == 3
    child = await executor.state(state.nodes["below"].child)
    assert child.generation == 3, "a further attempt retries the failed child instead of making another"
    page = await executor.runs(children=True)
    assert len(page.runs) == 2


async def test_13_retry_of_the_root_takes_up_the_child_where_it_failed(house):
    left = [ValueError("not yet")]

    def boom(first):
        if left:
            raise left.pop()
        return first + 1

    executor = await house.open(overrides={"boom": boom})
    two = "def first(n):\n    return n\n\ndef boom(first):\n    return first\n"
    top = await tower(house, executor, two, 3)
    run = await executor.execute_async(top, {"n": 4})
    with pytest.raises(ChainFailed):
        await executor.wait(run)
    await executor.retry(run)
    assert await executor.wait(run) == 5
    bottom = await executor.state(await lowest(executor, run, 3))
    assert bottom.generation == 2
    assert bottom.nodes["first"].attempts == 1, "what had succeeded in the child is kept"
    with pytest.raises(InvalidOperation, match="is a part of run"):
        await executor.retry(bottom.id)


async def test_13_retry_of_a_stopped_root_goes_on_with_the_stopped_child(house, wait_until):
    executor = await house.open()
    top = await tower(house, executor, ASK, 2)
    run = await executor.execute_async(top, {"n": 4})
    await wait_until(lambda: asks(executor, run))
    await executor.stop(run)
    await executor.retry(run)
    await wait_until(lambda: asks(executor, run))
    await executor.resume_async(run, "at last")
    assert await executor.wait(run) == "sent at last"


async def test_14_a_timeout_ends_the_child(still, wait_until):
    executor = await still.open()
    await executor.publish(still.define(ASK, "level0"))
    top = still.define(calls("level0", ", timeout=20, on_error='skip'"), "top")
    run = await executor.execute_async(top, {"n": 4})
    await wait_until(lambda: asks(executor, run))
    still.clock.advance(20)
    assert await executor.wait(run) is None
    state = await executor.state(run)
    assert "did not end within 20 s" in state.nodes["below"].error["message"]

    async def stopped():
        return (await executor.state(state.nodes["below"].child)).status == "CANCELLED"

    await wait_until(stopped)


async def test_14_the_parent_s_deadline_bounds_the_child(still, wait_until):
    executor = await still.open()
    top = await tower(still, executor, ASK, 2)
    run = await executor.execute_async(top, {"n": 4}, deadline=30)
    await wait_until(lambda: asks(executor, run))
    still.clock.advance(30)
    with pytest.raises(ChainFailed, match="deadline"):
        await executor.wait(run)
    bottom = await lowest(executor, run, 2)

    async def stopped():
        return (await executor.state(bottom)).status == "CANCELLED"

    await wait_until(stopped)
