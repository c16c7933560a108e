"""Joining what was streamed (SEMANTICS 26): a text of 500 tokens is kept as one chunk, not as 500."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tinyflow_nb.errors import TinyflowError
from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.ports import StateStore

log = logging.getLogger(__name__)

REST_SECONDS = 30.0
"""After so long every reader that follows has what was streamed, and whoever comes now wants it whole."""
WORTH = 20
"""Chunks of a run that make a look at them worth it."""
LONGEST = 65_536
"""Characters of a joined text that no more is added to, so that reading stays a matter of small pieces."""
TEXTS = ("text", "thinking")


class Joining:
    """Which runs streamed something here that is to be joined. Best effort: what a process leaves
    behind when it ends stays as it is, and is forgotten with its run."""

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._streamed: dict[str, tuple[int, float]] = {}

    def saw(self, run: str, chunks: int, at: float) -> None:
        """So many more are kept of a run, the last of them from the instant `at`."""
        self._streamed[run] = (self._streamed.get(run, (0, at))[0] + chunks, at)

    async def tidy(self) -> None:
        """Join what has come to rest."""
        until = self._store.now() - REST_SECONDS
        for run, (count, at) in list(self._streamed.items()):
            if at > until:
                continue
            del self._streamed[run]
            if count >= WORTH:
                try:
                    await self._join(run, until)
                except TinyflowError:
                    log.warning("could not join what run %s streamed", run, exc_info=True)

    async def _join(self, run: str, until: float) -> None:
        chunks, _ = await self._store.chunks(run)
        end, rested = _rested(chunks, until)
        whole = joined(rested)
        if len(whole) <= len(rested) // 2:
            await self._store.join_chunks(run, end, whole)


def _rested(chunks: Sequence[Event], until: float) -> tuple[int, list[Event]]:
    """Those before the first that is younger, and the position after them."""
    end, found = 0, []
    for chunk in chunks:
        if chunk.type is EventType.GAP:
            end += chunk.data["missing"]
            continue
        if chunk.at > until:
            break
        end += chunk.data.get("count", 1)
        found.append(chunk)
    return end, found


def joined(chunks: Sequence[Event]) -> list[Event]:
    """The same words in fewer chunks: those of one attempt that follow each other are one, which says in
    `count` how many they were. What is no text stays where it is among its attempt's."""
    found: list[Event | _Text] = []
    growing: dict[tuple[object, ...], _Text] = {}
    for chunk in chunks:
        data = chunk.data
        if chunk.type is not EventType.NODE_OUTPUT:
            found.append(chunk)
            continue
        attempt = (chunk.node, data["generation"], data["round"], data["attempt"])
        text = growing.get(attempt)
        if text is not None and text.takes(data):
            text.add(data)
            continue
        growing.pop(attempt, None)
        if data["kind"] in TEXTS:
            growing[attempt] = _Text(chunk)
            found.append(growing[attempt])
        else:
            found.append(chunk)
    return [chunk.whole() if isinstance(chunk, _Text) else chunk for chunk in found]


class _Text:
    """A chunk of text that others are added to."""

    __slots__ = ("count", "first", "length", "pieces")

    def __init__(self, first: Event) -> None:
        self.first = first
        self.pieces: list[str] = []
        self.count = self.length = 0
        self.add(first.data)

    def takes(self, data: dict[str, Any]) -> bool:
        own = self.first.data
        follows = own["kind"] == data["kind"] and own["offset"] + self.count == data["offset"]
        return follows and self.length < LONGEST

    def add(self, data: dict[str, Any]) -> None:
        self.pieces.append(data["text"])
        self.length += len(data["text"])
        self.count += data.get("count", 1)

    def whole(self) -> Event:
        if len(self.pieces) == 1:
            return self.first
        data = {**self.first.data, "text": "".join(self.pieces), "count": self.count}
        return replace(self.first, data=data)
