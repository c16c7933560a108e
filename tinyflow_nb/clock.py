"""Clocks: the machine's, and one that tests move."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable


class SystemClock:
    """The machine's own."""

    now = staticmethod(time.time)

    def call_at(self, when: float, call: Callable[[], None]) -> Callable[[], None]:
        return asyncio.get_running_loop().call_later(max(0.0, when - time.time()), call).cancel


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._cancelled: set[int] = set()

    def now(self) -> float:
        return self._now

    def call_at(self, when: float, call: Callable[[], None]) -> Callable[[], None]:
        number = next(self._order)
        heapq.heappush(self._calls, (when, number, call))
        return lambda: self._cancelled.add(number)

    def advance(self, seconds: float) -> None:
        """Move on, and make every call that falls due, in order."""
        self._now += seconds
        while self._calls and self._calls[0][0] <= self._now:
            _, number, call = heapq.heappop(self._calls)
            if number not in self._cancelled:
                call()
