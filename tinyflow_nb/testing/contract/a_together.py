"""SEMANTICS A 4-10 together: items that wait, fail, are handled, retried with their run."""

from __future__ import annotations

import pytest

from tinyflow_nb import ChainSuspended

FORMS = '''
@confirm(each="x in [1, 2, 3]", timeout=10{more})
def ask(x) -> bool:
    """{{{{ x }}}}?"""
'''


async def suspended(still, source, **options):
    executor = await still.open(**options)
    run = await executor.execute_async(still.define(source))
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=60)
    return executor, run


@pytest.mark.parametrize(
    ("more", "rest"), [(', on_error="skip"', None), (", on_error=default(False)", False)]
)
async def test_a08_items_nobody_answers_in_time_are_settled_one_by_one(still, more, rest):
    executor, run = await suspended(still, FORMS.format(more=more))
    await executor.resume_async(run, True, node="ask[1]")
    still.clock.advance(10)
    assert await executor.wait(run, timeout=60) == [rest, True, rest]


async def test_a05_a_handler_closes_the_other_items_forms(still):
    source = "def rescue(error: dict) -> list[str]:\n    return [error['type']]\n" + FORMS.format(
        more=', on_error="rescue"'
    )
    source += "def end(ask: list) -> list:\n    return ask\n"
    executor, run = await suspended(still, source)
    await executor.resume_async(run, True, node="ask[0]")
    still.clock.advance(10)
    assert await executor.wait(run, timeout=60) == ["Timeout"]
    state = await executor.state(run)
    assert state.waiting() == {}
    assert state.nodes["ask"].status == "FAILED"
    statuses = [i.status for i in state.nodes["ask"].items]
    assert statuses[0] == "SUCCEEDED"
    assert "SUSPENDED" not in statuses


async def test_a08_a_retried_run_expands_its_items_anew(still, finish):
    failing = {2}

    async def work(x):
        if x in failing:
            raise ValueError("no")
        return x

    source = '@node(each="x in [1, 2, 3]", max_concurrency=1)\ndef work(x: int) -> int:\n    return x\n'
    executor = await still.open(overrides={"work": work})
    run = await executor.execute_async(still.define(source))
    assert (await finish(executor, run)).status == "FAILED"
    failing.clear()
    await executor.retry(run)
    state = await finish(executor, run)
    assert (state.result, [i.status for i in state.nodes["work"].items]) == ([1, 2, 3], ["SUCCEEDED"] * 3)


async def test_a09_each_item_is_asked_until_it_holds(still):
    source = """
@confirm(each="x in ['a', 'b']", until="ask == 'yes'", max_rounds=3)
def ask(x) -> str:
    "{{ x }}?"
"""
    executor, run = await suspended(still, source)
    for item, answers in (("ask[0]", ["no", "yes"]), ("ask[1]", ["no", "no", "no"])):
        for round, answer in enumerate(answers, 1):
            with pytest.raises(ChainSuspended):
                await executor.wait(run, people=False, timeout=60)
            await executor.resume_async(run, answer, node=f"{item}#{round}")
    assert await executor.wait(run, timeout=60) == ["yes", "no"]
    items = (await executor.state(run)).nodes["ask"].items
    assert [(i.round, i.exhausted) for i in items] == [(2, False), (3, True)]


async def test_a09_a_person_may_exhaust_the_rounds_into_a_failure(still, finish):
    source = """
@confirm(until="ask == 'yes'", max_rounds=1, on_exhausted="fail")
def ask() -> str:
    "?"
"""
    executor, run = await suspended(still, source)
    await executor.resume_async(run, "no")
    state = await finish(executor, run)
    assert (state.status, state.error["node"]) == ("FAILED", "ask")


async def test_a04_join_any_over_items_and_its_own_each(still, finish):
    source = """
@node(each="x in [1, 2]", on_error="skip", when="1 > 2")
def off(x: int) -> int:
    return x

@node(each="x in [3, 4]")
def on(x: int) -> int:
    return x

@node(join="any", each="v in [5, 6]")
def first(v: int, off: list[int] | None = None, on: list[int] | None = None) -> list[int]:
    return [v, *(on or []), *(off or [])]
"""
    executor = await still.open()
    run = await executor.execute_async(still.define(source))
    assert (await finish(executor, run)).result == [[5, 3, 4], [6, 3, 4]]
