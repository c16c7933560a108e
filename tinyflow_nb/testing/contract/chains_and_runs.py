"""Publishing, references, inputs, lists of runs; and what is refused before anything starts."""

from __future__ import annotations

import asyncio

import pytest

from tinyflow_nb import ChainDefinition, ChainSuspended, DefinitionError, InputError, UnknownChain

ADD = "def add(x: int, y: int = {y}) -> int:\n    return x + y\n"
ASK = '@confirm\ndef ask() -> bool:\n    "Yes?"\n'


async def test_11_versions_count_from_one_and_equal_content_is_the_same_version(house):
    executor = await house.open()
    one, two = house.define(ADD.format(y=1), "sums"), house.define(ADD.format(y=2), "sums")
    assert await executor.publish(one) == "sums@1"
    assert await executor.publish(two) == "sums@2"
    assert await executor.publish(one) == "sums@1"
    assert await executor.publish(one.to_json()) == "sums@1"
    assert [(p.version, p.current, p.hash) for p in await executor.chains("sums")] == [
        (2, False, two.hash), (1, True, one.hash),
    ]  # fmt: skip
    assert [(p.name, p.version) for p in await executor.chains()] == [("sums", 1)]
    assert await executor.execute("sums", {"x": 1}, timeout=60) == 2, "the current one again"
    assert await executor.execute("sums@2", {"x": 1}, timeout=60) == 3


async def test_11_a_run_keeps_the_definition_it_started_with(house):
    executor = await house.open()
    first = house.define(ASK + "def end(ask) -> str:\n    return 'one'\n", "flow")
    second = house.define(ASK + "def end(ask) -> str:\n    return 'two'\n", "flow")
    await executor.publish(first)
    run = await executor.execute_async("flow")
    await executor.publish(second)
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=60)
    other = await house.open()
    await other.resume_async(run, True)
    assert await other.wait(run, timeout=60) == "one"
    assert (await other.state(run)).chain == "flow@1"


async def test_11_many_publish_at_once(house):
    executors = [await house.open(execute=False) for _ in range(3)]
    definitions = [house.define(ADD.format(y=y), "sums") for y in range(6)]
    refs = await asyncio.gather(*(executors[i % 3].publish(d) for i, d in enumerate(definitions * 2)))
    assert sorted(set(refs)) == [f"sums@{n}" for n in range(1, 7)]
    assert refs[:6] == refs[6:]


@pytest.mark.parametrize(
    ("ref", "match"),
    [
        ("nope", "no chain 'nope' is published here"),
        ("sms", "did you mean 'sums'"),
        ("sums@9", "sums has no version 9; its newest is 1"),
        ("sums@x", "sums has no label .x.; its labels are none"),
        ("sums@0", "is no reference to a chain: write name, name@2 or name@label"),
    ],
)
async def test_an_unknown_chain_is_refused(house, ref, match):
    executor = await house.open()
    await executor.publish(house.define(ADD.format(y=1), "sums"))
    with pytest.raises(UnknownChain, match=match):
        await executor.execute(ref, {"x": 1})
    assert (await executor.runs()).runs == []


@pytest.mark.parametrize("text", ['{"name": "x"}', "{not json", '{"schema_version": 99, "name": "x"}'])
async def test_a_definition_made_by_hand_that_lies_is_refused(house, text):
    executor = await house.open()
    with pytest.raises(DefinitionError):
        await executor.execute_async(text)
    with pytest.raises(DefinitionError):
        await executor.publish(text)


async def test_a_definition_with_another_hash_or_graph_is_refused(house):
    executor = await house.open()
    definition = house.define("def a() -> int:\n    return 1\ndef b(a) -> int:\n    return a\n")
    text = definition.to_json()
    for lie in (
        text.replace(definition.hash, "0" * 64),
        text.replace('"source":"a","target":"b"', '"source":"b","target":"a"'),
        text.replace('"source":"a","target":"b"', '"source":"nowhere","target":"b"'),
        text.replace("return 1", "return 2"),
    ):
        assert lie != text
        with pytest.raises(DefinitionError):
            await executor.execute_async(lie)
    assert await executor.execute(text, timeout=60) == 1
    assert ChainDefinition.from_json(text) == definition


@pytest.mark.parametrize(
    ("inputs", "words", "missing"),
    [
        ({}, ["x is missing"], ("x",)),
        ({"x": 1, "z": 2}, ["unknown input 'z'"], ()),
        ({"xx": 1}, ["unknown input 'xx', did you mean 'x'", "x is missing"], ("x",)),
        ({"x": "one"}, ["x: "], ()),
        ({"x": None}, ["x: "], ()),
        ({"x": True}, ["x: "], ()),
        ({"x": 1.5}, ["x: "], ()),
    ],
)
async def test_wrong_inputs_start_nothing_and_say_all_that_is_wrong(house, inputs, words, missing):
    executor = await house.open()
    with pytest.raises(InputError) as caught:
        await executor.execute_async(house.define(ADD.format(y=1)), inputs)
    for word in words:
        assert word in str(caught.value)
    assert caught.value.missing == missing
    assert (await executor.runs()).runs == []


@pytest.mark.parametrize("value", ["(1, 2)", "{1: 'a'}", "float('nan')", "{1, 2}", "object()", "b'x'"])
async def test_what_json_can_not_hold_fails_the_node_with_the_fix(house, value):
    state = await house.ends(f"def a():\n    return {value}\n")
    assert (state.status, state.error["node"], state.error["attempt"]) == ("FAILED", "a", 1)
    assert state.error["type"] == "ValueNotJson"
    assert len(state.error["message"]) > 20


async def test_an_output_that_is_too_large_fails_the_node(house, monkeypatch):
    monkeypatch.setattr("tinyflow_nb.engine.unit_run.MAX_OUTPUT", 1000)
    state = await house.ends("def a() -> str:\n    return 'x' * 999\n")
    assert (state.status, state.error["node"]) == ("FAILED", "a")
    assert "1001 characters" in state.error["message"]


async def test_an_output_of_another_type_than_annotated_fails_the_node(house):
    state = await house.ends("def a() -> int:\n    return 'many'\n")
    assert (state.status, state.error["node"]) == ("FAILED", "a")


async def test_runs_come_newest_first_by_pages_and_filters(house):
    executor = await house.open()
    add, ask = house.define(ADD.format(y=1), "sums"), house.define(ASK, "asks")
    await executor.publish(add)
    bad = house.define("def a() -> int:\n    raise ValueError('no')\n", "bad")
    sums = [await executor.execute_async("sums", {"x": i}) for i in range(5)]
    asks = [await executor.execute_async(ask) for _ in range(3)]
    failed = await executor.execute_async(bad)
    for run in sums:
        await executor.wait(run, timeout=60)
    for run in asks:
        with pytest.raises(ChainSuspended):
            await executor.wait(run, people=False, timeout=60)
    with pytest.raises(Exception, match="no"):
        await executor.wait(failed, timeout=60)

    async def ids(**filters):
        return [r.id for r in (await executor.runs(**filters)).runs]

    newest_first = [failed, *reversed(asks), *reversed(sums)]
    assert await ids() == newest_first
    assert await ids(chain="sums") == list(reversed(sums))
    assert await ids(chain="sums@1") == list(reversed(sums))
    assert await ids(chain="sums@2") == []
    assert await ids(chain="asks", status="SUSPENDED") == list(reversed(asks))
    assert await ids(status="failed") == [failed]
    assert await ids(waiting=True) == list(reversed(asks))
    pages, cursor = [], ""
    while True:
        page = await executor.runs(limit=4, cursor=cursor)
        pages.append([r.id for r in page.runs])
        cursor = page.next
        if not cursor:
            break
    assert [len(p) for p in pages] == [4, 4, 1]
    assert [run for page in pages for run in page] == newest_first
    rows = {r.id: r for r in (await executor.runs()).runs}
    assert (rows[failed].error, rows[failed].status, rows[failed].orphaned) == ("no", "FAILED", False)
    assert (rows[asks[0]].waiting, rows[asks[0]].finished_at) == (1, None)
    assert rows[sums[0]].finished_at >= rows[sums[0]].created_at


async def test_runs_are_counted_by_chain_and_status(house):
    executor = await house.open()
    assert await executor.counts() == ({}, True)
    add, inner = house.define(ADD.format(y=1), "sums"), house.define(ASK, "inner")
    await executor.publish(add)
    await executor.publish(inner)
    outer = house.define('@chain("inner")\ndef below() -> bool: ...\n', "outer")
    for x in range(3):
        await executor.execute("sums", {"x": x}, timeout=60)
    for _ in range(2):
        run = await executor.execute_async(outer)
        with pytest.raises(ChainSuspended):
            await executor.wait(run, people=False, timeout=60)
    await executor.stop(run)
    everything = {
        ("sums@1", "SUCCEEDED"): 3,
        (outer.short_ref, "SUSPENDED"): 1,
        (outer.short_ref, "CANCELLED"): 1,
    }
    assert await executor.counts() == (everything, True), "the chains below are no runs of their own"
    other = await house.open(execute=False)
    newest, complete = await other.counts(most=1)
    assert newest.items()
    assert newest.keys() <= everything.keys()
    assert complete is (newest == everything), "a fleet's store counts the newest of each of its parts"


async def test_waiting_lists_every_open_form_with_its_run(house):
    executor = await house.open()
    source = '@confirm(each="x in [1, 2]")\ndef ask(x) -> bool:\n    "Is {{ x }} good?"\n'
    runs = [await executor.execute_async(house.define(source)) for _ in range(2)]
    for run in runs:
        with pytest.raises(ChainSuspended):
            await executor.wait(run, people=False, timeout=60)
    found = [(state.id, node.id, node.waiting_for["message"]) for state, node in await executor.waiting()]
    assert found == [
        (run, f"ask[{i}]", f"Is {i + 1} good?") for run in reversed(runs) for i in range(2)
    ]  # fmt: skip
    await executor.resume_async(runs[0], True, node="ask[0]")
    assert [(s.id, n.id) for s, n in await executor.waiting()][-1] == (runs[0], "ask[1]")


async def test_the_context_tells_a_body_where_it_runs(house):
    source = """
def a(ctx: ExecutionContext, n: int) -> dict:
    return {"run": ctx.run, "chain": ctx.chain, "node": ctx.node, "attempt": ctx.attempt, "root": ctx.root,
            "stack": list(ctx.call_stack), "session": ctx.session, "user": ctx.user,
            "key": ctx.idempotency_key}
"""
    executor = await house.open()
    definition = house.define(source)
    run = await executor.execute_async(definition, {"n": 1}, session="s", user="ada")
    assert await executor.wait(run, timeout=60) == {
        "run": run, "chain": definition.short_ref, "node": "a", "attempt": 1, "root": run,
        "stack": [definition.short_ref], "session": "s", "user": "ada", "key": f"{run}/a/-/1",
    }  # fmt: skip
