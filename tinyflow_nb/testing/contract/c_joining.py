"""What was streamed is joined once it has come to rest (SEMANTICS 26): less to keep, the same to read."""

from __future__ import annotations

from typing import Any

from tinyflow_nb.engine.joining import REST_SECONDS, joined
from tinyflow_nb.model.events import Event, EventType

TALK = """
from collections.abc import Iterator

def talk(n: int) -> Iterator[str]:
    print("about to talk")
    for i in range(n):
        yield f"{i} "
"""


def chunk(offset: int, text: Any, kind: str = "text", node: str = "a", attempt: int = 1) -> Event:
    key = "text" if kind in ("text", "thinking") else "value"
    data = {"kind": kind, key: text, "offset": offset, "attempt": attempt, "round": 1, "generation": 1}
    return Event(2, EventType.NODE_OUTPUT, node, 100.0 + offset, data)


async def test_c26_a_joined_stream_keeps_its_positions(house):
    store = await house.bare_store()
    chunks = [chunk(i, f"{i} ") for i in range(10)]
    await store.append_chunks("r", chunks[:4])
    await store.append_chunks("r", chunks[4:8])
    whole = joined(chunks[:8])
    for _ in range(2):  # whose answer is lost does it again
        await store.join_chunks("r", 8, whole)
        assert await store.chunks("r") == (whole, 8)
    await store.append_chunks("r", chunks[8:])
    assert await store.chunks("r") == ([*whole, *chunks[8:]], 10)
    assert await store.chunks("r", 8) == (chunks[8:], 10)
    assert await store.chunks("r", 9) == (chunks[9:], 10)
    found, end = await store.chunks("r", 3)
    assert ([found[0].type, found[0].data, *found[1:]], end) == (
        ["stream.gap", {"missing": 5}, *chunks[8:]],
        10,
    )


async def test_c26_what_is_streamed_meanwhile_is_kept(house):
    store = await house.bare_store()
    chunks = [chunk(i, f"{i} ") for i in range(9)]
    for start in range(0, 9, 3):
        await store.append_chunks("r", chunks[start : start + 3])
    whole = joined(chunks[:3])
    await store.join_chunks("r", 3, whole)
    assert await store.chunks("r") == ([*whole, *chunks[3:]], 9)
    wider = joined([*whole, *chunks[3:6]])
    await store.join_chunks("r", 6, wider)
    assert await store.chunks("r") == ([*wider, *chunks[6:]], 9)
    await store.join_chunks("r", 3, whole)
    assert await store.chunks("r") == ([*wider, *chunks[6:]], 9), "an older one comes too late"


async def test_c26_no_stream_comes_back_by_being_joined(house):
    store = await house.bare_store()
    await store.join_chunks("gone", 3, [chunk(0, "a")])
    assert await store.chunks("gone") == ([], 0)


async def test_c26_of_a_trimmed_stream_what_is_left_is_joined(house):
    store = await house.bare_store()
    for start in range(0, 60_000, 500):
        await store.append_chunks("r", [chunk(i, "x") for i in range(start, start + 500)])
    (gap, *kept), end = await store.chunks("r")
    await store.join_chunks("r", end, joined(kept))
    found, end = await store.chunks("r")
    assert (found[0].data, end) == (gap.data, 60_000)
    assert sum(e.data["count"] for e in found[1:]) == len(kept)
    assert "".join(e.data["text"] for e in found[1:]) == "x" * len(kept)
    await store.append_chunks("r", [chunk(60_000, "y")])
    assert (await store.chunks("r", 60_000))[0] == [chunk(60_000, "y")]


async def test_c26_a_stream_is_joined_half_a_minute_after_its_last_words(still, all_events, wait_until):
    executor = await still.open(lease=0.2)  # twice in a lease it looks what there is to do
    run = await executor.execute_async(still.define(TALK), {"n": 200})
    result = await executor.wait(run, timeout=60)
    store = await still.bare_store()
    await wait_until(lambda: _end(store, run, 201))
    before = await all_events(executor, run)
    still.clock.advance(REST_SECONDS + 1)

    async def is_joined():
        return len((await store.chunks(run))[0]) == 2

    await wait_until(is_joined)
    after = await all_events(executor, run)
    assert [e for e in after if e.type != "node.output"] == [e for e in before if e.type != "node.output"]
    (text,) = [e for e in after if e.type == "node.output"]
    assert text.data["text"] == result == "".join(e.data["text"] for e in before if e.type == "node.output")
    assert text.data["count"] == 200
    assert [e.type for e in after].index("node.output") == [e.type for e in before].index("node.output")


async def _end(store: Any, run: str, position: int) -> bool:
    return (await store.chunks(run))[1] == position
