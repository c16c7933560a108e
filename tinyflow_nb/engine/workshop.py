"""Workshop: what working on a unit needs - the store to commit to, threads, streams and timers."""

from __future__ import annotations

import random
from collections.abc import Callable

from tinyflow_nb.engine.attempts import Attempts
from tinyflow_nb.engine.live_run import LiveRun
from tinyflow_nb.engine.nesting import Nesting
from tinyflow_nb.engine.streams import Streams
from tinyflow_nb.engine.threads import ThreadPool
from tinyflow_nb.model.commit import Commit, Outcome, Step
from tinyflow_nb.model.lanes import Carried
from tinyflow_nb.ports import Clock, StateStore, Tracing


class Workshop:
    """One per executor."""

    def __init__(
        self, name: str, store: StateStore, clock: Clock, streams: Streams, nesting: Nesting,
        settled: Callable[[str, Outcome], None], *, lease: float, threads: int, tags: Carried = None,
        tracing: Tracing | None = None,
    ) -> None:  # fmt: skip
        """
        Args:
            name: of the worker, in every claim it makes.
            settled: told every outcome.
            lease: seconds.
            tags: what the worker carries.
            tracing: told of every attempt.
        """
        self.name = name
        self.store = store
        self.streams = streams
        self.nesting = nesting
        self.lease = lease
        self.tags = tags
        self.tracing = tracing
        self.pool = ThreadPool(threads)
        self.attempts = Attempts(store, clock, lease)
        self.now = store.now
        self.chance = random.random
        self._settled = settled

    async def commit(
        self, live: LiveRun, generation: int, steps: tuple[Step, ...], want: int
    ) -> Outcome | None:
        """Commit steps and claim up to `want` of what they make ready; None if they came too late."""
        commit = Commit(live.run, generation, steps, self.name, want, self.lease, self.tags)
        outcome = await self.store.commit(commit)
        if outcome is not None:
            self._settled(live.run, outcome)
        return outcome

    def close(self) -> None:
        self.attempts.close()
        self.pool.close()
