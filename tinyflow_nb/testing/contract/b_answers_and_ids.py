"""SEMANTICS B 16-17: answers of people, and ids of the caller's own."""

from __future__ import annotations

import asyncio

import pytest

from tinyflow_nb import ChainSuspended, ResumeError
from tinyflow_nb.errors import RunExists
from tinyflow_nb.testing.contract.cells import ASK

FORM = '''
from typing import Literal
from pydantic import BaseModel, Field

class Approval(BaseModel):
    approved: bool
    text: str = Field(min_length=2)
    kind: Literal["a", "b"] = "a"

def draft() -> str:
    return "hello"

@confirm(initial={"text": "draft"})
def ask(draft) -> Approval:
    """Send?"""

def end(ask: Approval) -> str:
    return f"{ask.approved} {ask.text} {ask.kind}"
'''


async def suspended(house, source, inputs=None):
    executor = await house.open()
    run = await executor.execute_async(house.define(source), inputs)
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=60)
    return executor, run


async def test_b16_a_field_left_out_takes_its_initial_value(house):
    executor, run = await suspended(house, FORM)
    form = (await executor.state(run)).nodes["ask"].waiting_for
    assert form["initial"] == {"text": "hello"}
    assert form["schema"]["properties"].keys() == {"approved", "text", "kind"}
    await executor.resume_async(run, {"approved": True})
    assert await executor.wait(run, timeout=60) == "True hello a"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"approved": True, "txt": "x"}, ["txt"]),
        ({"approved": "maybe"}, ["approved"]),
        ({"approved": True, "text": "x"}, ["text"]),
        ({"approved": True, "kind": "z"}, ["kind"]),
        ({}, ["approved"]),
        (None, ["approved"]),
        (5, []),
        ([], []),
    ],
)
async def test_b16_a_wrong_answer_names_its_fields_and_changes_nothing(house, answer, words):
    executor, run = await suspended(house, FORM)
    before = await executor.state(run)
    with pytest.raises(ResumeError) as caught:
        await executor.resume_async(run, answer)
    for word in words:
        assert word in str(caught.value)
        assert word in caught.value.fields
    assert await executor.state(run) == before


async def test_b16_the_first_valid_answer_wins(house):
    executor, run = await suspended(house, ASK)
    answers = await asyncio.gather(
        *(executor.resume_async(run, bool(i % 2), who=f"p{i}") for i in range(6)), return_exceptions=True
    )
    assert sorted(type(a).__name__ for a in answers) == ["NoneType", *["ResumeError"] * 5]
    winner = answers.index(None)
    assert await executor.wait(run, timeout=60) == f"sent {bool(winner % 2)}"
    assert (await executor.state(run)).nodes["ask"].answered_by["who"] == f"p{winner}"


async def test_b16_the_same_answer_id_again_is_a_silent_success(house, all_events):
    executor, run = await suspended(house, ASK)
    await executor.resume_async(run, True, answer_id="x1", who="ada")
    await executor.resume_async(run, True, answer_id="x1", who="ada")
    await executor.wait(run, timeout=60)
    await executor.resume_async(run, True, answer_id="x1", who="ada")
    with pytest.raises(ResumeError):
        await executor.resume_async(run, True, answer_id="x2")
    finished = [e for e in await all_events(executor, run) if e.type == "node.finished" and e.node == "ask"]
    assert len(finished) == 1
    assert finished[0].data["answered_by"]["who"] == "ada"
    assert finished[0].data["answered_by"]["at"] == finished[0].at


async def test_b16_the_same_answer_id_again_does_not_answer_the_next_round(house):
    source = "@confirm(until=\"ask == 'yes'\")\ndef ask() -> str:\n    'Say yes'\n"
    executor, run = await suspended(house, source)
    await executor.resume_async(run, "no", answer_id="x1")
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=60)
    await executor.resume_async(run, "no", answer_id="x1")
    state = await executor.state(run)
    assert (state.nodes["ask"].round, state.status) == (2, "SUSPENDED")


async def test_b16_an_answer_to_an_older_round_is_refused(house):
    source = "@confirm(until=\"ask == 'yes'\")\ndef ask() -> str:\n    'Say yes'\n"
    executor, run = await suspended(house, source)
    await executor.resume_async(run, "no")
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=60)
    with pytest.raises(ResumeError):
        await executor.resume_async(run, "yes", node="ask#1")
    await executor.resume_async(run, "yes", node="ask#2")
    assert await executor.wait(run, timeout=60) == "yes"


TWO = '''
@confirm
def first() -> bool:
    """One?"""

@confirm
def second() -> str:
    """Two?"""
'''


async def test_b16_node_is_needed_when_several_wait(house):
    executor, run = await suspended(house, TWO)
    with pytest.raises(ResumeError, match=r"several nodes wait.*first, second"):
        await executor.resume_async(run, True)
    await executor.resume_async(run, "x", node="second")
    await executor.resume_async(run, True)
    assert await executor.wait(run, timeout=60) == {"first": True, "second": "x"}


@pytest.mark.parametrize(
    ("node", "match"), [("nope", "no node 'nope'"), ("draft", "SUCCEEDED and does not wait")]
)
async def test_b16_a_node_that_does_not_wait(house, node, match):
    executor, run = await suspended(house, ASK)
    with pytest.raises(ResumeError, match=match):
        await executor.resume_async(run, True, node=node)


async def test_b16_a_form_of_one_value_takes_the_value_itself(house):
    executor, run = await suspended(house, ASK)
    with pytest.raises(ResumeError):
        await executor.resume_async(run, "yes please")
    await executor.resume_async(run, False)
    assert await executor.wait(run, timeout=60) == "sent False"


async def test_b16_no_return_type_means_bool(house):
    executor, run = await suspended(house, "@confirm\ndef ask():\n    'Yes?'\n")
    await executor.resume_async(run, True)
    assert await executor.wait(run, timeout=60) is True


async def test_b17_the_same_run_id_with_the_same_content_is_that_run(house):
    executor = await house.open()
    source = "def a(x: int) -> int:\n    return x\n"
    definition = house.define(source)
    assert await executor.execute_async(definition, {"x": 1}, run_id="mine") == "mine"
    assert await executor.execute_async(definition, {"x": 1}, run_id="mine") == "mine"
    assert await executor.wait("mine", timeout=60) == 1
    with pytest.raises(RunExists, match="mine"):
        await executor.execute_async(definition, {"x": 2}, run_id="mine")
    with pytest.raises(RunExists):
        await executor.execute_async(
            house.define(source.replace("return x", "return -x")), {"x": 1}, run_id="mine"
        )
    assert (await executor.state("mine")).inputs == {"x": 1}


async def test_b17_one_of_many_at_once_starts_it(house):
    calls = []

    async def a(x):
        calls.append(x)
        return x

    executors = [await house.open(overrides={"a": a}) for _ in range(3)]
    definition = house.define("def a(x: int) -> int:\n    return x\n")
    await asyncio.gather(*(e.execute_async(definition, {"x": 1}, run_id="one") for e in executors * 3))
    assert await executors[0].wait("one", timeout=60) == 1
    assert calls == [1]
