"""ChunkLog: the streamed chunks and log lines of one run, capped."""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow_nb.model.events import Event, EventType

KEPT = 20_000
"""Chunks kept of a run; older ones are trimmed."""


class ChunkLog:
    def __init__(self) -> None:
        self._chunks: list[Event] = []
        self._trimmed = 0
        """Chunks trimmed so far, so that positions stay what they were."""

    def append(self, chunks: Sequence[Event]) -> None:
        self._chunks += chunks
        surplus = len(self._chunks) - KEPT
        if surplus > KEPT // 4:  # in large steps, so that trimming stays cheap
            del self._chunks[:surplus]
            self._trimmed += surplus

    def read(self, after: int) -> tuple[list[Event], int]:
        """Chunks from position `after` on, a gap event first if some of those are gone."""
        found = self._chunks[max(0, after - self._trimmed) :]
        if after < self._trimmed:
            seq = found[0].seq if found else 0
            found = [Event(seq, EventType.GAP, data={"missing": self._trimmed - after}), *found]
        return found, self._trimmed + len(self._chunks)
