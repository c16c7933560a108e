"""`executor.metrics()`: how a store's runs have been doing, over every store."""

from __future__ import annotations

from typing import Any

import pytest

from tinyflow_nb.engine.figures import percentile
from tinyflow_nb.engine.node_types import installed
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
    assert (found.looked_at, found.complete, found.tokens_of, found.backlog) == (5, True, 5, 0)
    still.clock.advance(7.0)
    await executor.resume_async(waiting, True)
    await executor.wait(waiting, timeout=8)
    assert (await executor.metrics()).chains["asks"].seconds_p50 == 7.0
    newest = await executor.metrics(limit=2)
    assert (newest.looked_at, newest.complete, set(newest.chains)) == (2, False, {"bad", "asks"})
    assert newest.to_dict()["all"]["runs"] == {"SUCCEEDED": 1, "FAILED": 1}


async def test_the_backlog_is_what_is_ready_and_nobody_works_on(still: Any) -> None:
    executor = await still.open(execute=False)
    run = await executor.execute_async(still.define(GOOD, "good"), {"n": 1})
    assert (await executor.metrics()).backlog == 1
    tagged = await executor.execute_async(still.define(TAGGED, "tagged"))
    assert (await executor.metrics()).backlog == 3
    for stopped in (run, tagged):
        await executor.stop(stopped)
    assert (await executor.metrics()).backlog == 0


@pytest.mark.parametrize(
    ("values", "part", "expected"),
    [([], 0.5, None), ([1], 0.95, 1), ([1, 2, 3, 4], 0.5, 2), (list(range(1, 101)), 0.95, 95)],
)
def test_percentiles_are_values_that_occurred(values: list[float], part: float, expected: float) -> None:
    assert percentile(values, part) == expected
