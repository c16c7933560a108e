"""Streams: chunks and log lines on their way to readers and the store, in batches."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from tinyflow_nb.engine.joining import Joining
from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.ports import StateStore
from tinyflow_nb.secrets import redact

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.01
LOGS_KEPT = 1_000
"""Log lines one attempt may write; the rest is dropped, and the last line says so."""


class ChunkWriter:
    """What one attempt streams. Callable from any thread."""

    __slots__ = ("_attempt", "_generation", "_log_lines", "_offset", "_round", "_run", "_streams", "_unit")

    def __init__(
        self, streams: Streams, run: str, unit: str, attempt: int, round: int, generation: int
    ) -> None:
        self._streams = streams
        self._run = run
        self._unit = unit
        self._generation = generation
        self._attempt = attempt
        self._round = round
        self._offset = 0
        self._log_lines = 0

    @property
    def wrote(self) -> bool:
        return self._offset > 0 or self._log_lines > 0

    def emit(self, kind: str, value: Any) -> None:
        data = {
            "kind": kind,
            "text" if kind in ("text", "thinking") else "value": value,
            "offset": self._offset,
            "attempt": self._attempt,
            "round": self._round,
            "generation": self._generation,
        }
        self._offset += 1
        self._streams.add(self._run, EventType.NODE_OUTPUT, self._unit, data)

    def log(self, level: str, text: str) -> None:
        self._log_lines += 1
        if self._log_lines > LOGS_KEPT:
            return
        if self._log_lines == LOGS_KEPT:
            text = f"{text}\n(more lines than {LOGS_KEPT} are not kept)"
        data = {
            "level": level,
            "text": redact(text),
            "offset": self._log_lines - 1,
            "attempt": self._attempt,
            "round": self._round,
            "generation": self._generation,
        }
        self._streams.add(self._run, EventType.NODE_LOG, self._unit, data)


class Streams:
    """Collects what attempts write and hands it on every 10 ms."""

    def __init__(
        self, store: StateStore, publish: Callable[[str, Sequence[Event]], None],
        seq_of: Callable[[str], int],
    ) -> None:  # fmt: skip
        self._store = store
        self._joining = Joining(store)
        self.tidy = self._joining.tidy
        self._publish = publish
        self._seq_of = seq_of
        self._waiting: dict[str, list[Event]] = {}
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._scheduled = False
        self._lock = threading.Lock()
        self._saving: set[asyncio.Task[None]] = set()
        self._in_order = asyncio.Lock()

    def writer(self, run: str, unit: str, attempt: int, round: int, generation: int) -> ChunkWriter:
        return ChunkWriter(self, run, unit, attempt, round, generation)

    def add(self, run: str, type: EventType, unit: str, data: dict[str, Any]) -> None:
        event = Event(self._seq_of(run), type, unit, self._store.now(), data)
        with self._lock:
            self._waiting.setdefault(run, []).append(event)
            if self._scheduled:
                return
            self._scheduled = True
        if threading.get_ident() == self._thread:
            self._loop.call_later(FLUSH_SECONDS, self.flush)
        else:
            self._loop.call_soon_threadsafe(self._loop.call_later, FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Hand on everything that waits."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            self._scheduled = False
        for run, events in waiting.items():
            self._publish(run, events)
        if waiting:
            task = asyncio.ensure_future(self._save_all(waiting))
            self._saving.add(task)
            task.add_done_callback(self._saving.discard)

    async def _save_all(self, waiting: dict[str, list[Event]]) -> None:
        async with self._in_order:  # a store that is busy may take longer for the first than the second
            await asyncio.gather(*(self._save(run, events) for run, events in waiting.items()))

    async def _save(self, run: str, events: list[Event]) -> None:
        try:
            await self._store.append_chunks(run, events)
            self._joining.saw(run, len(events), events[-1].at)
        except Exception:  # chunks are a courtesy, the output itself is in the commit
            log.warning("could not keep %d chunks of run %s", len(events), run, exc_info=True)

    async def drain(self) -> None:
        """Hand on everything, and wait until it is kept."""
        self.flush()
        if self._saving:
            await asyncio.gather(*self._saving)
