"""The one thread of a process that writes to front ends, at most 30 messages a second.

A notebook server silently drops what exceeds its rate limit, and a widget must have one writer.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import NamedTuple, Protocol

_log = logging.getLogger(__name__)

UPDATES_A_SECOND = 30.0
PAUSE = 1 / UPDATES_A_SECOND


class Flushed(NamedTuple):
    """What one flush did: messages sent, and in how many seconds it wants its next turn, if at all."""

    messages: int
    again_in: float | None = None


class Flushable(Protocol):
    def flush(self) -> Flushed: ...


class Flusher:
    """Views take turns, the one that waited longest first."""

    def __init__(self) -> None:
        self._due: dict[Flushable, float] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def wake(self, view: Flushable, after: float = 0.0) -> None:
        """Flush the view in `after` seconds, or sooner if that was asked before. From any thread."""
        due = time.monotonic() + after
        with self._changed:
            if due < self._due.get(view, due + 1):
                self._due[view] = due
                self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tinyflow-flusher", daemon=True)
                self._thread.start()

    def _next(self) -> Flushable:
        with self._changed:
            while True:
                if not self._due:
                    self._changed.wait()
                    continue
                view = min(self._due, key=self._due.__getitem__)
                wait = self._due[view] - time.monotonic()
                if wait <= 0:
                    del self._due[view]
                    return view
                self._changed.wait(wait)

    def _run(self) -> None:
        paid_at = 0.0
        while True:
            view = self._next()
            try:
                flushed = view.flush()
            except Exception:  # noqa: BLE001 - one view's trouble must not end the others
                _log.exception("a view could not be updated")
                continue
            if flushed.again_in is not None:
                self.wake(view, flushed.again_in)
            del view  # a view nobody else holds must not live until the next one comes
            # The second of two messages is paid for by the next flushes, each of which takes longer
            # than its pause: words that come meanwhile don't wait twice as long.
            now = time.monotonic()
            paid_at = max(paid_at, now) + flushed.messages * PAUSE
            if flushed.messages:
                time.sleep(max(PAUSE, paid_at - PAUSE - now))


flusher = Flusher()
