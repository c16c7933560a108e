"""SEMANTICS B 11-17: statuses, ends, retry of a run, deadlines, waiting, answers, ids."""

from __future__ import annotations

import asyncio

import pytest

from tinyflow_nb import ChainCancelled, ChainFailed, ChainSuspended, ChainTimeout, ResumeError, UnknownRun
from tinyflow_nb.errors import InvalidOperation, RunExists

LINE = """
def a() -> int:
    return 1

def b(a: int) -> int:
    return a + 1

def c(b: int) -> int:
    return b + 1
"""

ASK = '''
def draft() -> str:
    return "hello"

@confirm
def ask(draft) -> bool:
    """Send {{ draft }}?"""

def end(ask: bool) -> str:
    return f"sent {ask}"
'''


class Gate:
    """A body that says it is there, and waits until it is let go."""

    def __init__(self) -> None:
        self.entered = 0
        self.cancelled = 0
        self.open = asyncio.Event()

    def body(self, result=1):
        async def gate():
            self.entered += 1
            try:
                await self.open.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            return result

        return gate


async def test_b11_nodes_are_ready_from_the_start(house, wait_until):
    gate = Gate()
    executor = await house.open(overrides={"a": gate.body()})
    run = await executor.execute_async(house.define(LINE))
    await wait_until(lambda: gate.entered)
    state = await executor.state(run)
    assert {id: n.status for id, n in state.nodes.items()} == {"a": "RUNNING", "b": "READY", "c": "READY"}
    assert (state.status, state.nodes["a"].attempts) == ("RUNNING", 1)
    gate.open.set()
    assert await executor.wait(run, timeout=8) == 3


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
    assert await executor.wait(run, timeout=8) == 3


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
        await executor.wait(run, people=False, timeout=8)
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
    assert await executor.wait(run, timeout=8) == {"end": "sent True", "busy": 1}


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
    await executor.wait(run, timeout=8)
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
        await executor.wait(run, timeout=8)
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
    if house.kind != "memory":  # there is only one process that sees it, and no other to tell
        await wait_until(lambda: gate.cancelled, timeout=3)
    with pytest.raises(ChainCancelled):
        await one.wait(run, timeout=3)


async def test_b13_retry_keeps_what_succeeded_and_reopens_the_rest(house, finish, all_events, brief):
    calls = []

    async def b(a):
        calls.append("b")
        if len(calls) == 1:
            raise ValueError("no")
        return a + 1

    async def a():
        assert "a" not in calls[:1]
        return 1

    executor = await house.open(overrides={"a": a, "b": b})
    run = await executor.execute_async(house.define(LINE))
    assert (await finish(executor, run)).status == "FAILED"
    await executor.retry(run)
    state = await finish(executor, run)
    assert (state.status, state.result, state.generation, state.error) == ("SUCCEEDED", 3, 2, None)
    told = brief(await all_events(executor, run))
    assert told.count("a.started") == 1
    assert told.count("chain.started") == told.count("chain.finished") == 2
    assert [e.seq for e in await all_events(executor, run)] == list(range(1, len(told) + 1))


async def test_b13_retry_of_a_stopped_run_asks_again(house, finish):
    executor = await house.open()
    run = await executor.execute_async(house.define(ASK))
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=8)
    await executor.stop(run)
    await executor.retry(run)
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=8)
    await executor.resume_async(run, True)
    assert (await finish(executor, run)).result == "sent True"


async def test_b13_skipped_and_handled_nodes_stay_as_they_are(house, finish):
    calls: list[str] = []

    async def risky():
        calls.append("risky")
        raise ValueError("no")

    async def last(risky, off=None):
        calls.append("last")
        if calls.count("last") == 1:
            raise ValueError("not yet")
        return risky

    source = """
def rescue() -> int:
    return 5

@node(on_error="rescue")
def risky() -> int:
    return 1

@node(when="1 > 2")
def off() -> int:
    return 1

def last(risky: int, off: int | None = None) -> int:
    return 1
"""
    executor = await house.open(overrides={"risky": risky, "last": last})
    run = await executor.execute_async(house.define(source))
    assert (await finish(executor, run)).status == "FAILED"
    await executor.retry(run)
    state = await finish(executor, run)
    assert (state.result, calls) == (5, ["risky", "last", "last"])
    assert (state.nodes["risky"].status, state.nodes["off"].status) == ("FAILED", "SKIPPED")


@pytest.mark.parametrize("status", ["SUCCEEDED", "RUNNING", "SUSPENDED"])
async def test_b13_only_a_failed_or_cancelled_run_is_retried(house, wait_until, status):
    gate = Gate()
    source = {"SUCCEEDED": LINE, "RUNNING": LINE, "SUSPENDED": ASK}[status]
    executor = await house.open(overrides={"a": gate.body()})
    run = await executor.execute_async(house.define(source))
    if status == "SUCCEEDED":
        gate.open.set()
        await executor.wait(run, timeout=8)
    elif status == "RUNNING":
        await wait_until(lambda: gate.entered)
    else:
        with pytest.raises(ChainSuspended):
            await executor.wait(run, people=False, timeout=8)
    before = await executor.state(run)
    with pytest.raises(InvalidOperation, match=f"{status}.*only a FAILED or CANCELLED"):
        await executor.retry(run)
    assert await executor.state(run) == before


async def test_b13_a_worker_of_the_old_generation_can_not_commit(house, wait_until, finish):
    """Its attempt was let go by the stop; a thread can't be, so its late result must be fenced."""
    gate = Gate()
    entered: list[str] = []
    let_go = [False]

    def a():
        import time

        entered.append("a")
        if len(entered) > 1:
            return 10
        while not let_go[0]:
            time.sleep(0.002)
        return 99

    executor = await house.open(overrides={"a": a, "b": gate.body(5)})
    run = await executor.execute_async(house.define(LINE.replace("b(a: int)", "b()").replace("a + 1", "1")))
    await wait_until(lambda: entered and gate.entered)
    await executor.stop(run)
    await executor.retry(run)
    await wait_until(lambda: len(entered) == 2)
    let_go[0] = True
    gate.open.set()
    state = await finish(executor, run)
    assert (state.nodes["a"].output, state.generation) == (10, 2)


async def test_b14_a_timeout_of_waiting_ends_only_the_waiting(house, wait_until):
    gate = Gate()
    executor = await house.open(overrides={"a": gate.body()})
    run = await executor.execute_async(house.define(LINE))
    with pytest.raises(ChainTimeout, match="goes on as run") as caught:
        await executor.wait(run, timeout=0.05)
    assert caught.value.run_id == run
    gate.open.set()
    assert await executor.wait(run, timeout=8) == 3


async def test_b14_execute_gives_up_waiting_and_says_which_run_goes_on(house):
    gate = Gate()
    executor = await house.open(overrides={"a": gate.body()})
    with pytest.raises(ChainTimeout) as caught:
        await executor.execute(house.define(LINE), timeout=0.05)
    gate.open.set()
    assert await executor.wait(caught.value.run_id, timeout=8) == 3


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
        await executor.wait(run, timeout=8)
    await wait_until(lambda: gate.cancelled)


async def test_b14_the_deadline_runs_on_while_suspended_and_a_retry_starts_it_anew(still):
    executor = await still.open()
    run = await executor.execute_async(still.define(ASK), deadline=100)
    for _ in range(2):
        with pytest.raises(ChainSuspended):
            await executor.wait(run, people=False, timeout=8)
        still.clock.advance(101)
        with pytest.raises(ChainFailed, match="deadline"):
            await executor.wait(run, timeout=8)
        with pytest.raises(ResumeError, match="FAILED"):
            await executor.resume_async(run, True)
        await executor.retry(run)
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=8)
    await executor.resume_async(run, True)
    assert await executor.wait(run, timeout=8) == "sent True"


async def test_b14_the_deadline_holds_though_every_slot_is_taken(still, wait_until):
    gate = Gate()
    executor = await still.open(overrides={"a": gate.body()}, capacity=1)
    late = await executor.execute_async(still.define(LINE), deadline=100)
    await wait_until(lambda: gate.entered)
    others = [await executor.execute_async(still.define(LINE)) for _ in range(2)]
    still.clock.advance(101)
    with pytest.raises(ChainFailed, match="deadline"):
        await executor.wait(late, timeout=3)
    gate.open.set()
    assert [await executor.wait(run, timeout=8) for run in others] == [3, 3]


async def test_b14_the_deadline_is_found_by_who_attaches_later(still, finish):
    one = await still.open()
    run = await one.execute_async(still.define(ASK), deadline=100)
    with pytest.raises(ChainSuspended):
        await one.wait(run, people=False, timeout=8)
    await one.__aexit__(None, None, None)
    still.clock.advance(101)
    two = await still.open()
    await two.attach(run)
    assert (await finish(two, run)).status == "FAILED"


async def test_b15_waiting_without_people_says_what_is_asked_and_how_to_answer(house):
    executor = await house.open()
    run = await executor.execute_async(house.define(ASK))
    with pytest.raises(ChainSuspended) as caught:
        await executor.wait(run, people=False, timeout=8)
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
    assert await executor.wait(run, timeout=8) == 3


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
        await executor.wait(run, people=False, timeout=8)
    return executor, run


async def test_b16_a_field_left_out_takes_its_initial_value(house):
    executor, run = await suspended(house, FORM)
    form = (await executor.state(run)).nodes["ask"].waiting_for
    assert form["initial"] == {"text": "hello"}
    assert form["schema"]["properties"].keys() == {"approved", "text", "kind"}
    await executor.resume_async(run, {"approved": True})
    assert await executor.wait(run, timeout=8) == "True hello a"


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
    assert await executor.wait(run, timeout=8) == f"sent {bool(winner % 2)}"
    assert (await executor.state(run)).nodes["ask"].answered_by["who"] == f"p{winner}"


async def test_b16_the_same_answer_id_again_is_a_silent_success(house, all_events):
    executor, run = await suspended(house, ASK)
    await executor.resume_async(run, True, answer_id="x1", who="ada")
    await executor.resume_async(run, True, answer_id="x1", who="ada")
    await executor.wait(run, timeout=8)
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
        await executor.wait(run, people=False, timeout=8)
    await executor.resume_async(run, "no", answer_id="x1")
    state = await executor.state(run)
    assert (state.nodes["ask"].round, state.status) == (2, "SUSPENDED")


async def test_b16_an_answer_to_an_older_round_is_refused(house):
    source = "@confirm(until=\"ask == 'yes'\")\ndef ask() -> str:\n    'Say yes'\n"
    executor, run = await suspended(house, source)
    await executor.resume_async(run, "no")
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=8)
    with pytest.raises(ResumeError):
        await executor.resume_async(run, "yes", node="ask#1")
    await executor.resume_async(run, "yes", node="ask#2")
    assert await executor.wait(run, timeout=8) == "yes"


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
    assert await executor.wait(run, timeout=8) == {"first": True, "second": "x"}


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
    assert await executor.wait(run, timeout=8) == "sent False"


async def test_b16_no_return_type_means_bool(house):
    executor, run = await suspended(house, "@confirm\ndef ask():\n    'Yes?'\n")
    await executor.resume_async(run, True)
    assert await executor.wait(run, timeout=8) is True


async def test_b17_the_same_run_id_with_the_same_content_is_that_run(house):
    executor = await house.open()
    source = "def a(x: int) -> int:\n    return x\n"
    definition = house.define(source)
    assert await executor.execute_async(definition, {"x": 1}, run_id="mine") == "mine"
    assert await executor.execute_async(definition, {"x": 1}, run_id="mine") == "mine"
    assert await executor.wait("mine", timeout=8) == 1
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
    assert await executors[0].wait("one", timeout=8) == 1
    assert calls == [1]
