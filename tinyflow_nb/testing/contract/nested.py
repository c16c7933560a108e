"""SEMANTICS 28, 36 and 45: chains in chains - what goes down, and what comes back."""

from __future__ import annotations

import asyncio

import pytest

from tinyflow_nb import ChainFailed, ResumeError
from tinyflow_nb.errors import CycleError, DefinitionError, InvalidOperation
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.registry import RegistryEntry
from tinyflow_nb.model.trigger import Trigger, child_run_id
from tinyflow_nb.testing.contract.towers import ASK, DOUBLE, calls, lowest, tower


@pytest.mark.parametrize("depth", [1, 3, 40])
async def test_28_a_child_s_result_completes_its_parent(house, depth):
    executor = await house.open()
    top = await tower(house, executor, DOUBLE, depth)
    assert await executor.execute(top, {"n": 4}) == 8


@pytest.mark.parametrize("depth", [1, 3, 40])
async def test_11_16_a_suspended_child_shows_and_is_answered_at_the_top(house, wait_until, depth):
    executor = await house.open()
    top = await tower(house, executor, ASK, depth)
    run = await executor.execute_async(top, {"n": 4})
    path = "/".join(["below"] * depth) + "/ask"

    async def waits():
        state = await executor.state(run)
        return state.status == "SUSPENDED" and state.waiting()

    waiting = await wait_until(waits)
    assert list(waiting) == [path]
    assert waiting[path].waiting_for["message"] == "Send draft 4?"
    assert [node.id for _, node in await executor.waiting()] == [path]
    await executor.resume_async(run, node=path)
    assert await executor.wait(run) == "sent draft 4"


async def test_16_a_form_below_can_be_answered_at_any_level_and_only_once(house, wait_until):
    executor = await house.open()
    top = await tower(house, executor, ASK, 2)
    run = await executor.execute_async(top, {"n": 4})

    async def waits():
        return (await executor.state(run)).waiting()

    await wait_until(waits)
    middle = await lowest(executor, run, 1)
    await executor.resume_async(middle, "well", node="below/ask", answer_id="a")
    await executor.resume_async(run, "well", node="below/below/ask", answer_id="a")
    with pytest.raises(ResumeError):
        await executor.resume_async(run, "other", node="below/below/ask", answer_id="b")
    assert await executor.wait(run) == "sent well"
    with pytest.raises(ResumeError, match="no chain below"):
        await executor.resume_async(run, "x", node="after/ask")


async def test_8_each_item_has_its_own_child(house):
    executor = await house.open()
    await executor.publish(house.define(DOUBLE, "level0"))
    top = """
    ns: list[int]

    @chain("level0", each="n in ns", max_concurrency=3)
    def below(n) -> int: ...
    """
    run = await executor.execute_async(house.define(top, "top"), {"ns": list(range(10))})
    assert await executor.wait(run) == [n * 2 for n in range(10)]
    state = await executor.state(run)
    children = {item.child for item in state.nodes["below"].items}
    assert len(children) == 10
    assert children == {child_run_id(run, f"below[{i}]", 1) for i in range(10)}


async def test_9_each_round_has_its_own_child(house):
    executor = await house.open()
    await executor.publish(house.define("def more(below: int) -> int:\n    return below + 1\n", "level0"))
    top = """
    @chain("level0", until="below >= 3")
    def below(below: int = 0) -> int: ...
    """
    run = await executor.execute_async(house.define(top, "top"))
    assert await executor.wait(run) == 3
    assert (await executor.state(run)).nodes["below"].round == 3


async def test_2_a_skipped_parent_leaves_the_default_to_the_child(house):
    executor = await house.open()
    await executor.publish(house.define(DOUBLE, "level0"))
    top = """
    go: bool

    @node(when="go")
    def n(go) -> int:
        return 10

    @chain("level0")
    def below(n=21) -> int: ...
    """
    assert await executor.execute(house.define(top, "top"), {"go": True}) == 20
    assert await executor.execute(house.define(top, "top"), {"go": False}) == 42


async def test_36_inputs_that_do_not_fit_are_told_at_the_line(house):
    executor = await house.open()
    await executor.publish(house.define("def add(a: int, b: int = 1) -> int:\n    return a + b\n", "level0"))
    top = """
    text: str

    @chain("level0", inputs={"a": "1"})
    def fine(a): ...

    @chain("level0")
    def other(text, bb): ...

    @chain("level0", inputs={"b": "2"})
    def wrong(a: str, b): ...

    @node
    def a(text) -> str:
        return text
    """
    with pytest.raises(DefinitionError) as refused:
        await executor.execute(
            house.define(top.replace("bb", "text2").replace("text: str", "text: str\n    text2: str"), "top"),
            {"text": "x", "text2": "y"},
        )
    told = [(p.line, p.message) for p in refused.value.problems]
    assert told == [
        (9, "'other' gives level0@1 the input 'text', which it has not"),
        (9, "'other' gives level0@1 the input 'text2', which it has not"),
        (9, "'other' does not give level0@1 its input 'a'"),
        (12, "'wrong' gives level0@1 text as 'a', which takes a whole number"),
    ]


async def test_36_values_that_do_not_fit_fail_the_node(house):
    executor = await house.open()
    await executor.publish(house.define(DOUBLE, "level0"))
    with pytest.raises(ChainFailed, match="level0 was not started: n:"):
        await executor.execute(house.define(calls("level0"), "top"), {"n": "four"})


async def test_45_references_are_pinned_when_the_root_starts(house, wait_until):
    executor = await house.open()
    await executor.publish(house.define(DOUBLE, "level0"))
    top = """
    @confirm
    def n() -> int:
        '''How many?'''

    @chain("level0")
    def below(n) -> int: ...
    """
    run = await executor.execute_async(house.define(top, "top"))

    async def waits():
        return (await executor.state(run)).waiting()

    await wait_until(waits)
    await executor.publish(house.define("def triple(n: int) -> int:\n    return n * 3\n", "level0"))
    await executor.resume_async(run, 2)
    assert await executor.wait(run) == 4
    assert await executor.execute(house.define(calls("level0"), "other"), {"n": 2}) == 6


async def test_an_unknown_name_is_told_before_anything_runs(house):
    executor = await house.open()
    await executor.publish(house.define(DOUBLE, "level0"))
    with pytest.raises(DefinitionError, match=r"line 3.*'below': no chain 'levle0'.*did you mean 'level0'"):
        await executor.execute(house.define(calls("levle0"), "top"), {"n": 1})
    with pytest.raises(DefinitionError, match="level0 has no version 7"):
        await executor.execute(house.define(calls("level0@7"), "top"), {"n": 1})
    assert (await executor.runs(children=True)).runs == []


async def test_a_circle_is_told_with_its_path_before_anything_runs(house):
    executor = await house.open()
    for name, child in (("a", "b"), ("b", "a")):  # as who writes to the store by hand
        definition = house.define(calls(child), name)
        await executor.registry.vetting.submit(definition)
        entry = RegistryEntry("publish", name, 1, 0.0, hash=definition.hash, refs=(child,))
        assert await executor.registry.append([entry], (await executor.registry.index()).epoch)
    with pytest.raises(CycleError, match=r"a@1 > b@1 > a@1"):
        await executor.execute("a", {"n": 1})


async def test_a_child_is_found_again_instead_of_being_made_twice(house):
    """Every trigger between parent and child, delivered again and in any order, changes nothing."""
    executor = await house.open()
    top = await tower(house, executor, DOUBLE, 2)
    run = await executor.execute_async(top, {"n": 4})
    assert await executor.wait(run) == 8
    before = await executor.state(run)
    for level in (run, *[await lowest(executor, run, depth) for depth in (1, 2)]):
        for kind in ("parent", "children", "child", "run", "lease", "timeout"):
            for unit in ("", "below", "after", "double"):
                await executor.accept(Trigger(level, 1, unit, 1, kind))
    assert await executor.state(run) == before
    assert len((await executor.runs(children=True)).runs) == 3


async def test_22_children_go_with_their_root(house):
    executor = await house.open()
    top = await tower(house, executor, DOUBLE, 2)
    run = await executor.execute_async(top, {"n": 4})
    await executor.wait(run)
    middle = await lowest(executor, run, 1)
    with pytest.raises(InvalidOperation, match="delete that one"):
        await executor.delete(middle)
    assert [row.id for row in (await executor.runs()).runs] == [run]
    assert len((await executor.runs(children=True)).runs) == 3
    await executor.delete(run)
    assert (await executor.runs(children=True)).runs == []


async def test_the_context_is_inherited(house):
    executor = await house.open()
    see = """
    def see(n, context: ExecutionContext):
        return {
            "root": context.root, "parent": context.parent, "parent_node": context.parent_node,
            "call_stack": list(context.call_stack), "depth": context.depth, "session": context.session,
            "user": context.user, "baggage": dict(context.baggage), "limited": context.deadline is not None,
        }
    """
    top = await tower(house, executor, see, 2)
    run = await executor.execute_async(
        top, {"n": 4}, session="s", user="ada", baggage={"tenant": "t1"}, deadline=60
    )
    assert await executor.wait(run) == {
        "root": run, "parent": await lowest(executor, run, 1), "parent_node": "below",
        "call_stack": ["level2@1", "level1@1", "level0@1"], "depth": 2, "session": "s", "user": "ada",
        "baggage": {"tenant": "t1"}, "limited": True,
    }  # fmt: skip


async def test_26_events_and_tokens_of_all_levels_reach_the_top(house):
    executor = await house.open()
    speak = """
    def speak(n):
        yield "one "
        yield "two"
    """
    top = await tower(house, executor, speak, 2)
    run = await executor.execute_async(top, {"n": 4})
    events = [event async for event in executor.events_below(run)]
    texts = [e.data["text"] for e in events if e.type is EventType.NODE_OUTPUT]
    assert "".join(texts) == "one two"
    assert {e.node for e in events if e.type is EventType.NODE_OUTPUT} == {"below/below/speak"}
    finished = [e.node for e in events if e.type is EventType.NODE_FINISHED]
    assert set(finished) == {"below/below/speak", "below/below", "below/after", "below", "after"}
    assert events[-1].type is EventType.CHAIN_FINISHED


async def test_c27_a_child_that_ended_while_nobody_looked_is_told_by_recovery(house, wait_until):
    """The process that ended the child dies before the parent knows."""
    first = await house.open()
    await first.publish(house.define(ASK, "level0"))
    run = await first.execute_async(house.define(calls("level0"), "top"), {"n": 4})

    async def waits():
        return (await first.state(run)).waiting()

    await wait_until(waits)
    first._nesting._tell_parent = _nobody  # what it would tell is lost with it
    await first.resume_async(await lowest(first, run, 1))

    async def ended():
        return (await first.state(await lowest(first, run, 1))).status == "SUCCEEDED"

    await wait_until(ended)
    assert (await first.state(run)).status != "SUCCEEDED"
    await first.__aexit__(None, None, None)
    second = await house.open()
    await second.attach(run)
    assert await second.wait(run) == "sent draft 4"


async def _nobody(run: str) -> bool:
    await asyncio.sleep(0)
    return False
