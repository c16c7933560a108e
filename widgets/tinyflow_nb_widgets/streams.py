"""The texts a run's nodes stream, put together from their chunks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tinyflow_nb.model.events import Event, EventType

KEPT = 12_000
"""Characters kept of one unit's stream; what is older is dropped from the view, not from the output."""

Turn = tuple[int, int, int]
"""The run's generation, the unit's round and its attempt: a later turn replaces what was streamed."""

Piece = tuple[str, str]
"""(kind, text): neighbours of one kind are one piece; `log` has its own line of neighbours."""


@dataclass(slots=True)
class Stream:
    """One unit's newest attempt of its newest round."""

    turn: Turn = (1, 1, 1)
    chunks: int = 0
    """Chunks of this attempt seen, so that one that comes twice shows once."""
    pieces: list[Piece] = field(default_factory=list)
    length: int = 0
    cut: bool = False
    """The beginning is missing."""

    def add(self, kind: str, text: str) -> None:
        """Log lines come between the words of a text, but never break it: they are one piece of their own."""
        lane = (
            i for i, piece in enumerate(reversed(self.pieces), 1) if (piece[0] == "log") == (kind == "log")
        )
        at = next(lane, 0)
        if at and self.pieces[-at][0] == kind:
            self.pieces[-at] = (kind, self.pieces[-at][1] + text)
        else:
            self.pieces.append((kind, text))
        self.length += len(text)
        while self.length > KEPT * 1.25:
            self.cut = True
            kind, first = self.pieces.pop(0)
            drop = min(len(first), self.length - KEPT)
            self.length -= drop
            if drop < len(first):
                self.pieces.insert(0, (kind, first[drop:]))

    @property
    def text(self) -> str:
        """What the node itself said, without thinking, tools and log."""
        return "".join(text for kind, text in self.pieces if kind == "text")

    def to_dict(self) -> dict[str, Any]:
        return {"turn": turn_name(self.turn), "pieces": [list(p) for p in self.pieces], "cut": self.cut}


@dataclass(slots=True)
class Streams:
    """Every unit's stream, in the order they began."""

    units: dict[str, Stream] = field(default_factory=dict)

    def take(self, event: Event) -> tuple[str, str, str, str] | None:
        """Add an output or log event. Returns (unit, turn, kind, text) if that changed the view."""
        data = event.data
        unit = event.node.partition("#")[0]
        stream = self.units.get(unit)
        current = stream.turn if stream else (1, 1, 1)
        turn = (
            int(data.get("generation") or 1),
            int(data.get("round") or 1),
            int(data.get("attempt") or current[2]),
        )
        if turn < current:
            return None
        if stream is None or turn > current:
            stream = self.units[unit] = Stream(turn)
        if event.type == EventType.NODE_LOG:
            kind, text = "log", str(data.get("text", "")).rstrip("\n") + "\n"
        else:
            offset = data.get("offset")
            if offset is not None:
                if offset < stream.chunks:
                    return None
                stream.cut = stream.cut or offset > stream.chunks
                stream.chunks = offset + data.get("count", 1)
            kind, text = str(data.get("kind") or "text"), _words(data)
        if not text:
            return None
        stream.add(kind, text)
        return unit, turn_name(turn), kind, text

    def texts(self) -> dict[str, str]:
        """What each unit said, if it said anything."""
        return {unit: stream.text for unit, stream in self.units.items() if stream.text}


def turn_name(turn: Turn) -> str:
    return ".".join(map(str, turn))


def _words(data: dict[str, Any]) -> str:
    value = data.get("text", data.get("value"))
    if data.get("kind", "text") in ("text", "thinking") and isinstance(value, str):
        return value
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)) + "\n"
