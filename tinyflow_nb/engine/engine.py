"""Engine: the executor's parts, put together, opened and closed; what schedulers call."""

from __future__ import annotations

import asyncio
import json
import os
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

from tinyflow_nb import __version__
from tinyflow_nb.clock import SystemClock
from tinyflow_nb.engine.bus import EventBus
from tinyflow_nb.engine.changes import Change, Changes
from tinyflow_nb.engine.following import Following
from tinyflow_nb.engine.live_run import AtHand, LiveRun
from tinyflow_nb.engine.monitoring import Monitoring
from tinyflow_nb.engine.nesting import Hands, Nesting
from tinyflow_nb.engine.plan import Plan
from tinyflow_nb.engine.poison import Guard
from tinyflow_nb.engine.presence import Presence
from tinyflow_nb.engine.publishing import Publishing
from tinyflow_nb.engine.recovery import Recovery
from tinyflow_nb.engine.registry import Registry
from tinyflow_nb.engine.streams import Streams
from tinyflow_nb.engine.worker import Worker
from tinyflow_nb.engine.workshop import Workshop
from tinyflow_nb.errors import DefinitionError, NotTrusted, UnknownRun
from tinyflow_nb.model.commit import Commit, End, NewRun, Outcome, Reopen, Step
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.monitor import MonitorLevel
from tinyflow_nb.model.shape import shape_of
from tinyflow_nb.model.state import RunHeader
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import BETWEEN_RUNS, Trigger
from tinyflow_nb.model.workers import WorkerInfo
from tinyflow_nb.ports import (
    Clock,
    DefinitionStore,
    MonitorIndex,
    MonitorOutlet,
    NodeExecutor,
    Roster,
    SharedScheduler,
    StateStore,
    Tracing,
    TriggerScheduler,
    Trust,
)
from tinyflow_nb.trust import UserTrust

if TYPE_CHECKING:
    from tinyflow_nb.isolation.isolation import Isolation


class Engine:
    """What executes; ChainExecutor is what people and programs call."""

    def __init__(
        self, definitions: DefinitionStore, states: StateStore, scheduler: TriggerScheduler | SharedScheduler,
        events: EventBus | None = None, *, nodes: Mapping[str, NodeExecutor], clock: Clock | None = None,
        name: str = "", execute: bool = True, lease: float = 30.0, capacity: int = 256, threads: int = 32,
        retention: float = 7 * 86400.0, suspended_ttl: float = 30 * 86400.0, depth: int = 50,
        tags: Sequence[str] = (), overrides: Mapping[str, Callable[..., Any]] | None = None,
        monitor: MonitorLevel = "off", trust: Trust | None = None, isolation: Isolation | None = None,
        tracing: Tracing | None = None,
    ) -> None:  # fmt: skip
        """
        Args:
            scheduler: a shared one makes this a worker of a fleet: it works on any run, and what it
                makes ready goes to all of them.
            nodes: the NodeExecutor of each node type.
            name: of this worker, in claims and states; made up if empty.
            execute: False submits and watches only.
            lease: seconds a claim lasts unless it is renewed.
            capacity: nodes run at once.
            threads: of them, `def` nodes at once.
            retention: seconds a finished run is kept.
            suspended_ttl: seconds after which a run nobody answered is cancelled.
            depth: of chains in chains, at most.
            tags: those this worker of a fleet carries; who is the only one there is runs everything.
            overrides: functions that replace nodes' bodies, by node id; for tests.
            monitor: what the outside is told of runs started here, if the store is a fleet's.
            trust: who signs here, and whose definitions are executed; by default the user's keys and list.
            isolation: runs the cells' functions in other processes; closed with this.
            tracing: told of runs and attempts.
        """
        self.trust = trust or UserTrust()
        self.registry = Registry(definitions, states.now, self.trust)
        self._publishing = Publishing(self.registry, states.now)
        self.bus = events or EventBus()
        self._store = states
        self._scheduler = scheduler
        self._execute = execute
        self._shared = isinstance(scheduler, SharedScheduler)
        self._adopts = execute and not self._shared
        """Whether the runs started or acted on here are this process's to execute."""
        self._tags = tuple(tags) if self._shared else None
        self._retention, self._suspended_ttl = retention, suspended_ttl
        self._depth = depth
        self._clock = clock or SystemClock()
        self._name = name or f"{os.uname().nodename}:{os.getpid()}:{os.urandom(3).hex()}"
        self._lease, self._capacity, self._threads = lease, capacity, threads
        self._at_hand = AtHand(states, self.registry, nodes, overrides, isolation)
        self.changes = Changes(self._name, self._at_hand.known)
        self._at_hand.when_kept = self.changes.known
        self._isolation = isolation
        self._dead: Counter[str] = Counter()
        self._tracing = tracing
        if tracing is not None:
            self.changes.listen(self._trace_end)
        self._stack = AsyncExitStack()
        self._draining = False
        self._presence: Presence | None = None
        self._monitor: MonitorLevel = monitor if self._shared else "off"
        self._monitoring: Monitoring | None = None
        self._mine: set[str] = set()
        """Live runs this process executes; a fleet's belong to nobody (SEMANTICS 21)."""

    async def __aenter__(self) -> Self:
        stack = await self._stack.__aenter__()
        try:
            await self._store.start(stack)
            self._streams = Streams(self._store, self.bus.publish, self._at_hand.seq_of)
            hands = Hands(
                self._check, self._begin, self._reopen, self._take_up, self._mine.__contains__, self.stop,
                self._between_runs, self._commit,
            )  # fmt: skip
            self._nesting = Nesting(self._store, self.registry, hands, self._depth)
            workshop = Workshop(
                self._name, self._store, self._clock, self._streams, self._nesting, self._settled,
                lease=self._lease, threads=self._threads, tags=self._tags, tracing=self._tracing,
            )  # fmt: skip
            self._worker = Worker(
                workshop, self._at_hand, self._settled, self._capacity, self._schedule, spreads=self._shared
            )
            self._guard = Guard(self._worker.accept, self._store, self._settled, self._dead)
            self._following = Following(self._store, self.bus, workshop.attempts.lasting_runs, self._forget)
            self._recovery = Recovery(
                self._store, self._scheduler, lambda: self._mine, self._forget, self._expire,
                self._streams.tidy, self._lease / 2,
            )  # fmt: skip
            if self._isolation is not None:
                stack.push_async_callback(self._isolation.close)
            stack.push_async_callback(self._streams.drain)  # last: what is dropped has its last words
            if isinstance(self._scheduler, SharedScheduler):
                await self._scheduler.open(stack)  # closed after the worker: what that hands back is sent
            store, outlet = self._store, self._scheduler
            if self._execute and isinstance(store, MonitorIndex) and isinstance(outlet, MonitorOutlet):
                self._monitoring = Monitoring(store, outlet, self._name)
                stack.push_async_callback(self._monitoring.close)
            for part in (self.bus, self._following, self._worker, self._nesting, self._recovery):
                stack.push_async_callback(part.close)
            self._consuming = await stack.enter_async_context(AsyncExitStack())
            if isinstance(self._scheduler, SharedScheduler):
                if self._execute:
                    self._be_present(stack)
                    await self._scheduler.consume(
                        self._consuming, self.accept, self._worker.room, self._tags or ()
                    )
            elif self._execute:
                await self._scheduler.start(self._consuming, self.accept)
            await self._expire()
        except BaseException:
            await stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def name(self) -> str:
        """Of this worker, as claims and states have it."""
        return self._name

    async def drain(self, seconds: float) -> None:
        """Take nothing more, and wait `seconds` at most for what is being worked on; what is not done by
        then is handed back."""
        self._draining = True
        if self._presence is not None:
            await self._presence.close()
        await asyncio.gather(self._worker.drain(seconds), self._consuming.aclose())

    @property
    def busy(self) -> int:
        """Units worked on now."""
        return self._worker.busy

    async def stop(self, run_id: str) -> None:
        """Cancel a run; one that has ended stays as it is.

        Raises:
            UnknownRun
        """
        header = await self._header(run_id)
        while not header.status.terminal:
            end = End("end", Status.CANCELLED)
            outcome = await self._store.commit(Commit(run_id, header.generation, (end,)))
            if outcome is not None:
                self._settled(run_id, outcome)
            header = await self._header(run_id)

    # ------------------------------------------------------------------ what schedulers call

    async def accept(self, trigger: Trigger) -> bool:
        """Work on what a trigger names. Any number of times, late or out of order, changes the run
        exactly as once. True if it was of the present."""
        accepted = await self._guard.accept(trigger)
        if accepted:
            self.changes.accepted(trigger, self._store.now())
            self._notice(trigger.run)
        return accepted

    # ------------------------------------------------------------------ inside

    async def _begin(self, new: NewRun, definition: ChainDefinition) -> Outcome | None:
        """Create a run and work on it here, as far as its code can be loaded; None if its id is taken."""
        plan = None
        if self._execute:
            try:
                plan = await self._plan(new, definition.hash)
            except (DefinitionError, NotTrusted):
                if self._adopts:  # nobody else would do it
                    raise
        if plan is not None:
            new = new._replace(worker=self._name, want=self._worker.want, lease=self._lease, tags=self._tags)
        now = self._store.now()
        outcome = await self._store.create(new, shape_of(definition))
        if outcome is None:
            return None
        if plan is not None:
            inputs = json.loads(new.inputs)
            self._at_hand.keep(LiveRun(new.run, new.chain, plan, inputs, new.context, 1, new.deadline, now))
        if self._adopts:
            self._mine.add(new.run)
        if new.deadline is not None:
            self._schedule([Trigger(new.run, 1, "", 0, "deadline", new.deadline)])
        self._settled(new.run, outcome)
        self._worker.take(outcome.claims)
        return outcome

    async def _plan(self, new: NewRun, hash: str) -> Plan:
        name = new.chain.partition("@")[0]
        published = "@#" not in new.chain
        definition = await self.registry.vetting.passed(hash, name, new.chain if published else new.run)
        return await self._at_hand.plan(definition, new.context.get("bindings"))

    async def _check(self, new: NewRun) -> None:
        """Raises DefinitionError, NotTrusted: a run can't be executed here, and is nobody else's."""
        if self._adopts:
            await self._plan(new, new.definition)

    async def _reopen(self, header: RunHeader) -> bool:
        """Take a FAILED or CANCELLED run up again; False if it is neither any more."""
        limit = header.context.get("deadline")
        reopen = Reopen("reopen", self._store.now() + limit if limit else None)
        outcome = await self._store.commit(self._commit(header.run, header.generation, reopen))
        if outcome is None:
            return False
        self._at_hand.forget(header.run)
        await self._adopt(header.run, outcome)
        if reopen.deadline is not None:
            deadline = Trigger(header.run, header.generation + 1, "", 0, "deadline", reopen.deadline)
            self._schedule([deadline])
        return True

    async def _take_up(self, header: RunHeader) -> None:
        """Execute a run here that another process began and may not go on with (SEMANTICS 21)."""
        if self._adopts and not header.status.terminal:
            await self._at_hand.run(header.run)  # raises if its code can't be loaded here
            self._worker.fit(header.run)
            self._mine.add(header.run)
            await self._recovery.of(header.run)
            self._following.follow(header.run, header.seq)

    async def _between_runs(self, commit: Commit) -> Outcome | None:
        """Commit what one run tells another, and work on what that made ready."""
        outcome = await self._store.commit(commit)
        if outcome is not None:
            if self._adopts and not outcome.status.terminal:
                self._mine.add(commit.run)
            self._settled(commit.run, outcome)
            self._worker.take(outcome.claims)
        return outcome

    def _be_present(self, stack: AsyncExitStack) -> None:
        """Be in the fleet's roster until the stack is closed."""
        if isinstance(self._store, Roster):
            started_at = self._store.now()
            self._presence = Presence(self._store, lambda: self._info(started_at))
            self._worker.unfit.changed = self._presence.changed
            stack.push_async_callback(self._presence.close)

    def _info(self, started_at: float) -> WorkerInfo:
        return WorkerInfo(
            self._name, os.uname().nodename, os.getpid(), started_at, self._store.now(), self._tags or (),
            self._capacity, self.busy, __version__, platform.python_version(),
            type(self._scheduler).__name__.removesuffix("Scheduler").lower(), self._worker.unfit.reasons,
        )  # fmt: skip

    def _commit(self, run: str, generation: int, step: Step) -> Commit:
        worker = self._name if self._execute else ""
        return Commit(run, generation, (step,), worker, self._worker.want, self._lease, self._tags)

    async def _adopt(self, run: str, outcome: Outcome) -> None:
        """A run a person acted on is executed here, if this process executes."""
        adopted = self._adopts and run not in self._mine and not outcome.status.terminal
        if adopted:
            self._mine.add(run)
        self._settled(run, outcome)
        self._worker.take(outcome.claims)
        self._following.follow(run, outcome.seq)
        if adopted:
            await self._recovery.of(run)

    def _settled(self, run: str, outcome: Outcome) -> None:
        """Every change made here passes through this."""
        self.changes.tell(run, outcome)
        if outcome.status is not Status.RUNNING or self._monitor == "nodes":
            self._notice(run)
        self._at_hand.saw(run, outcome.seq)
        self._following.tell(run, outcome)
        if outcome.triggers:
            for trigger in outcome.triggers:
                if trigger.kind in BETWEEN_RUNS:
                    self._nesting.act(trigger)
            self._schedule([t for t in outcome.triggers if t.kind not in BETWEEN_RUNS])
        if outcome.status.terminal:
            self._forget(run)

    def _trace_end(self, change: Change) -> None:
        live = self._at_hand.known(change.run)
        if change.type is EventType.CHAIN_FINISHED and live is not None and self._tracing is not None:
            self._tracing.ended(live.traced(self._name), live.created_at, change.at, change.data)

    def _notice(self, run: str) -> None:
        """The outside may have to be told of it."""
        if self._monitoring is not None:
            self._monitoring.notice(run)

    def _schedule(self, triggers: Sequence[Trigger]) -> None:
        """An embedded store's runs are executed by whom they belong to, a fleet's by anybody."""
        if self._execute or self._shared:
            self._scheduler.schedule(triggers)

    def _forget(self, run: str) -> None:
        """It ended, here or elsewhere."""
        self._notice(run)
        self._mine.discard(run)
        self._at_hand.forget(run)
        self._scheduler.forget(run)
        self._worker.abandon(run)

    async def _expire(self) -> None:
        for run in await self._store.expire(self._retention, self._suspended_ttl):
            await self.stop(run)

    async def _header(self, run: str) -> RunHeader:
        header = await self._store.header(run)
        if header is None:
            raise UnknownRun(self._unknown_run(run))
        return header

    @staticmethod
    def _unknown_run(run: str) -> str:
        return f"no run {run!r} in this store; `runs` lists those there are"
