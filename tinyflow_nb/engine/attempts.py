"""The attempts this process is running: their timeouts, their leases, and how they are called off."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

from tinyflow_nb.model.commit import Claim
from tinyflow_nb.ports import Clock, StateStore

log = logging.getLogger(__name__)

LASTING_SECONDS = 0.5


class Attempt:
    """One claim being worked on by one task."""

    __slots__ = ("called_off", "claim", "deadline", "since", "task")

    def __init__(self, claim: Claim, task: asyncio.Task[None], since: float, deadline: float) -> None:
        self.claim = claim
        self.task = task
        self.since = since
        self.deadline = deadline
        self.called_off = ""
        """Why nobody wants its result: "timeout", "stopped" or "lost"; "" while somebody does."""

    def call_off(self, why: str) -> None:
        if not self.called_off:
            self.called_off = why
            self.task.cancel()


class Attempts:
    """All attempts of one executor.

    Timeouts share one timer, armed for the earliest: most attempts end long before theirs. Leases
    are renewed by a thread of its own, so that a busy loop does not lose them (SEMANTICS 19).
    """

    def __init__(self, store: StateStore, clock: Clock, lease: float) -> None:
        self._store = store
        self._clock = clock
        self._lease = lease
        self._running: dict[Attempt, None] = {}
        self.lost_leases = 0
        self._armed = float("inf")
        self._disarm: Callable[[], None] | None = None
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None
        self._loop = asyncio.get_running_loop()

    def __len__(self) -> int:
        return len(self._running)

    def begin(self, claim: Claim, task: asyncio.Task[None], timeout: float) -> Attempt:
        now = self._clock.now()
        attempt = Attempt(claim, task, now, now + timeout)
        self._running[attempt] = None
        if attempt.deadline < self._armed:
            self._arm(attempt.deadline)
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep, name="tinyflow-leases", daemon=True)
            self._keeper.start()
        return attempt

    def end(self, attempt: Attempt) -> None:
        del self._running[attempt]

    def all(self) -> list[Attempt]:
        return list(self._running)

    def of(self, run: str) -> list[Attempt]:
        return [a for a in self._running if a.claim.run == run]

    def lasting_runs(self) -> set[str]:
        """Runs with an attempt that takes long enough for somebody to stop it."""
        since = self._clock.now() - LASTING_SECONDS
        return {a.claim.run for a in self._running if a.since <= since}

    def close(self) -> None:
        self._stopping.set()
        if self._disarm:
            self._disarm()

    # ------------------------------------------------------------------ timeouts

    def _arm(self, when: float) -> None:
        if self._disarm:
            self._disarm()
        self._armed = when
        self._disarm = self._clock.call_at(when, self._sweep)

    def _sweep(self) -> None:
        self._armed = float("inf")
        self._disarm = None
        now = self._clock.now()
        earliest = float("inf")
        for attempt in list(self._running):
            if attempt.deadline <= now:
                attempt.call_off("timeout")
            else:
                earliest = min(earliest, attempt.deadline)
        if earliest < self._armed:
            self._arm(earliest)

    # ------------------------------------------------------------------ leases

    def lost(self, attempt: Attempt) -> None:
        """Its lease is another's - or it was committed while the lease was being renewed: then its
        task is at work on something else."""
        if attempt in self._running:
            self.lost_leases += 1
            attempt.call_off("lost")

    def _keep(self) -> None:
        while not self._stopping.wait(self._lease / 3):
            now = self._clock.now()
            fresh = self._lease / 4
            due = [a for a in list(self._running) if not 0 <= now - a.since < fresh and now < a.deadline]
            if not due:
                continue
            keys = {(a.claim.run, a.claim.unit, a.claim.token): a for a in due}
            try:
                lost = self._store.renew(list(keys), self._lease)
            except Exception:  # the lease may outlive the trouble; if not, its token fences the attempt
                log.warning("could not renew %d leases", len(keys), exc_info=True)
                continue
            for key in lost:
                self._loop.call_soon_threadsafe(self.lost, keys[key])
