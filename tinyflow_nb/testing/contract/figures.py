"""`executor.metrics()`: how a store's runs have been doing, over every store."""

from __future__ import annotations

from typing import Any

import pytest

from tinyflow_nb.engine.figures import percentile
from tinyflow_nb.engine.node_types import installed
from tinyflow_nb.engine.series import times_of
from tinyflow_nb.model.figures import Backlog
from tinyflow_nb.ports import NodeCall, Produced

GOOD = """
from tinyflow_nb import llm

@llm
def asked(n: int) -> int:
    '''{{ n }}'''

async def slow(asked) -> int:
    return asked
"""
BAD = """
def broken() -> int:
    raise ValueError("no")
"""
ASKS = """
from tinyflow_nb import confirm

@confirm
def ok(n: int) -> bool:
    '''Well?'''
"""

TAGGED = """
from tinyflow_nb import node

@node(tags=["gpu"])
def seen() -> int:
    return 1

@node(tags=["gpu", "eu"])
def heard() -> int:
    return 1
"""


class Counting:
    timeout = 10.0

    async def execute(self, call: NodeCall) -> Produced:
        usage = {"input_tokens": 10, "output_tokens": 3, "requests": 1, "model": "m"}
        return Produced(call.arguments["n"], {"usage": usage})


async def test_figures_by_status_chain_time_and_tokens(still: Any, finish: Any, wait_until: Any) -> None:
    executor = await still.open(nodes={**installed(), "llm": Counting()})
    empty = await executor.metrics()
    assert (empty.all.runs, empty.all.success_rate, empty.looked_at, empty.complete) == ({}, None, 0, True)
    for n in range(3):
        await finish(executor, await executor.execute_async(still.define(GOOD, "good"), {"n": n}))
    await finish(executor, await executor.execute_async(still.define(BAD, "bad")))
    waiting = await executor.execute_async(still.define(ASKS, "asks"), {"n": 1})
    await wait_until(executor.waiting)
    found = await executor.metrics()
    assert found.all.runs == {"SUSPENDED": 1, "SUCCEEDED": 3, "FAILED": 1}
    assert found.all.success_rate == 0.75
    assert list(found.chains) == ["good", "asks", "bad"]
    assert found.chains["good"].success_rate == 1.0
    assert found.chains["good"].seconds_p50 == 0.0, "the clock stands still"
    assert found.chains["bad"].seconds_p95 is None
    assert found.chains["asks"].success_rate is None
    assert (found.all.input_tokens, found.all.output_tokens) == (30, 9)
    assert (found.looked_at, found.complete, found.tokens_of) == (5, True, 5)
    assert found.backlog == Backlog(suspended=1)
    still.clock.advance(7.0)
    await executor.resume_async(waiting, True)
    await executor.wait(waiting, timeout=60)
    assert (await executor.metrics()).chains["asks"].seconds_p50 == 7.0
    newest = await executor.metrics(limit=2)
    assert (newest.looked_at, newest.complete, set(newest.chains)) == (2, False, {"bad", "asks"})
    assert newest.to_dict()["all"]["runs"] == {"SUCCEEDED": 1, "FAILED": 1}


async def test_the_backlog_is_what_is_ready_and_nobody_works_on(still: Any) -> None:
    executor = await still.open(execute=False)
    run = await executor.execute_async(still.define(GOOD, "good"), {"n": 1})
    assert (await executor.metrics()).backlog == Backlog(ready=1)
    tagged = await executor.execute_async(still.define(TAGGED, "tagged"))
    assert (await executor.metrics()).backlog == Backlog(ready=3)
    for stopped in (run, tagged):
        await executor.stop(stopped)
    assert (await executor.metrics()).backlog == Backlog()


async def test_the_backlog_tells_timers_that_are_set_and_those_that_are_overdue(
    still: Any, wait_until: Any
) -> None:
    executor = await still.open()
    asks = still.define(ASKS.replace("@confirm", "@confirm(timeout=60)"), "asks")
    for n in range(2):
        await executor.execute_async(asks, {"n": n}, deadline=3600)
    await wait_until(lambda: both_wait(executor))
    watcher = await still.open(execute=False)
    assert (await watcher.metrics()).backlog == Backlog(suspended=2, timers=4)
    await executor.__aexit__(None, None, None)  # nobody is left to act on them
    still.clock.advance(61.0)
    assert (await watcher.metrics()).backlog == Backlog(suspended=2, timers=4, overdue=2)


async def test_a_backlog_of_more_runs_than_are_looked_into_says_so(still: Any, wait_until: Any) -> None:
    executor = await still.open()
    asks = still.define(ASKS, "asks")
    for n in range(3):
        await executor.execute_async(asks, {"n": n})
    await wait_until(lambda: three_wait(executor))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tinyflow_nb.engine.figures.LOOKED_INTO", 2)
        assert (await executor.metrics()).backlog == Backlog(suspended=3, complete=False)


async def three_wait(executor: Any) -> bool:
    return len(await executor.waiting()) == 3


async def both_wait(executor: Any) -> bool:
    return len(await executor.waiting()) == 2


async def test_series_are_of_what_ended_when(still: Any, finish: Any) -> None:
    executor = await still.open(nodes={**installed(), "llm": Counting()})
    good, bad = still.define(GOOD, "good"), still.define(BAD, "bad")
    await finish(executor, await executor.execute_async(good, {"n": 1}))
    still.clock.advance(3 * 3600.0)
    await finish(executor, await executor.execute_async(bad))
    await finish(executor, await executor.execute_async(good, {"n": 2}))
    found = await executor.metrics()
    series = found.all.series
    assert (len(series), found.step) == (24, 900.0)
    assert found.began <= still.clock.now() - 3 * 3600 < found.began + 24 * 900
    ended = [stretch.ended for stretch in series if stretch.ended]
    assert ended == [{"SUCCEEDED": 1}, {"SUCCEEDED": 1, "FAILED": 1}]
    assert series[-1].ended == ended[1]
    assert (series[-1].seconds_p50, series[-2].seconds_p50) == (0.0, None)
    assert [s.input_tokens for s in series if s.input_tokens] == [10, 10]
    assert sum(s.output_tokens or 0 for s in found.chains["good"].series) == 6
    assert [s.ended for s in found.chains["bad"].series if s.ended] == [{"FAILED": 1}]
    assert found.all.cost is None
    told = found.to_dict()["all"]["series"][-1]
    assert told["ended"] == {"SUCCEEDED": 1, "FAILED": 1}


async def test_a_cost_is_told_where_nodes_say_it(still: Any, finish: Any) -> None:
    class Costing(Counting):
        async def execute(self, call: NodeCall) -> Produced:
            output, info = await super().execute(call)
            return Produced(output, {"usage": {**info["usage"], "cost": 0.25}})

    executor = await still.open(nodes={**installed(), "llm": Costing()})
    for n in range(2):
        await finish(executor, await executor.execute_async(still.define(GOOD, "good"), {"n": n}))
    found = await executor.metrics()
    assert (found.all.cost, found.all.series[-1].cost, found.all.series[0].cost) == (0.5, 0.5, None)


@pytest.mark.parametrize(
    ("since", "step"),
    [
        (0, 10),
        (200, 10),
        (250, 30),
        (3600, 300),
        (86_400, 7200),
        (7 * 86_400, 28_800),
        (400 * 86_400, 28 * 86_400),
    ],
)
def test_stretches_are_as_fine_as_all_can_be_shown(since: float, step: float) -> None:
    now = 1_900_000_123.0
    times = times_of([now - since, now], now)
    assert times.step == step
    assert 0 <= times.place(now - since) <= times.place(now) == times.number - 1
    assert times.place(now - since - 10**9) == 0, "what is outside counts with the nearest"


@pytest.mark.parametrize(
    ("values", "part", "expected"),
    [([], 0.5, None), ([1], 0.95, 1), ([1, 2, 3, 4], 0.5, 2), (list(range(1, 101)), 0.95, 95)],
)
def test_percentiles_are_values_that_occurred(values: list[float], part: float, expected: float) -> None:
    assert percentile(values, part) == expected
