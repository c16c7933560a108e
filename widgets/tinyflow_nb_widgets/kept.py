"""When the picture that a notebook saves of a run has to be drawn anew.

A live view is lost with its kernel, and a file that has nothing but a live view then shows an error. So the
saved output is a picture as soon as a front end can show the live view in the picture's own place.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tinyflow_nb.model.status import Status

if TYPE_CHECKING:
    from tinyflow_nb.model.state import ChainState

SETTLE_SECONDS = {Status.READY: 5.0, Status.RUNNING: 5.0, Status.SUSPENDED: 0.5, Status.FAILED: 0.0}
"""How long a run stands as it does before it is worth a picture; other ends at once."""
QUIET_SECONDS = 1.0
"""For how long a running run says nothing before it is drawn: the words that come would make the picture
old, and drawing it would hold them up."""
PATIENCE_SECONDS = 30.0
"""A run that never is quiet is drawn after all: its kernel may die."""

_Standing = tuple[Status, int, tuple[str, ...]]


class Kept:
    """Which standing of the run the saved output shows."""

    def __init__(self) -> None:
        self._shown: _Standing | None = None
        self._seen: _Standing | None = None
        self._seen_at = 0.0

    def forget(self) -> None:
        """The output is a live view again."""
        self._shown = None

    def due_in(self, state: ChainState, said_at: float) -> float | None:
        """Seconds until it has to be drawn anew; None if it shows the run as it stands.

        Args:
            said_at: when it said something last, by the monotonic clock.
        """
        standing = _standing(state)
        if standing == self._shown:
            return None
        if standing != self._seen:
            self._seen, self._seen_at = standing, time.monotonic()
        due = self._seen_at + SETTLE_SECONDS.get(state.status, 0.0)
        if state.status is Status.RUNNING:
            due = max(due, min(said_at + QUIET_SECONDS, self._seen_at + PATIENCE_SECONDS))
        return max(0.0, due - time.monotonic())

    def shows(self, state: ChainState) -> None:
        """The output is a picture of this."""
        self._shown = _standing(state)


def _standing(state: ChainState) -> _Standing:
    return state.status, state.generation, tuple(state.waiting())
