"""Worker: takes claims, runs their bodies, commits what came of it, and runs on.

It keeps nothing between calls but caches: every fact is in the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from tinyflow_nb.engine import reducer
from tinyflow_nb.engine.failures import made_up
from tinyflow_nb.engine.live_run import AtHand, LiveRun
from tinyflow_nb.engine.unfit import Chain, Unfit
from tinyflow_nb.engine.unit_run import UnitRun
from tinyflow_nb.engine.workshop import Workshop
from tinyflow_nb.errors import DefinitionError, NotTrusted
from tinyflow_nb.model.commit import Claim, Commit, Delegate, End, HandBack, Outcome, Step
from tinyflow_nb.model.lanes import may_run
from tinyflow_nb.model.state import RunHeader
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import BETWEEN_RUNS, Trigger, node_of

log = logging.getLogger(__name__)

HOPS = 64
"""Units one task runs in a row before it lets the others have a turn."""


class Worker:
    """One per executor."""

    def __init__(
        self, workshop: Workshop, at_hand: AtHand, settled: Callable[[str, Outcome], None], capacity: int,
        send: Callable[[Sequence[Trigger]], None], *, spreads: bool,
    ) -> None:  # fmt: skip
        """
        Args:
            settled: told every outcome: its events, triggers and status.
            capacity: units worked on at once.
            send: carries wake-ups to any worker.
            spreads: of the units a change makes ready, keep one and leave the others to all workers.
        """
        self._workshop = workshop
        self._at_hand = at_hand
        self._store = workshop.store
        self._settled = settled
        self._capacity = capacity
        self._spreads = spreads
        self._draining = False
        self._coming = 0
        """Claims being made for triggers."""
        self._room = asyncio.Event()
        self._room.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.unfit = Unfit(send)
        """For what this process can't or may not load."""
        self.attempts = workshop.attempts

    @property
    def _free(self) -> int:
        return 0 if self._draining else max(0, self._capacity - len(self._tasks) - self._coming)

    @property
    def busy(self) -> int:
        """Units worked on now."""
        return len(self._tasks)

    @property
    def want(self) -> int:
        """Claims it takes of what a change from outside makes ready."""
        return min(1, self._free) if self._spreads else self._free

    @property
    def _want_after(self) -> int:
        """The same, of a unit that ends here: its own place is free again."""
        if self._draining:
            return 0
        return 1 if self._spreads else 1 + self._free

    async def room(self) -> int:
        """Waits until there is room for a unit; for how many there is."""
        while not self._free:
            self._room.clear()
            await self._room.wait()
        return self._free

    async def accept(self, trigger: Trigger) -> bool:
        """Claim what a trigger names and work on it; False if the trigger is not of the present.

        Returns once the claim is made; waits while there is no room.
        """
        if trigger.kind == "deadline":
            return await self._pass_deadline(trigger)
        if trigger.kind in BETWEEN_RUNS:
            return await self._workshop.nesting.handle(trigger)
        if await self._is_unfit(trigger.run):
            if self._spreads:
                self.unfit.pass_on(trigger)
            return False
        if not may_run(trigger.tags, self._workshop.tags):
            return False
        await self.room()
        self._coming += 1
        try:
            shop = self._workshop
            outcome = await self._store.claim(trigger, shop.name, shop.lease, shop.tags)
        finally:
            self._coming -= 1
            self._room.set()
        if outcome is None:
            return False
        self._settled(trigger.run, outcome)
        self.take(outcome.claims)
        return True

    async def _is_unfit(self, run: str) -> bool:
        self.unfit.since(self._at_hand.round())
        if not self.unfit or self._at_hand.known(run):
            return False
        if self.unfit.has(run):
            return True
        header = await self._store.header(run)
        return header is not None and self.unfit.add(run, _chain_of(header))

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

    def fit(self, run: str) -> None:
        """Its code can be loaded here now."""
        self.unfit.fit(run)

    def abandon(self, run: str) -> None:
        """The run ended: nobody wants what its attempts are still doing."""
        self.unfit.forget(run)
        if self.attempts:
            for attempt in self.attempts.of(run):
                attempt.call_off("stopped")

    async def drain(self, seconds: float) -> None:
        """Take nothing more, and wait for what is being worked on, `seconds` at most; then hand it back."""
        self._draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        await self._hand_back()

    async def close(self) -> None:
        """Drop what is running and hand it back, so that others need not wait for its leases."""
        self.unfit.close()
        try:
            await self._hand_back()
        finally:  # a store in trouble keeps no thread of ours alive
            self._workshop.close()

    async def _hand_back(self) -> None:
        dropped = [attempt.claim for attempt in self.attempts.all()]
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for claim in dropped:
            step = HandBack("handback", claim.unit, claim.token, "its process ended")
            outcome = await self._store.commit(Commit(claim.run, claim.generation, (step,)))
            if outcome is not None and self._spreads:
                self._settled(claim.run, outcome)

    # ------------------------------------------------------------------ the loop

    async def _run_on(self, claims: tuple[Claim, ...]) -> None:
        """Run the claims' first unit, then what its end made ready, as long as there is any."""
        live = await self._load(claims)
        epoch = self._at_hand.look_whom_to_trust()
        task = asyncio.current_task()
        assert task is not None
        hops = 0
        while claims and live is not None:
            if self._at_hand.look_whom_to_trust() != epoch:
                epoch = self._at_hand.look_whom_to_trust()
                live = await self._load(claims)
                continue
            first = claims[0]
            if len(claims) > 1 or first.skip:
                skips = [c for c in claims if c.skip]
                self.take([c for c in claims[1 if not skips else 0 :] if not c.skip])
                if skips:
                    steps: tuple[Step, ...] = tuple(self._skip(live, c) for c in skips)
                    outcome = await self._workshop.commit(live, first.generation, steps, self._want_after)
                    claims = outcome.claims if outcome else ()
                    continue
            steps = await UnitRun(self._workshop, live, first, task).run()
            if not steps:
                return
            outcome = await self._workshop.commit(live, first.generation, steps, self._want_after)
            claims = outcome.claims if outcome else ()
            delegate = steps[-1]
            if outcome is not None and isinstance(delegate, Delegate):
                await self._workshop.nesting.start(live, delegate.unit, delegate.child, delegate.request)
            hops += 1
            if hops % HOPS == 0:
                await asyncio.sleep(0)

    async def _load(self, claims: tuple[Claim, ...]) -> LiveRun | None:
        """What is needed to work on the claims' run; if its code can't be loaded here, they are
        handed back, and this process leaves the run alone (SEMANTICS 23)."""
        run, generation = claims[0].run, claims[0].generation
        try:
            return await self._at_hand.run(run, generation)
        except (DefinitionError, NotTrusted) as e:
            log.error("run %s can't be executed here: %s", run, e)
            header = await self._store.header(run)
            if header is not None:
                self.unfit.since(self._at_hand.round())
                self.unfit.mark(run, _chain_of(header), e)
            steps = tuple(HandBack("handback", c.unit, c.token, str(e)) for c in claims)
            outcome = await self._store.commit(Commit(run, generation, steps))
            if outcome is not None and self._spreads:
                self._settled(run, outcome)
            return None

    def _skip(self, live: LiveRun, claim: Claim) -> Step:
        shape = live.plan.shape
        node = shape.nodes[node_of(claim.unit)]
        return reducer.skipped(shape, node, claim, reducer.reason_of(node, claim))

    async def _pass_deadline(self, trigger: Trigger) -> bool:
        header = await self._store.header(trigger.run)
        if header is None or header.status.terminal or header.generation != trigger.generation:
            return False
        if header.deadline is None or self._workshop.now() < header.deadline:
            return False
        error = made_up("DeadlineExceeded", "the run's deadline is over", 0, 0)
        end = End("end", Status.FAILED, {**error, "node": ""})
        outcome = await self._store.commit(Commit(trigger.run, trigger.generation, (end,)))
        if outcome is None:
            return False
        self._settled(trigger.run, outcome)
        return True


def _chain_of(header: RunHeader) -> Chain:
    return header.definition, header.chain.partition("@")[0]
