"""SEMANTICS A 7-9: how options nest, `each` and `until`."""

from __future__ import annotations

import asyncio

import pytest

EACH = """
def docs(n: int) -> list[int]:
    return list(range(n))

{option}
def work(doc: int) -> int:
    return doc * 10

def gather(work: list[int | None]) -> list[int | None]:
    return work
"""


def each(option: str) -> str:
    return EACH.format(option=option)


async def test_a07_when_is_judged_once_each_per_item_until_per_round_and_retry_per_attempt(
    house, all_events, brief
):
    failed: set[tuple[int, int]] = set()
    keys: list[str] = []
    rounds: dict[int, int] = {}

    async def work(doc, ctx):
        keys.append(ctx.idempotency_key)
        if doc == 1 and (ctx.round, "failed") not in failed and ctx.round == 2:
            failed.add((ctx.round, "failed"))
            raise ValueError("once")
        rounds[doc] = ctx.round
        return ctx.round

    source = """
def docs() -> list[int]:
    return [0, 1]

@node(when="docs | length == 2", each="doc in docs", until="work >= 2", retry=Retry(max=1, wait=0))
def work(doc: int, ctx: ExecutionContext) -> int:
    return 0
"""
    executor = await house.open(overrides={"work": work})
    run = await executor.execute_async(house.define(source))
    assert await executor.wait(run, timeout=60) == [2, 2]
    assert rounds == {0: 2, 1: 2}
    assert sorted(keys) == [
        "/".join([run, "work", str(item), str(round)])
        for item, round in ((0, 1), (0, 2), (1, 1), (1, 2), (1, 2))
    ]
    told = brief(await all_events(executor, run))
    assert told.count("work.started") == 1
    assert told.count("work[1].started") == 3
    assert told.count("work[1].retrying") == 1
    state = await executor.state(run)
    assert [i.id for i in state.nodes["work"].items] == ["work[0]", "work[1]"]
    assert [i.round for i in state.nodes["work"].items] == [2, 2]


async def test_a07_a_false_when_skips_before_each_is_looked_at(house):
    source = """
def n() -> int:
    return 0

@node(when="n", each="x in n")
def work(x: int) -> int:
    return x
"""
    state = await house.ends(source)
    assert (state.nodes["work"].status, state.nodes["work"].reason) == ("SKIPPED", "n is false")


async def test_a08_results_come_in_order_whatever_order_they_end_in(house):
    async def work(doc):
        for _ in range(5 - doc):
            await asyncio.sleep(0)
        return doc * 10

    state = await house.ends(each('@node(each="doc in docs")'), {"n": 5}, overrides={"work": work})
    assert state.result == [0, 10, 20, 30, 40]
    assert [i.output for i in state.nodes["work"].items] == state.result


async def test_a08_an_empty_list_gives_an_empty_list(house):
    state = await house.ends(each('@node(each="doc in docs")'), {"n": 0})
    assert (state.nodes["work"].status, state.result) == ("SUCCEEDED", [])


async def test_a08_a_filter_drops_items(house):
    state = await house.ends(each('@node(each="doc in docs if doc > 1")'), {"n": 4})
    assert state.result == [20, 30]


async def test_a08_pairs_are_unpacked(house):
    source = """
def pairs() -> list[list[int]]:
    return [[1, 2], [3, 4]]

@node(each="q, a in pairs")
def work(q: int, a: int) -> int:
    return q * a
"""
    assert (await house.ends(source)).result == [2, 12]


async def test_a08_what_can_not_be_unpacked_fails_the_node(house):
    source = """
def p() -> list:
    return [[1], 2]

@node(each="a, b in p")
def work(a, b) -> int:
    return 0
"""
    state = await house.ends(source)
    assert (state.status, state.error["node"]) == ("FAILED", "work")
    assert "a, b" in state.error["message"]


@pytest.mark.parametrize("value", ["'text'", "{'a': 1}", "3", "None"])
async def test_a08_something_that_is_no_list_fails_the_node(house, value):
    source = f'def p():\n    return {value}\n@node(each="x in p")\ndef work(x) -> int:\n    return 0\n'
    state = await house.ends(source)
    assert (state.status, state.error["node"]) == ("FAILED", "work")
    assert "not a list" in state.error["message"]


async def test_a08_ten_thousand_items_are_the_most(house):
    state = await house.ends(each('@node(each="doc in docs")'), {"n": 10_001})
    assert (state.status, state.error["node"]) == ("FAILED", "work")
    assert "10001 items" in state.error["message"]
    assert "10000" in state.error["message"]


async def test_a08_skip_and_default_apply_per_item(house):
    async def work(doc):
        if doc == 1:
            raise ValueError("no")
        return doc

    skipped = await house.ends(
        each('@node(each="doc in docs", on_error="skip")'), {"n": 3}, overrides={"work": work}
    )
    assert skipped.result == [0, None, 2]
    assert [i.status for i in skipped.nodes["work"].items] == ["SUCCEEDED", "SKIPPED", "SUCCEEDED"]
    assert skipped.nodes["work"].items[1].error["message"] == "no"
    given = await house.ends(
        each('@node(each="doc in docs", on_error=default(7))'), {"n": 3}, overrides={"work": work}
    )
    assert given.result == [0, 7, 2]


async def test_a08_fail_ends_the_run_and_names_the_item(house):
    async def work(doc):
        if doc == 1:
            raise ValueError("no")
        await asyncio.Event().wait()

    state = await house.ends(each('@node(each="doc in docs")'), {"n": 3}, overrides={"work": work})
    assert (state.status, state.error["node"]) == ("FAILED", "work[1]")
    assert state.nodes["work"].status == "FAILED"
    assert [i.status for i in state.nodes["work"].items] == ["CANCELLED"] * 3


async def test_a08_a_handler_applies_to_the_node_and_cancels_its_other_items(house, wait_until):
    cancelled: list[int] = []

    async def work(doc):
        if doc == 1:
            raise ValueError("no")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(doc)
            raise

    source = "def rescue() -> list[int]:\n    return [9]\n" + each(
        '@node(each="doc in docs", on_error="rescue")'
    )
    state = await house.ends(source, {"n": 3}, overrides={"work": work})
    assert (state.status, state.result) == ("SUCCEEDED", [9])
    assert (state.nodes["work"].status, state.nodes["work"].handled_by) == ("FAILED", "rescue")
    await wait_until(lambda: sorted(cancelled) == [0, 2])


async def test_a08_max_concurrency_is_a_window_that_moves_with_each_commit(house):
    running = most = 0

    async def work(doc):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return doc

    state = await house.ends(
        each('@node(each="doc in docs", max_concurrency=3)'), {"n": 20}, overrides={"work": work}
    )
    assert state.result == list(range(20))
    assert most == 3


async def test_a08_sixteen_items_run_at_once_unless_told_otherwise(house, wait_until):
    entered = 0
    let_go = asyncio.Event()

    async def work(doc):
        nonlocal entered
        entered += 1
        await let_go.wait()
        return doc

    executor = await house.open(overrides={"work": work})
    run = await executor.execute_async(house.define(each('@node(each="doc in docs")')), {"n": 40})
    await wait_until(lambda: entered == 16)
    state = await executor.state(run)
    assert [i.status for i in state.nodes["work"].items].count("RUNNING") == 16
    let_go.set()
    assert len(await executor.wait(run, timeout=60)) == 40
    assert entered == 40


async def test_a08_items_can_wait_for_people(house):
    source = '''
def docs() -> list[str]:
    return ["a", "b"]

@confirm(each="doc in docs")
def ask() -> bool:
    """Is {{ doc }} good?"""
'''
    executor = await house.open()
    run = await executor.execute_async(house.define(source))
    with pytest.raises(Exception, match=r"ask\[0\]: Is a good") as caught:
        await executor.wait(run, people=False, timeout=60)
    assert list(caught.value.forms) == ["ask[0]", "ask[1]"]
    await executor.resume_async(run, False, node="ask[1]")
    await executor.resume_async(run, True)  # only one is left
    assert await executor.wait(run, timeout=60) == [True, False]


UNTIL = """
@node(until="draft >= 3"{more})
def draft(draft: int | None = None) -> int:
    return (draft or 0) + 1
"""


async def test_a09_a_node_repeats_and_its_own_parameter_is_its_last_output(house, all_events):
    executor = await house.open()
    run = await executor.execute_async(house.define(UNTIL.format(more="")))
    assert await executor.wait(run, timeout=60) == 3
    node = (await executor.state(run)).nodes["draft"]
    assert (node.round, node.exhausted) == (3, False)
    started = [e for e in await all_events(executor, run) if e.type == "node.started"]
    assert [e.data.get("previous") for e in started] == [None, 1, 2]
    assert [e.data.get("round", 1) for e in started] == [1, 2, 3]


async def test_a09_rounds_used_up_succeed_with_the_last_output(house):
    state = await house.ends(UNTIL.format(more=", max_rounds=2"))
    node = state.nodes["draft"]
    assert (state.result, node.status, node.exhausted, node.round) == (2, "SUCCEEDED", True, 2)


async def test_a09_ten_rounds_by_default(house):
    state = await house.ends(UNTIL.format(more="").replace(">= 3", ">= 99"))
    assert (state.result, state.nodes["draft"].exhausted) == (10, True)


async def test_a09_on_exhausted_can_fail(house):
    state = await house.ends(UNTIL.format(more=', max_rounds=2, on_exhausted="fail"'))
    assert (state.status, state.error["node"]) == ("FAILED", "draft")
    assert "2 rounds" in state.error["message"]


async def test_a09_each_round_has_its_own_retries(house):
    calls: list[int] = []

    async def draft(draft=None):
        calls.append(draft or 0)
        if calls.count(draft or 0) == 1:
            raise ValueError("first time of each round")
        return (draft or 0) + 1

    state = await house.ends(UNTIL.format(more=", retry=Retry(max=1, wait=0)"), overrides={"draft": draft})
    assert (state.result, calls) == (3, [0, 0, 1, 1, 2, 2])


async def test_a09_each_round_is_committed(house, wait_until):
    """An executor that comes later goes on with the round, not from the start."""
    hang = asyncio.Event()
    seen: list[int | None] = []

    async def first(draft=None):
        if draft == 1:
            await hang.wait()
        return (draft or 0) + 1

    async def second(draft=None):
        seen.append(draft)
        return (draft or 0) + 1

    one = await house.open(overrides={"draft": first})
    run = await one.execute_async(house.define(UNTIL.format(more="")))

    async def in_round_two():
        return (await one.state(run)).nodes["draft"].round == 2

    await wait_until(in_round_two)
    await one.__aexit__(None, None, None)
    two = await house.open(overrides={"draft": second})
    await two.attach(run)
    assert await two.wait(run, timeout=60) == 3
    assert seen == [1, 2]


async def test_a09_a_person_is_asked_again_until_it_holds(house):
    source = '''
@confirm(until="ask == 'yes'")
def ask() -> str:
    """Say yes"""
'''
    executor = await house.open()
    run = await executor.execute_async(house.define(source))
    for answer, round in (("no", 1), ("maybe", 2)):
        with pytest.raises(Exception, match="Say yes"):
            await executor.wait(run, people=False, timeout=60)
        assert (await executor.state(run)).nodes["ask"].round == round
        await executor.resume_async(run, answer)
    with pytest.raises(Exception, match="Say yes"):
        await executor.wait(run, people=False, timeout=60)
    await executor.resume_async(run, "yes", node="ask#3")
    assert await executor.wait(run, timeout=60) == "yes"
