"""SEMANTICS A 10: retries and timeouts, on a clock the test moves."""

from __future__ import annotations

import asyncio
import time

import pytest

ONE = """
{option}
def work() -> int:
    return 1
"""


class Attempts:
    """A body that fails the first `failures` times."""

    def __init__(self, failures: int, error: Exception | None = None) -> None:
        self.count = 0
        self._failures = failures
        self._error = error or ValueError("not yet")

    def body(self):
        async def work():
            self.count += 1
            if self.count <= self._failures:
                raise self._error
            return self.count

        return work


async def test_a10_retry_three_is_up_to_three_further_attempts(house):
    source = ONE.format(option="@node(retry=Retry(max=3, wait=0))")
    enough = Attempts(3)
    state = await house.ends(source, overrides={"work": enough.body()})
    assert (state.result, state.nodes["work"].attempts) == (4, 4)
    too_many = Attempts(4)
    state = await house.ends(source, overrides={"work": too_many.body()})
    assert (state.status, too_many.count, state.error["attempt"]) == ("FAILED", 4, 4)


async def test_a10_waits_are_exponential_with_jitter_and_bounded(still, wait_until, all_events):
    work = Attempts(4)
    executor = await still.open(overrides={"work": work.body()})
    run = await executor.execute_async(
        still.define(ONE.format(option="@node(retry=Retry(max=4, wait=10, max_wait=30))"))
    )
    longest = [10, 20, 30, 30]
    for number, most in enumerate(longest, 1):
        await wait_until(lambda n=number: work.count == n)

        async def waits():
            return (await executor.state(run)).nodes["work"].status == "READY"

        await wait_until(waits)
        still.clock.advance(most / 2 - 0.001)  # half of a wait is never taken off
        assert not await wait_briefly(lambda n=number: work.count > n)
        still.clock.advance(most / 2 + 0.001)
    assert await executor.wait(run, timeout=60) == 5
    dues = [e.data["due"] - e.at for e in await all_events(executor, run) if e.type == "node.retrying"]
    assert all(most / 2 <= due <= most for due, most in zip(dues, longest, strict=True))


async def wait_briefly(predicate) -> bool:
    """Whether it becomes true within a few turns of the loop."""
    for _ in range(10):
        await asyncio.sleep(0)
    return predicate()


async def test_a10_retry_on_names_what_to_retry_on(house):
    source = ONE.format(option="@node(retry=Retry(max=2, wait=0, on=LookupError))")
    work = Attempts(1, KeyError("a subclass counts"))
    assert (await house.ends(source, overrides={"work": work.body()})).result == 2
    work = Attempts(1, ValueError("not this one"))
    state = await house.ends(source, overrides={"work": work.body()})
    assert (state.status, work.count) == ("FAILED", 1)


async def test_a10_a_timeout_is_per_attempt(still, wait_until):
    entered = 0

    async def work():
        nonlocal entered
        entered += 1
        await asyncio.Event().wait()

    executor = await still.open(overrides={"work": work})
    run = await executor.execute_async(
        still.define(ONE.format(option='@node(timeout="1m", retry=Retry(max=1, wait=0))'))
    )
    await wait_until(lambda: entered == 1)
    still.clock.advance(59.9)
    assert not await wait_briefly(lambda: entered > 1)
    still.clock.advance(0.2)
    await wait_until(lambda: entered == 2)
    still.clock.advance(60)
    with pytest.raises(Exception, match="longer than its timeout of 60 s") as caught:
        await executor.wait(run, timeout=60)
    assert caught.value.attempt == 2


async def test_a10_a_body_that_yields_for_ever_is_stopped_by_its_timeout(still, wait_until):
    chunks = 0

    async def work():
        nonlocal chunks
        while True:
            chunks += 1
            yield "x"
            await asyncio.sleep(0)

    executor = await still.open(overrides={"work": work})
    run = await executor.execute_async(
        still.define(ONE.format(option="@node(timeout=5)").replace("int", "str"))
    )
    await wait_until(lambda: chunks > 5)
    still.clock.advance(6)
    with pytest.raises(Exception, match="timeout of 5 s"):
        await executor.wait(run, timeout=60)


async def test_a10_on_a_form_the_timeout_is_the_time_to_answer(still, wait_until):
    source = '@confirm(timeout="1h", on_error=default(False))\ndef ask() -> bool:\n    """Yes?"""\n'
    executor = await still.open()
    run = await executor.execute_async(still.define(source))
    with pytest.raises(Exception, match="Yes"):
        await executor.wait(run, people=False, timeout=60)
    still.clock.advance(3599)
    assert (await executor.state(run)).status == "SUSPENDED"
    still.clock.advance(2)
    assert await executor.wait(run, timeout=60) is False
    node = (await executor.state(run)).nodes["ask"]
    assert "nobody answered" in node.error["message"]


async def test_a10_a_form_nobody_answers_in_time_fails_the_run(still):
    executor = await still.open()
    run = await executor.execute_async(
        still.define('@confirm(timeout=9)\ndef ask() -> bool:\n    """Yes?"""\n')
    )
    with pytest.raises(Exception, match="Yes"):
        await executor.wait(run, people=False, timeout=60)
    still.clock.advance(9)
    with pytest.raises(Exception, match="nobody answered in time") as caught:
        await executor.wait(run, timeout=60)
    assert (caught.value.node, caught.value.line) == ("ask", 2)


async def test_b19_a_thread_at_its_timeout_settles_at_once_and_its_late_result_is_fenced(still, wait_until):
    stopped: list[bool] = []
    entered: list[int] = []

    def work(ctx):
        entered.append(1)
        while not ctx.cancelled:
            time.sleep(0.002)
        stopped.append(True)
        return 99

    source = ONE.format(option="@node(timeout=5, on_error=default(0))").replace(
        "()", "(ctx: ExecutionContext)"
    )
    executor = await still.open(overrides={"work": work})
    run = await executor.execute_async(still.define(source))
    await wait_until(lambda: entered)
    still.clock.advance(5)
    assert await executor.wait(run, timeout=60) == 0
    await wait_until(lambda: stopped)
    assert (await executor.state(run)).nodes["work"].output == 0


async def test_b19_a_thread_keeps_its_slot_until_it_returns(still, wait_until):
    entered: list[str] = []
    let_go = [False]

    def stuck():
        entered.append("stuck")
        while not let_go[0]:
            time.sleep(0.002)
        return 1

    def after():
        entered.append("after")
        return 2

    source = (
        "@node(timeout=5, on_error=default(0))\ndef stuck() -> int:\n    return 1\n"
        '@node(after="stuck")\ndef after() -> int:\n    return 2\n'
    )
    executor = await still.open(overrides={"stuck": stuck, "after": after}, threads=1)
    run = await executor.execute_async(still.define(source))
    await wait_until(lambda: entered)
    still.clock.advance(5)

    async def settled():
        return (await executor.state(run)).nodes["stuck"].status == "SUCCEEDED"

    await wait_until(settled)
    assert entered == ["stuck"]
    let_go[0] = True
    assert await executor.wait(run, timeout=60) == {"stuck": 0, "after": 2}
