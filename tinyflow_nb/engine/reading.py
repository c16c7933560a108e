"""Reading a run's events: what is kept, then what comes, each once and in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence

from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.ports import StateStore

STREAMED = (EventType.NODE_OUTPUT, EventType.NODE_LOG, EventType.GAP)


POLL_SECONDS = 0.1
"""How often the store is asked for the chunks of a run that another process executes."""


async def read_events(
    store: StateStore,
    run: str,
    inbox: asyncio.Queue[Sequence[Event]],
    after: int,
    is_here: Callable[[], bool],
) -> AsyncGenerator[Event]:
    """Everything after seq `after`, until the run has ended.

    Args:
        inbox: opened before, so that nothing falls between the kept and the live ones.
        is_here: whether this process executes the run, and so publishes its chunks.
    """
    reader = _Reader(after)
    chunks, position = await store.chunks(run)
    kept = await store.events(run, after)
    for event in _merged(kept, [c for c in chunks if c.seq > after or after == 0]):
        if reader.is_new(event):
            yield event
    while not await _is_over(store, run, reader):
        batch: Sequence[Event] = ()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):  # `wait_for` may swallow the reader's cancellation
                batch = await inbox.get()
        if not is_here():
            chunks, position = await store.chunks(run, position)
            batch = _merged(batch, chunks)
        if _has_gap(batch, reader.seq):
            batch = _merged(await store.events(run, reader.seq), [e for e in batch if e.type in STREAMED])
        for event in batch:
            if reader.is_new(event):
                yield event


async def _is_over(store: StateStore, run: str, reader: _Reader) -> bool:
    """The last event read ended the run, and no retry has begun since."""
    if not reader.finished:
        return False
    header = await store.header(run)
    return header is None or header.seq <= reader.seq


def _has_gap(batch: Sequence[Event], seq: int) -> bool:
    first = next((e.seq for e in batch if e.type not in STREAMED), 0)
    return first > seq + 1


def _merged(events: Sequence[Event], chunks: Sequence[Event]) -> list[Event]:
    """Chunks behind the lifecycle event they follow."""
    return sorted([*events, *chunks], key=lambda e: e.seq)


class _Reader:
    """What has been read, so that nothing is given twice."""

    def __init__(self, after: int) -> None:
        self.seq = after
        self.finished = False
        self._offsets: dict[tuple[str, str, int, int, int], int] = {}

    def is_new(self, event: Event) -> bool:
        if event.type in (EventType.NODE_OUTPUT, EventType.NODE_LOG):
            data = event.data
            key = (event.type, event.node, data["generation"], data["round"], data["attempt"])
            if data["offset"] <= self._offsets.get(key, -1):
                return False
            self._offsets[key] = data["offset"] + data.get("count", 1) - 1
            return True
        if event.type in STREAMED:
            return True
        if event.seq <= self.seq:
            return False
        self.seq = event.seq
        self.finished = event.type is EventType.CHAIN_FINISHED
        return True
