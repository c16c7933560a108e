"""SEMANTICS A 1-4: edges, skips, expressions over skipped nodes, joins."""

from __future__ import annotations

import asyncio

import pytest

DIAMOND = """
def a(x: int) -> int:
    return x + 1

def b(a: int) -> int:
    return a * 2

def c(a: int) -> int:
    return a * 3

def d(b: int, c: int) -> int:
    return b + c
"""


async def test_a01_a_parameter_that_names_a_node_is_a_data_edge(house):
    state = await house.ends(DIAMOND, {"x": 1})
    assert state.status == "SUCCEEDED"
    assert state.result == 10
    assert {id: n.output for id, n in state.nodes.items()} == {"a": 2, "b": 4, "c": 6, "d": 10}


async def test_a01_after_waits_without_reading(house, all_events, brief):
    executor = await house.open()
    source = """
    def first() -> str:
        return "one"

    @node(after="first")
    def second() -> str:
        return "two"
    """
    run = await executor.execute_async(house.define(source))
    assert await executor.wait(run) == {"first": "one", "second": "two"}  # nobody consumed `first`
    told = brief(await all_events(executor, run))
    assert told.index("first.finished") < told.index("second.started")


async def test_a01_a_prompt_inputs_and_each_make_data_edges_when_and_until_order_edges(house):
    definition = house.define(
        """
        def flag() -> bool:
            return True

        def rows() -> list[int]:
            return [1, 2]

        def base() -> int:
            return 5

        @node(each="r in rows", when="flag")
        def per_row(r: int) -> int:
            return r

        @node(inputs={"n": "base + 1"}, until="flag and counted > 0")
        def counted(n: int) -> int:
            return n

        @confirm
        def ask() -> bool:
            "{{ base }}?"
        """
    )
    kinds = {(e.source, e.target): e.kind for e in definition.edges}
    assert kinds == {
        ("rows", "per_row"): "data", ("flag", "per_row"): "order",
        ("base", "counted"): "data", ("flag", "counted"): "order", ("base", "ask"): "data",
    }  # fmt: skip


async def test_a01_a_node_is_judged_once_when_all_its_parents_are_settled(
    house, wait_until, all_events, brief
):
    let_go = asyncio.Event()

    async def c(a):
        await let_go.wait()
        return 3

    executor = await house.open(overrides={"c": c})
    run = await executor.execute_async(house.define(DIAMOND), {"x": 1})

    async def b_is_done():
        return (await executor.state(run)).nodes["b"].status == "SUCCEEDED"

    await wait_until(b_is_done)
    assert (await executor.state(run)).nodes["d"].status == "READY"
    let_go.set()
    assert await executor.wait(run) == 7
    assert brief(await all_events(executor, run)).count("d.started") == 1


SKIPPED = """
@node(when="go")
def source(go: bool) -> int:
    return 1

@node(when="go")
def other(go: bool) -> int:
    return 2
"""


async def test_a02_a_default_tolerates_a_skipped_parent(house):
    state = await house.ends(SKIPPED + "def use(source: int = 7) -> int:\n    return source\n", {"go": False})
    assert state.nodes["source"].status == "SKIPPED"
    assert state.nodes["source"].reason == "go is false"
    assert state.nodes["use"].output == 7


async def test_a02_a_parameter_without_default_is_skipped_along(house):
    state = await house.ends(
        SKIPPED
        + "def use(source: int) -> int:\n    return source\ndef last(use: int) -> int:\n    return use\n",
        {"go": False},
    )
    assert (state.nodes["use"].status, state.nodes["use"].reason) == ("SKIPPED", "source was skipped")
    assert (state.nodes["last"].status, state.nodes["last"].reason) == ("SKIPPED", "use was skipped")
    assert (state.status, state.result) == ("SUCCEEDED", None)


async def test_a02_all_defaults_run_even_if_every_parent_was_skipped(house):
    state = await house.ends(
        SKIPPED + "def use(source: int = 1, other: int = 2) -> int:\n    return source + other\n",
        {"go": False},
    )
    assert state.result == 3


async def test_a02_one_required_skipped_parent_among_others_skips(house):
    state = await house.ends(
        SKIPPED + "def ran() -> int:\n    return 1\n"
        "def use(ran: int, source: int, other: int = 2) -> int:\n    return 0\n",
        {"go": False},
    )
    assert state.nodes["use"].status == "SKIPPED"


async def test_a02_a_skipped_or_handled_failed_after_parent_skips_nobody(house):
    state = await house.ends(
        SKIPPED
        + """
def standin() -> int:
    return 5

@node(on_error="standin")
def bad() -> int:
    raise ValueError("no")

@node(after=["source", "bad"])
def use() -> str:
    return "ran"
""",
        {"go": False},
    )
    assert state.nodes["bad"].status == "FAILED"
    assert state.nodes["use"].output == "ran"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("x is defined", "SKIPPED"),  # judged, and false
        ("x is not defined", "ran"),
        ("x | default(1)", "ran"),
        ("x | default(0)", "SKIPPED"),
        ("not x", "ran"),
        ("x or y", "ran"),
        ("y and x", "SKIPPED"),
        ("x == 1", "SKIPPED"),
        ("x != 1", "SKIPPED"),
        ("x > 0", "SKIPPED"),
        ("x.field", "SKIPPED"),
        ("x is defined and x > 0 or y > 0", "ran"),
    ],
)
async def test_a03_a_skipped_node_in_an_expression_is_undefined(house, expression, expected):
    source = f'''
@node(when="go")
def x(go: bool) -> int:
    return 1

def y() -> int:
    return 2

@node(when="{expression}")
def use() -> str:
    return "ran"
'''
    state = await house.ends(source, {"go": False})
    use = state.nodes["use"]
    assert (use.output if use.status == "SUCCEEDED" else use.status) == expected
    if expression in ("x == 1", "x != 1", "x > 0", "x.field"):
        assert use.reason == "x was skipped"


async def test_a03_a_skipped_node_used_in_inputs_or_a_prompt_skips_their_node(house):
    source = '''
@node(when="go")
def x(go: bool) -> int:
    return 1

@node(inputs={"n": "x + 1"})
def fed(n: int) -> int:
    return n

@node(inputs={"n": "x | default(4)"})
def tolerant(n: int) -> int:
    return n

@confirm
def ask() -> bool:
    """{{ x }}?"""
'''
    state = await house.ends(source, {"go": False})
    assert state.nodes["fed"].status == "SKIPPED"
    assert state.nodes["tolerant"].output == 4
    assert state.nodes["ask"].status == "SKIPPED"


async def test_a03_a_dot_is_a_key_look_up_first_and_expressions_see_plain_json(house):
    source = """
from pydantic import BaseModel

class Invoice(BaseModel):
    items: list[str]
    total: int

def invoice() -> Invoice:
    return Invoice(items=["a", "b"], total=2)

@node(inputs={"found": "invoice.items"}, when="invoice.total == 2")
def use(found: list[str], invoice: Invoice) -> str:
    return f"{found} {type(invoice).__name__}"
"""
    assert (await house.ends(source)).result == "['a', 'b'] Invoice"


ANY = """
def fast() -> str:
    return "fast"

def slow() -> str:
    return "slow"

@node(join="any")
def first(fast: str | None = None, slow: str | None = None) -> str:
    return f"{fast} {slow}"
"""


async def test_a04_join_any_starts_at_the_first_success_and_sees_only_that_winner(house, wait_until):
    let_go = asyncio.Event()

    async def slow():
        await let_go.wait()
        return "slow"

    executor = await house.open(overrides={"slow": slow})
    run = await executor.execute_async(house.define(ANY))

    async def first_is_done():
        return (await executor.state(run)).nodes["first"].status == "SUCCEEDED"

    await wait_until(first_is_done)
    state = await executor.state(run)
    assert state.nodes["first"].output == "fast None"
    assert state.status == "RUNNING", "the loser runs on and counts for the end"
    let_go.set()
    assert await executor.wait(run) == "fast None"
    assert (await executor.state(run)).nodes["slow"].output == "slow"


async def test_a04_the_winner_stays_on_every_attempt(house, wait_until):
    let_go = asyncio.Event()
    attempts: list[tuple[object, object]] = []

    async def slow():
        await let_go.wait()
        return "slow"

    async def first(fast=None, slow=None):
        attempts.append((fast, slow))
        if len(attempts) == 1:
            let_go.set()
            raise ValueError("once more")
        return "done"

    source = ANY.replace('@node(join="any")', '@node(join="any", retry=Retry(max=1, wait=0.05))')
    state = await house.ends(source, overrides={"slow": slow, "first": first})
    assert state.nodes["slow"].status == "SUCCEEDED"
    assert attempts == [("fast", None), ("fast", None)]


async def test_a04_join_any_waits_for_its_order_edges(house, wait_until):
    let_go = asyncio.Event()

    async def gate():
        await let_go.wait()
        return "open"

    source = ANY.replace('@node(join="any")', '@node(join="any", after="gate")') + (
        "def gate() -> str:\n    return ''\n"
    )
    executor = await house.open(overrides={"gate": gate})
    run = await executor.execute_async(house.define(source))

    async def both_are_done():
        nodes = (await executor.state(run)).nodes
        return nodes["fast"].status == nodes["slow"].status == "SUCCEEDED"

    await wait_until(both_are_done)
    assert (await executor.state(run)).nodes["first"].status == "READY"
    let_go.set()
    result = await executor.wait(run)
    assert result["first"] in ("fast None", "None slow")


async def test_a04_when_of_join_any_reads_its_order_edges(house):
    source = ANY.replace('@node(join="any")', '@node(join="any", when="flag == 1")') + (
        "def flag() -> int:\n    return 1\n"
    )
    state = await house.ends(source)
    assert state.nodes["first"].status == "SUCCEEDED", state.nodes["first"]
    assert state.nodes["first"].output in ("fast None", "None slow")


async def test_a04_join_any_without_a_success_is_skipped(house):
    source = """
@node(when="go")
def a(go: bool) -> int:
    return 1

@node(on_error="skip")
def b() -> int:
    raise ValueError("no")

@node(join="any")
def first(a: int | None = None, b: int | None = None) -> str:
    return "ran"
"""
    state = await house.ends(source, {"go": False})
    assert (state.nodes["first"].status, state.status) == ("SKIPPED", "SUCCEEDED")


async def test_a04_a_retried_run_does_not_start_join_any_before_its_order_edges(house, finish):
    calls: list[str] = []

    async def gate():
        calls.append("gate")
        if calls.count("gate") == 1:
            raise ValueError("not yet")
        return "open"

    async def first(fast=None, slow=None):
        calls.append("first")
        return f"{fast} {slow}"

    source = ANY.replace('@node(join="any")', '@node(join="any", after="gate")') + (
        '@node(after=["fast", "slow"])\ndef gate() -> str:\n    return ""\n'
    )
    executor = await house.open(overrides={"gate": gate, "first": first})
    run = await executor.execute_async(house.define(source))
    assert (await finish(executor, run)).status == "FAILED"
    await executor.retry(run)
    assert (await finish(executor, run)).status == "SUCCEEDED"
    assert calls == ["gate", "gate", "first"]
