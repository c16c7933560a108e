"""The streamed chunks and log lines of one run, capped: as a list, and as batches of JSON.

Each chunk has a position, from 0. A joined one stands for `count` of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from tinyflow_nb.model.events import Event, EventType

KEPT = 20_000
"""Chunks kept of a run; older ones are trimmed."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_TYPES = {str(type): type for type in EventType}


def encoded(chunks: Sequence[Event]) -> str:
    """A batch."""
    return _encode([(e.seq, e.type, e.node, e.at, e.data) for e in chunks])


def positions(chunks: Sequence[Event]) -> int:
    """How many they stand for."""
    return sum(chunk.data.get("count", 1) for chunk in chunks)


def decoded(batches: Iterable[tuple[int, int, str]], after: int) -> tuple[list[Event], int]:
    """Chunks from position `after` on, a gap event where some are gone, and the position after the last.

    Args:
        batches: in order, all that end behind `after`: the first position, how many, and the batch. Of
            one that was joined from more chunks than it has, who begins in its midst gets nothing.
    """
    found: list[Event] = []
    end = after
    for first, count, body in batches:
        batch = [Event(seq, _TYPES[type], *rest) for seq, type, *rest in json.loads(body)]
        is_joined = len(batch) < count
        known = end - first
        gone = -known if known < 0 else count - known if is_joined and known else 0
        if gone:
            found.append(Event(batch[0].seq, EventType.GAP, data={"missing": gone}))
        if known <= 0 or not is_joined:
            found += batch[max(0, known) :]
        end = first + count
    return found, end


class ChunkLog:
    def __init__(self) -> None:
        self._joined: list[Event] = []
        """What stands for the chunks from `_trimmed` to `_start`."""
        self._chunks: list[Event] = []
        self._trimmed = self._start = 0
        """Positions: chunks gone, and the first in `_chunks`."""

    def append(self, chunks: Sequence[Event]) -> None:
        self._chunks += chunks
        surplus = len(self._chunks) - KEPT
        if surplus > KEPT // 4:  # in large steps, so that trimming stays cheap
            del self._chunks[:surplus]
            self._start += surplus
            self._joined, self._trimmed = [], self._start

    def join(self, before: int, chunks: Sequence[Event]) -> None:
        if before >= self._start:
            del self._chunks[: before - self._start]
            self._joined, self._start = list(chunks), before

    def read(self, after: int) -> tuple[list[Event], int]:
        """Chunks from position `after` on, a gap event first if some of those are gone."""
        if after <= self._trimmed:
            found, first = [*self._joined, *self._chunks], self._trimmed
        else:
            found, first = self._chunks[max(0, after - self._start) :], max(after, self._start)
        if first > after:
            seq = found[0].seq if found else 0
            found = [Event(seq, EventType.GAP, data={"missing": first - after}), *found]
        return found, self._start + len(self._chunks)
