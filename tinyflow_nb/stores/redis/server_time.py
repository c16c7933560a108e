"""The servers' clock, as their answers tell it."""

from __future__ import annotations

import time


class ServerTime:
    """It goes on by this machine's monotonic clock: somebody may set the other one at any time."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()
        """Seconds; this machine's own until a server has answered."""

    def now(self) -> float:
        """Unix seconds."""
        return time.monotonic() + self._ahead

    def told(self, at: float, sent: float) -> None:
        """An answer that has just come.

        Args:
            at: when it was made, in Unix seconds of the server.
            sent: when it was asked for, in monotonic seconds.
        """
        earliest, latest = at - time.monotonic(), at - sent
        if not earliest <= self._ahead <= latest:
            self._ahead = (earliest + latest) / 2
