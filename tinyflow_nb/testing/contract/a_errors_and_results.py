"""SEMANTICS A 5-6: what an error does, and what the result is."""

from __future__ import annotations

import pytest

from tinyflow_nb import ChainFailed

BAD = """
{option}
def bad(x: int) -> int:
    raise ValueError(f"no {{x}}")

def use(bad: int | None = None) -> str:
    return f"got {{bad}}"
"""


def bad(option: str) -> str:
    return BAD.format(option=option)


async def test_a05_fail_ends_the_run_and_names_chain_node_attempt_and_line(house):
    executor = await house.open()
    run = await executor.execute_async(house.define(bad("")), {"x": 3})
    with pytest.raises(ChainFailed, match="no 3") as caught:
        await executor.wait(run)
    error = caught.value
    assert (error.run_id, error.node, error.attempt, error.line) == (run, "bad", 1, 4)
    assert error.chain.startswith("demo@#")
    for word in ("demo@#", "bad", "line 4", "attempt 1", "ValueError", run):
        assert word in str(error)
    state = await executor.state(run)
    assert (state.status, state.nodes["bad"].status) == ("FAILED", "FAILED")
    assert state.error["message"] == "no 3"
    assert state.nodes["use"].status == "CANCELLED"


async def test_a05_a_traceback_has_the_cells_frames_only(house):
    source = """
def _deep(n):
    return 1 / n

def bad(x: int) -> float:
    return _deep(x)
"""
    state = await house.ends(source, {"x": 0})
    trace = state.error["traceback"]
    assert state.error["line"] == 3
    assert "_deep" in trace
    assert "in bad" in trace
    assert "tinyflow_nb" not in trace.replace("<tinyflow", "")


async def test_a05_skip_keeps_the_error(house):
    state = await house.ends(bad('@node(on_error="skip")'), {"x": 1})
    node = state.nodes["bad"]
    assert (node.status, node.error["message"]) == ("SKIPPED", "no 1")
    assert state.result == "got None"


async def test_a05_default_succeeds_and_keeps_the_error(house):
    state = await house.ends(bad("@node(on_error=default(9))"), {"x": 1})
    node = state.nodes["bad"]
    assert (node.status, node.output, node.error["message"]) == ("SUCCEEDED", 9, "no 1")
    assert state.result == "got 9"


HANDLER = """
def rescue(x: int, error: dict | None = None) -> int:
    return x * 100 if error else -1

@node(on_error="rescue")
def risky(x: int) -> int:
    if x > 1:
        raise ValueError(f"no {x}")
    return x

def use(risky: int) -> str:
    return f"got {risky}"
"""


async def test_a05_a_handler_stands_in(house):
    state = await house.ends(HANDLER, {"x": 3})
    risky = state.nodes["risky"]
    assert (risky.status, risky.handled_by, risky.error["message"]) == ("FAILED", "rescue", "no 3")
    assert state.nodes["rescue"].output == 300
    assert (state.status, state.result) == ("SUCCEEDED", "got 300"), "a handler is no result of its own"


async def test_a05_a_handler_runs_only_then(house):
    state = await house.ends(HANDLER, {"x": 1})
    assert state.nodes["rescue"].status == "SKIPPED"
    assert state.nodes["risky"].status == "SUCCEEDED"
    assert state.result == "got 1"


async def test_a05_a_handler_is_told_type_message_and_attempts(house):
    source = """
def rescue(error: dict) -> dict:
    return error

@node(on_error="rescue", retry=Retry(max=1, wait=0))
def risky() -> dict:
    raise KeyError("k")

def use(risky: dict) -> dict:
    return risky
"""
    state = await house.ends(source)
    assert state.result == {"type": "KeyError", "message": "'k'", "attempts": 2}


async def test_a05_a_handler_whose_node_was_skipped_is_skipped(house):
    source = HANDLER.replace('@node(on_error="rescue")', '@node(on_error="rescue", when="x > 9")')
    state = await house.ends(source, {"x": 3})
    assert {id: n.status for id, n in state.nodes.items()} == dict.fromkeys(state.nodes, "SKIPPED")


async def test_a05_a_failing_handler_fails_the_run(house):
    source = HANDLER.replace("return x * 100 if error else -1", "raise RuntimeError('too')")
    state = await house.ends(source, {"x": 3})
    assert (state.status, state.error["node"]) == ("FAILED", "rescue")


async def test_a05_a_skipped_handler_leaves_its_consumers_without(house):
    source = HANDLER.replace("def rescue", '@node(on_error="skip")\ndef rescue').replace(
        "return x * 100 if error else -1", "raise RuntimeError('too')"
    )
    state = await house.ends(source, {"x": 3})
    assert (state.nodes["rescue"].status, state.nodes["use"].status) == ("SKIPPED", "SKIPPED")
    assert (state.status, state.result) == ("SUCCEEDED", None)


async def test_a05_a_handler_of_a_handler_stands_in_for_both(house):
    source = """
def last() -> int:
    return 42

@node(on_error="last")
def rescue() -> int:
    raise RuntimeError("too")

@node(on_error="rescue")
def risky() -> int:
    raise ValueError("no")

def use(risky: int) -> str:
    return f"got {risky}"
"""
    state = await house.ends(source)
    assert (state.status, state.result) == ("SUCCEEDED", "got 42")


async def test_a05_consumers_in_an_expression_see_the_stand_ins_output(house):
    source = HANDLER + '\n@node(when="risky == 300")\ndef judged() -> str:\n    return "yes"\n'
    state = await house.ends(source, {"x": 3})
    assert state.nodes["judged"].output == "yes"


async def test_a06_one_result_node_gives_its_output_or_none(house):
    source = '@node(when="go")\ndef a(go: bool) -> int:\n    return 1\n'
    assert (await house.ends(source, {"go": True})).result == 1
    assert (await house.ends(source, {"go": False})).result is None


async def test_a06_several_give_a_dict_of_those_that_succeeded(house):
    source = """
def a() -> int:
    return 1

@node(when="go")
def b(go: bool) -> int:
    return 2

def c() -> None:
    return None
"""
    assert (await house.ends(source, {"go": False})).result == {"a": 1, "c": None}
    assert (await house.ends(source, {"go": True})).result == {"a": 1, "b": 2, "c": None}


async def test_a06_marked_nodes_are_exactly_the_result(house):
    source = """
@node(result=True)
def a() -> int:
    return 1

def b(a: int) -> int:
    return a + 1
"""
    assert (await house.ends(source)).result == 1


async def test_a06_an_order_successor_does_not_consume(house):
    source = 'def a() -> int:\n    return 1\n@node(after="a")\ndef b() -> int:\n    return 2\n'
    assert (await house.ends(source)).result == {"a": 1, "b": 2}


@pytest.mark.parametrize("others", ["", "def other() -> int:\n    return 1\n"])
async def test_a06_a_handled_result_node_gives_its_stand_ins_output(house, others):
    source = """
def rescue() -> int:
    return 5

@node(on_error="rescue")
def risky() -> int:
    raise ValueError("no")

"""
    state = await house.ends(source + others)
    assert state.result == ({"risky": 5, "other": 1} if others else 5)
