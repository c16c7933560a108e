"""Texts that were streamed in many chunks are kept as few (SEMANTICS 26)."""

from __future__ import annotations

from typing import Any

from tinyflow_nb.engine.joining import joined
from tinyflow_nb.model.events import Event, EventType


def chunk(offset: int, text: Any, kind: str = "text", node: str = "a", attempt: int = 1) -> Event:
    key = "text" if kind in ("text", "thinking") else "value"
    data = {"kind": kind, key: text, "offset": offset, "attempt": attempt, "round": 1, "generation": 1}
    return Event(2, EventType.NODE_OUTPUT, node, 100.0 + offset, data)


def test_c26_texts_of_one_attempt_are_joined_and_nothing_else_is():
    log = Event(2, EventType.NODE_LOG, "a", 100.0, {"level": "info", "text": "x", "offset": 0, "attempt": 1})
    chunks = [
        chunk(0, "hm", "thinking"), chunk(0, "other ", node="b"), chunk(1, "m", "thinking"), log,
        chunk(2, "yes"), chunk(3, {"name": "look"}, "tool_call"), chunk(4, "so "), chunk(1, "one", node="b"),
        chunk(5, "be "), chunk(6, "it"), chunk(0, "again", attempt=2), chunk(8, "behind a gap"),
    ]  # fmt: skip
    whole = joined(chunks)
    assert [(e.node, e.data.get("text"), e.data.get("count", 1)) for e in whole] == [
        ("a", "hmm", 2), ("b", "other one", 2), ("a", "x", 1), ("a", "yes", 1), ("a", None, 1),
        ("a", "so be it", 3), ("a", "again", 1), ("a", "behind a gap", 1),
    ]  # fmt: skip
    assert (whole[5].at, whole[5].data["offset"]) == (104.0, 4), "as the first of them"
    assert joined(whole) == whole
    assert chunks[0].data["text"] == "hm", "what was given is left alone"


def test_c26_a_joined_text_takes_a_bounded_number_of_characters():
    whole = joined([chunk(i, "x" * 1_000) for i in range(200)])
    assert sum(e.data["count"] for e in whole) == 200
    assert max(len(e.data["text"]) for e in whole) <= 67_000
    assert joined(whole) == whole
