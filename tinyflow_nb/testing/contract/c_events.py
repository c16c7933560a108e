"""SEMANTICS C 26: events, streams, logs, listeners."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from tinyflow_nb import EventType

LINE = "def a() -> int:\n    return 1\ndef b(a: int) -> int:\n    return a + 1\n"
STREAM = "def talk(n: int) -> str:\n    for i in range(n):\n        yield f'{i} '\n"


async def test_c26_lifecycle_events_are_numbered_without_gaps_in_commit_order(house, all_events, brief):
    executor = await house.open()
    run = await executor.execute_async(house.define(LINE))
    await executor.wait(run, timeout=60)
    events = await all_events(executor, run)
    assert brief(events) == [
        "chain.started", "a.started", "a.finished", "b.started", "b.finished", "chain.finished",
    ]  # fmt: skip
    assert [e.seq for e in events] == [1, 2, 3, 4, 5, 6]
    assert [e.at for e in events] == sorted(e.at for e in events)
    assert events[2].data["output"] == 1
    assert events[-1].data["status"] == "SUCCEEDED"
    assert (await executor.state(run)).seq == 6


async def test_c26_events_come_from_the_start_then_live_then_end(house, brief):
    let_go = asyncio.Event()

    async def b(a):
        await let_go.wait()
        return a + 1

    executor = await house.open(overrides={"b": b})
    run = await executor.execute_async(house.define(LINE))
    got = []
    async with asyncio.timeout(60):
        async for event in executor.events(run):
            got.append(event)
            if brief([event]) == ["b.started"]:
                let_go.set()
    assert [e.seq for e in got] == [1, 2, 3, 4, 5, 6]


async def test_c26_a_start_tells_the_worker(house, all_events):
    """Of an attempt, an item and a further round; what waits for a person or a child runs on none."""
    source = """
@node(retry=Retry(max=1, wait=0))
def shaky(context: ExecutionContext) -> int:
    return 1 // (context.attempt - 1)

@node(each="n in [1, 2]", when="shaky == 1")
def items(n: int, shaky: int) -> int:
    return n

@node(until="count > 1")
def count(count: int = 0) -> int:
    return count + 1
"""
    executor = await house.open()
    run = await executor.execute_async(house.define(source))
    await executor.wait(run, timeout=60)
    started = [e for e in await all_events(executor, run) if e.type == "node.started"]
    told = sorted((e.node, e.data["attempt"], e.data.get("round", 1), e.data.get("worker")) for e in started)
    assert told == [
        ("count", 1, 1, executor.name), ("count", 1, 2, executor.name), ("items", 1, 1, None),
        ("items[0]", 1, 1, executor.name), ("items[1]", 1, 1, executor.name),
        ("shaky", 1, 1, executor.name), ("shaky", 2, 1, executor.name),
    ]  # fmt: skip


async def test_c26_large_outputs_are_whole_in_what_a_watcher_is_told(house, all_events):
    """Told by who made them; also of rounds: what a round starts from is the output of the one before."""
    source = """
@node(until="(grow | length) > 100_000")
def grow(grow: str | None = None) -> str: ...

def size(grow: str) -> int:
    return len(grow)
"""
    watched = asyncio.Event()

    async def longer(grow=None):
        await watched.wait()
        return grow * 3 if grow else "x" * 50_000

    executor = await house.open(overrides={"grow": longer})
    run = await executor.execute_async(house.define(source))
    got = []
    async with asyncio.timeout(60):
        async for event in executor.events(run):
            got.append(event)
            watched.set()
    values = [e.data[key] for e in got for key in ("previous", "output") if key in e.data]
    assert values == ["x" * 50_000, "x" * 150_000, 150_000]
    assert [e.data for e in got] == [e.data for e in await all_events(executor, run)]


async def test_c26_events_after_a_seq(house, all_events):
    executor = await house.open()
    run = await executor.execute_async(house.define(LINE))
    await executor.wait(run, timeout=60)
    assert [e.seq for e in await all_events(executor, run, 4)] == [5, 6]


async def test_c26_many_readers_of_two_processes_read_the_same(house, all_events):
    let_go = asyncio.Event()

    async def b(a):
        await let_go.wait()
        return a + 1

    one = await house.open(overrides={"b": b})
    two = await house.open(execute=False)
    run = await one.execute_async(house.define(LINE))
    executors = [one, one] if house.store() is house.store() else [one, one, two]
    readers = [asyncio.ensure_future(all_events(e, run)) for e in executors]
    await asyncio.sleep(0)
    let_go.set()
    async with asyncio.timeout(60):
        for reader in readers:
            assert [e.seq for e in await reader] == [1, 2, 3, 4, 5, 6]


async def test_c26_events_end_with_the_latest_generations_end(house, all_events, finish):
    calls = []

    async def b(a):
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("no")
        return a

    executor = await house.open(overrides={"b": b})
    run = await executor.execute_async(house.define(LINE))
    await finish(executor, run)
    await executor.retry(run)
    await finish(executor, run)
    ends = [e for e in await all_events(executor, run) if e.type == "chain.finished"]
    assert [e.data["status"] for e in ends] == ["FAILED", "SUCCEEDED"]


async def test_c26_what_a_generator_yields_shows_before_it_ends(house, brief):
    let_go = asyncio.Event()

    async def talk(n):
        yield "one "
        yield "two "
        await let_go.wait()
        yield "three"

    executor = await house.open(overrides={"talk": talk})
    run = await executor.execute_async(house.define(STREAM), {"n": 3})
    got = []
    async with asyncio.timeout(60):
        async for event in executor.events(run):
            got.append(event)
            if event.data.get("text") == "two ":
                let_go.set()
    assert [e.data["text"] for e in got if e.type == "node.output"] == ["one ", "two ", "three"]
    assert brief(got)[-2:] == ["talk.finished", "chain.finished"]
    assert got[-2].data["output"] == "one two three"
    assert all(e.seq == 2 for e in got if e.type == "node.output"), "the event they follow"
    chunk = next(e for e in got if e.type == "node.output")
    assert (chunk.data["kind"], chunk.data["attempt"], chunk.data["round"], chunk.data["offset"]) == (
        "text",
        1,
        1,
        0,
    )


async def test_c26_chunks_are_kept_for_who_reads_later(house, all_events):
    executor = await house.open()
    run = await executor.execute_async(house.define(STREAM), {"n": 50})
    await executor.wait(run, timeout=60)
    later = await house.open(execute=False)
    texts = [e.data["text"] for e in await all_events(later, run) if e.type == "node.output"]
    assert "".join(texts) == "".join(f"{i} " for i in range(50)) == (await later.state(run)).result


async def test_c26_chunks_name_item_round_and_attempt(house, all_events):
    tries: dict[tuple[int, int], int] = {}

    async def talk(x, ctx):
        key = (x, ctx.round)
        tries[key] = tries.get(key, 0) + 1
        yield f"{x}/{ctx.round}/{tries[key]}"
        if key == (1, 2) and tries[key] == 1:
            raise ValueError("once")

    source = (
        '@node(each="x in [0, 1]", until="talk.count(\'/2/\') > 0", retry=Retry(max=1, wait=0))\n'
        "def talk(x: int, ctx: ExecutionContext) -> str:\n    return ''\n"
    ).replace("talk.count('/2/') > 0", "'/2/' in talk")
    executor = await house.open(overrides={"talk": talk})
    run = await executor.execute_async(house.define(source))
    await executor.wait(run, timeout=60)
    chunks = {
        (e.node, e.data["round"], e.data["attempt"]): e.data["text"]
        for e in await all_events(executor, run) if e.type == "node.output"
    }  # fmt: skip
    assert chunks == {
        ("talk[0]", 1, 1): "0/1/1", ("talk[0]", 2, 1): "0/2/1", ("talk[1]", 1, 1): "1/1/1",
        ("talk[1]", 2, 1): "1/2/1", ("talk[1]", 2, 2): "1/2/2",
    }  # fmt: skip


async def test_c26_a_stream_is_capped_and_a_gap_event_says_what_is_gone(house):
    from tinyflow_nb.model.events import Event

    store = await house.bare_store()
    for start in range(0, 60_000, 500):
        chunks = [
            Event(1, EventType.NODE_OUTPUT, "a", 0.0, {"text": str(i), "offset": i, "attempt": 1, "round": 1})
            for i in range(start, start + 500)
        ]
        await store.append_chunks("r", chunks)
    kept, end = await store.chunks("r")
    assert end == 60_000
    assert kept[0].type == "stream.gap"
    missing = kept[0].data["missing"]
    assert 60_000 - missing == len(kept) - 1
    assert 20_000 <= len(kept) - 1 <= 41_000
    assert [e.data["text"] for e in kept[1:]] == [str(i) for i in range(missing, 60_000)]
    assert await store.chunks("r", 59_990) == (kept[-10:], 60_000)
    assert await store.chunks("r", 60_000) == ([], 60_000)


async def test_c26_print_and_logging_become_log_events_and_no_output(house, all_events, capfd):
    source = """
import logging

def a() -> int:
    print("from", "a thread")
    logging.getLogger("mine").warning("careful %s", 7)
    return 1

async def b(a: int) -> int:
    print("from the loop", end="")
    return a
"""
    executor = await house.open()
    run = await executor.execute_async(house.define(source))
    await executor.wait(run, timeout=60)
    logs = [
        (e.node, e.data["level"], e.data["text"].strip())
        for e in await all_events(executor, run)
        if e.type == "node.log"
    ]
    assert ("a", "print", "from a thread") in logs
    assert ("b", "print", "from the loop") in logs
    assert [(n, text) for n, level, text in logs if level.lower() == "warning"] == [("a", "careful 7")]
    assert "a thread" not in capfd.readouterr().out


async def test_c26_log_lines_are_capped(house, all_events):
    source = "def a() -> int:\n    for i in range(3000):\n        print(i)\n    return 1\n"
    executor = await house.open()
    run = await executor.execute_async(house.define(source))
    await executor.wait(run, timeout=60)
    logs = [e.data["text"] for e in await all_events(executor, run) if e.type == "node.log"]
    assert len(logs) == 1000
    assert "not kept" in logs[-1]


async def test_c26_listeners_get_events_and_a_slow_or_failing_one_harms_no_chain(house, wait_until, caplog):
    got: list[tuple[str, str]] = []
    errors: list[str] = []
    node_errors: list[str] = []
    outputs: list[str] = []
    block = threading.Event()
    executor = await house.open()
    executor.add_event_listener(None, lambda run, e: (_ for _ in ()).throw(RuntimeError("a bad listener")))
    executor.add_event_listener(None, lambda run, e: block.wait(20))
    executor.add_event_listener(EventType.NODE_FINISHED, lambda run, e: got.append((run, e.node)))

    async def on_error(run, event):
        errors.append(run)

    executor.add_error_listener(on_error)
    executor.add_node_error_listener(lambda run, e: node_errors.append(e.node))
    executor.add_output_listener(lambda run, e: outputs.append(e.data["text"]))
    with caplog.at_level(logging.CRITICAL):
        good = await executor.execute_async(house.define(LINE))
        assert await executor.wait(good, timeout=60) == 2
        bad = await executor.execute_async(house.define("def a() -> int:\n    raise ValueError('no')\n"))
        with pytest.raises(Exception, match="no"):
            await executor.wait(bad, timeout=60)
        said = await executor.execute_async(house.define(STREAM), {"n": 2})
        await executor.wait(said, timeout=60)
        await wait_until(lambda: outputs == ["0 ", "1 "])
        await wait_until(lambda: errors == [bad] and node_errors == ["a"])
        await wait_until(lambda: got == [(good, "a"), (good, "b"), (bad, "a"), (said, "talk")])
    block.set()


async def test_c26_nobody_reads_and_nothing_piles_up(house):
    executor = await house.open()
    for _ in range(5):
        await executor.execute(house.define(LINE), timeout=60)
    assert executor.bus._subscribers == {}
    assert executor._following._waiting == {}
    assert executor._mine == set()
