"""Worker: takes claims, runs their bodies, commits what came of it, and runs on.

It keeps nothing between calls but caches: every fact is in the store.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from tinyflow_nb.engine import reducer
from tinyflow_nb.engine.attempts import Attempts
from tinyflow_nb.engine.call import LiveRun
from tinyflow_nb.engine.failures import made_up
from tinyflow_nb.engine.streams import Streams
from tinyflow_nb.engine.threads import ThreadPool
from tinyflow_nb.engine.unit_run import UnitRun
from tinyflow_nb.model.commit import Claim, Commit, End, Outcome, Step
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import Trigger, node_of
from tinyflow_nb.ports import Clock, StateStore

log = logging.getLogger(__name__)

HOPS = 64
"""Units one task runs in a row before it lets the others have a turn."""


class Worker:
    """One per executor; `name` is in every claim it makes."""

    def __init__(
        self, name: str, store: StateStore, clock: Clock, live: Callable[[str], Awaitable[LiveRun | None]],
        settled: Callable[[str, Outcome], None], publish: Streams, *, lease: float, capacity: int, threads: int,
    ) -> None:  # fmt: skip
        """
        Args:
            live: what is needed to work on a run; None if it is gone.
            settled: told every outcome: its events, triggers and status.
            lease: seconds.
            capacity: units run at once.
        """
        self.name = name
        self._store = store
        self._live = live
        self._settled = settled
        self._lease = lease
        self._capacity = capacity
        self._room = asyncio.Event()
        self._room.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._chance = random.random
        self._streams = publish
        self._pool = ThreadPool(threads)
        self.attempts = Attempts(store, clock, lease)

    @property
    def want(self) -> int:
        """Claims it can take now."""
        return max(0, self._capacity - len(self._tasks))

    async def accept(self, trigger: Trigger) -> bool:
        """Claim what a trigger names and work on it; False if the trigger is not of the present.

        Returns once the claim is made; waits while there is no room.
        """
        if trigger.kind == "deadline":
            return await self._pass_deadline(trigger)
        while len(self._tasks) >= self._capacity:
            self._room.clear()
            await self._room.wait()
        outcome = await self._store.claim(trigger, self.name, self._lease)
        if outcome is None:
            return False
        self._settled(trigger.run, outcome)
        self.take(outcome.claims)
        return True

    def take(self, claims: Sequence[Claim]) -> None:
        """Work on each, in tasks of their own; those to be skipped, together in one."""
        skips = tuple(c for c in claims if c.skip)
        if skips:
            self._spawn(skips)
        for claim in claims:
            if not claim.skip:
                self._spawn((claim,))

    def _spawn(self, claims: tuple[Claim, ...]) -> None:
        task = asyncio.get_running_loop().create_task(self._run_on(claims))
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._room.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a unit could not be worked on; it is taken up again", exc_info=error)

    def abandon(self, run: str) -> None:
        """The run ended: nobody wants what its attempts are still doing."""
        for attempt in self.attempts.of(run):
            attempt.call_off("stopped")

    async def close(self) -> None:
        """Drop what is running: its leases run out, and others take it up."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.attempts.close()
        self._pool.close()

    # ------------------------------------------------------------------ the loop

    async def _run_on(self, claims: tuple[Claim, ...]) -> None:
        """Run the claims' first unit, then what its end made ready, as long as there is any."""
        run = claims[0].run
        live = await self._live(run)
        if live is None:
            return
        task = asyncio.current_task()
        assert task is not None
        hops = 0
        while claims:
            first = claims[0]
            if len(claims) > 1 or first.skip:
                skips = [c for c in claims if c.skip]
                self.take([c for c in claims[1 if not skips else 0 :] if not c.skip])
                if skips:
                    outcome = await self._commit(live, tuple(self._skip(live, c) for c in skips))
                    claims = outcome.claims if outcome else ()
                    continue
            steps = await UnitRun(self, live, first, task).run()
            if not steps:
                return
            outcome = await self._commit(live, steps, first.generation)
            claims = outcome.claims if outcome else ()
            hops += 1
            if hops % HOPS == 0:
                await asyncio.sleep(0)

    async def _commit(
        self, live: LiveRun, steps: tuple[Step, ...], generation: int | None = None
    ) -> Outcome | None:
        if generation is None:
            generation = live.generation
        want = 1 + max(0, self._capacity - len(self._tasks))
        outcome = await self._store.commit(
            Commit(live.run, generation, steps, self.name, want, self._lease)
        )
        if outcome is not None:
            live.seq = outcome.seq
            self._settled(live.run, outcome)
        return outcome

    async def begin(self, live: LiveRun, claim: Claim, step: Step) -> bool:
        """Commit that a judged unit does run; False if the claim is not ours any more."""
        outcome = await self._store.commit(Commit(live.run, claim.generation, (step,), self.name, 0, self._lease))
        if outcome is None:
            return False
        self._settled(live.run, outcome)
        return True

    def _skip(self, live: LiveRun, claim: Claim) -> Step:
        shape = live.plan.shape
        node = shape.nodes[node_of(claim.unit)]
        return reducer.skipped(shape, node, claim, reducer.reason_of(node, claim))

    async def _pass_deadline(self, trigger: Trigger) -> bool:
        header = await self._store.header(trigger.run)
        if header is None or header.status.terminal or header.generation != trigger.generation:
            return False
        if header.deadline is None or self._store.now() < header.deadline:
            return False
        error = made_up("DeadlineExceeded", "the run's deadline is over", 0, 0)
        end = End("end", Status.FAILED, {**error, "node": ""})
        outcome = await self._store.commit(Commit(trigger.run, trigger.generation, (end,)))
        if outcome is None:
            return False
        self._settled(trigger.run, outcome)
        return True

    # ------------------------------------------------------------------ what a unit's run may use

    @property
    def pool(self) -> ThreadPool:
        return self._pool

    @property
    def streams(self) -> Streams:
        return self._streams

    def now(self) -> float:
        return self._store.now()

    def chance(self) -> float:
        return self._chance()
