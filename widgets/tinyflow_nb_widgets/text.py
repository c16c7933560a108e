"""Words, widths and durations: what the picture and the page write the same way."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

from tinyflow_nb.model.status import Status

NODE_WORDS = {
    Status.READY: "ready",
    Status.RUNNING: "running",
    Status.SUSPENDED: "your turn",
    Status.SUCCEEDED: "succeeded",
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
    Status.SKIPPED: "skipped",
}
RUN_WORDS = {**NODE_WORDS, Status.READY: "not started", Status.SUSPENDED: "waiting for you"}

# What XML 1.0 can't hold at all, not even escaped.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: str) -> str:
    """The text with what XML can't hold replaced by U+FFFD."""
    return _NOT_XML.sub("\ufffd", text)


def width_of(text: str, size: float) -> float:
    """How wide a text is at most, roughly, in the wider ones of the usual fonts at `size` pixels."""
    units = 0.0
    for char in text:
        if unicodedata.east_asian_width(char) in "WF":
            units += 1.0
        elif char in "ijltfrI.,:;|!'()[] ":
            units += 0.39
        elif char in "mwMW@%":
            units += 0.95
        else:
            units += 0.64
    return units * size


def shorten(text: str, room: float, size: float) -> str:
    """The text on one line, cut with an ellipsis where it gets wider than `room` pixels."""
    line = " ".join(text.split())
    if width_of(line, size) <= room:
        return line
    kept = 0.0
    room -= width_of("…", size)
    for index, char in enumerate(line):
        kept += width_of(char, size)
        if kept > room:
            return line[:index].rstrip() + "…"
    return line


def wrap(text: str, room: float, size: float, lines: int) -> list[str]:
    """At most `lines` lines, each no wider than `room` pixels; the last is cut if there is more."""
    found: list[str] = []
    for paragraph in text.strip().splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}" if line else word
            if line and width_of(longer, size) > room:
                found.append(line)
                longer = word
            line = longer
            if len(found) > lines:  # the rest of a long text is not even measured
                break
        found.append(line)
        if len(found) > lines:
            break
    if len(found) > lines:
        found = [*found[: lines - 1], f"{found[lines - 1]} …"]
    return [shorten(line, room, size) for line in found]


def duration(seconds: float) -> str:
    """`8 ms`, `0.4 s`, `12 s`, `2 m 05 s`, `1 h 02 m`."""
    seconds = max(seconds, 0.0)
    if seconds < 0.0995:
        return f"{round(seconds * 1000)} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} m"


def readable(value: Any) -> str:
    """A JSON value for people: text as it is, anything else as indented JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def error_line(error: dict[str, Any]) -> str:
    """An error on one line: `ValueError: too short`."""
    kind, message = str(error.get("type", "") or ""), str(error.get("message", "") or "")
    first = message.strip().partition("\n")[0]
    return f"{kind}: {first}" if kind and first else kind or first or "failed"
