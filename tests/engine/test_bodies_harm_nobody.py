"""What a body may do to the engine that runs it: nothing (SEMANTICS 5, 12, 18, 19)."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tinyflow_nb import ChainDefinition, ChainFailed, connect
from tinyflow_nb.errors import InputError


def define(source: str) -> ChainDefinition:
    return ChainDefinition.from_source(source, name="demo")


@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("end", ["sys.exit(3)", "raise asyncio.CancelledError", "raise Unprintable"])
async def test_b18_whatever_a_body_raises_is_its_nodes_failure(kind, end):
    source = f"""
import asyncio, sys

class Unprintable(BaseException):
    def __str__(self):
        raise ValueError("no text")

{kind} a() -> int:
    {end}
"""
    async with connect("memory://") as executor:
        with pytest.raises(ChainFailed, match=r"demo.* > a failed \(line 9, attempt 1\)"):
            await executor.execute(define(source), timeout=60)


async def test_b20_a_lease_said_to_be_lost_just_after_its_attempt_ended_harms_no_successor(wait_until):
    """The thread that renews may hear `lost` of a claim that was committed meanwhile."""
    gate = asyncio.Event()

    async def second(a):
        await gate.wait()
        return a + 1

    source = "async def a() -> int:\n    return 1\nasync def b(a) -> int:\n    return a\n"
    async with connect("memory://", overrides={"b": second}) as executor:
        attempts = executor._worker.attempts
        ended = []
        end = attempts.end
        attempts.end = lambda attempt: (ended.append(attempt), end(attempt))
        run = await executor.execute_async(define(source))
        await wait_until(lambda: ended and len(attempts))
        attempts.lost(ended[0])
        gate.set()
        assert await executor.wait(run, timeout=60) == 2


async def test_b12_what_waits_for_a_thread_is_never_run_once_its_run_was_stopped(wait_until):
    gate, begun = threading.Event(), []

    def body(doc):
        begun.append(doc)
        gate.wait(60)
        return doc

    source = "docs: list[int]\n@node(each='doc in docs')\ndef a(doc) -> int:\n    return doc\n"
    async with connect("memory://", overrides={"a": body}) as executor:
        executor._worker._workshop.pool._size = 2
        run = await executor.execute_async(define(source), {"docs": list(range(8))})
        await wait_until(lambda: len(begun) == 2)
        await executor.stop(run)
        await wait_until(lambda: not len(executor._worker.attempts))
        gate.set()
        one = "def only() -> int:\n    return 1\n"
        assert await executor.execute(define(one), timeout=60) == 1
        assert len(begun) == 2


async def test_d33_a_body_that_changes_an_input_changes_it_for_nobody_else():
    source = """
docs: list
def a(docs) -> int:
    docs.append(1)
    docs[0]["x"] = 5
    return len(docs)

@node(inputs={"same": "docs"})
def b(a, same) -> int:
    same.append(2)
    return len(same)

def c(b, docs) -> list:
    return docs
"""
    mine = [{"x": 0}]
    async with connect("memory://") as executor:
        run = await executor.execute_async(define(source), {"docs": mine})
        mine.append("later")
        assert await executor.wait(run, timeout=60) == [{"x": 0}]
        state = await executor.state(run)
        assert (state.nodes["a"].output, state.nodes["b"].output) == (2, 2)


async def test_d33_a_body_that_changes_a_constant_changes_it_for_nobody_else():
    source = """
WORDS = ["one"]
@node(inputs={"words": "WORDS"})
def a(words) -> int:
    words.append("two")
    return len(words)
"""
    async with connect("memory://") as executor:
        assert await executor.execute(define(source)) == 1 + 1
        assert await executor.execute(define(source)) == 1 + 1


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, "\ud83d", {"a": [float("inf")]}, object(), b"x"])
@pytest.mark.parametrize("address", ["memory://", "sqlite:///{}/runs.db"])
async def test_b17_an_input_that_json_cannot_hold_starts_nothing(value, address, tmp_path):
    async with connect(address.format(tmp_path)) as executor:
        with pytest.raises(InputError, match="x"):
            await executor.execute_async(define("def a(x) -> int:\n    return 1\n"), {"x": value})
        assert not (await executor.runs()).runs
