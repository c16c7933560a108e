"""Executor and store against a plain model of a run, under random acts (hypothesis).

At least 2,000 steps over all stores; `MODEL_STEPS=10000 pytest tests/model` for more, and random ones.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tinyflow_nb import ChainDefinition, ChainExecutor, ResumeError
from tinyflow_nb.clock import ManualClock
from tinyflow_nb.engine.node_types import installed
from tinyflow_nb.errors import InvalidOperation
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.schedulers.local import LocalScheduler
from tinyflow_nb.stores.memory import MemoryStore
from tinyflow_nb.stores.sqlite import SqliteStore

spec = importlib.util.spec_from_file_location("plain_model", Path(__file__).parent / "plain_model.py")
assert spec
assert spec.loader
model = importlib.util.module_from_spec(spec)
sys.modules["plain_model"] = model
spec.loader.exec_module(model)

STEPS = int(os.environ.get("MODEL_STEPS", "2000"))
STORES = ("memory", "sqlite", "sqlite-full")
PHASES = [Phase.generate] if STEPS <= 2000 else [Phase.generate, Phase.shrink]
"""A failure is made small on demand only: that takes long."""
NODES = 6
LEASE = 1e6
"""Long: nobody dies here (tests/crash does that), and time makes large steps."""


@st.composite
def chains(draw: st.DrawFn) -> tuple[Any, ...]:
    nodes: list[Any] = []
    for i in range(draw(st.integers(1, NODES))):
        form = draw(st.integers(0, 3)) == 0
        earlier = [n.id for n in nodes]
        parents = tuple(
            (p, draw(st.sampled_from(["required", "required", "default", "default", "after"])))
            for p in draw(
                st.lists(st.sampled_from(earlier), unique=True, max_size=3) if earlier else st.just([])
            )
        )
        free = [p for p in earlier if p not in {q for q, _ in parents}]
        when = draw(st.sampled_from(["", "", "", "", "never", *free]))
        on_error = draw(st.sampled_from(["fail", "skip", "default"]))
        if form:
            nodes.append(model.Node(f"q{i}", parents, when, on_error=on_error, timed=draw(st.booleans())))
        else:
            failures, retries = draw(st.sampled_from([(0, 0), (0, 0), (1, 0), (1, 1), (2, 1), (3, 1)]))
            nodes.append(model.Node(f"c{i}", parents, when, failures, retries, on_error))
    return tuple(nodes)


class Watched(LocalScheduler):
    """Knows whether it has brought everything it has to bring now."""

    busy = 0

    async def start(self, stack: AsyncExitStack, accept: Callable[[Trigger], Awaitable[bool]]) -> None:
        async def counted(trigger: Trigger) -> bool:
            self.busy += 1
            try:
                return await accept(trigger)
            finally:
                self.busy -= 1

        await super().start(stack, counted)

    @property
    def idle(self) -> bool:
        return not (self.busy or self._units._ready or self._deadlines._ready)


class Runs(RuleBasedStateMachine):
    kind = ""
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="tinyflow-model-"))
        self.clock = ManualClock()
        self.memory = MemoryStore(self.clock)
        self.models: dict[str, Any] = {}
        self.executed: dict[tuple[str, str], int] = {}
        self.triggers: list[Trigger] = []
        self.stack: AsyncExitStack | None = None
        self.do(self._open())

    def do(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    # ------------------------------------------------------------------ the executor under test

    async def _open(self) -> None:
        self.stack = AsyncExitStack()
        store: Any = self.memory
        if self.kind != "memory":
            store = SqliteStore(str(self.folder / "runs.db"), self.clock, full=self.kind == "sqlite-full")
        self.store = store
        self.scheduler = Watched(self.clock)
        self.executor = ChainExecutor(
            store, store, self.scheduler, nodes=installed(), clock=self.clock, lease=LEASE,
            retention=1e9, suspended_ttl=1e9, overrides={f"c{i}": self._body for i in range(NODES)},
        )  # fmt: skip
        await self.stack.enter_async_context(self.executor)
        for run, expected in self.models.items():
            if expected.status not in model.TERMINAL:
                await self.executor.attach(run)

    async def _body(self, ctx: Any, **parents: str | None) -> str:
        node = next(n for n in self.models[ctx.run].nodes if n.id == ctx.node)
        read = {p: parents.get(p) for p, how in node.parents if how != "after"}
        count = self.executed[ctx.run, ctx.node] = self.executed.get((ctx.run, ctx.node), 0) + 1
        if count <= node.failures:
            raise ValueError(f"failure {count}")
        return model.output(ctx.node, read)

    def teardown(self) -> None:
        try:
            for run, expected in self.models.items():
                if expected.status == "SUCCEEDED":
                    state = self.do(self.executor.state(run))
                    assert self.do(self.executor.wait(run, timeout=60)) == state.result
        finally:
            if self.stack is not None:
                self.do(self.stack.aclose())
            self.do(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.folder)

    # ------------------------------------------------------------------ the acts

    @precondition(lambda self: len(self.models) < 4)
    @rule(nodes=chains(), deadline=st.booleans())
    def start(self, nodes: tuple[Any, ...], deadline: bool) -> None:
        definition = ChainDefinition.from_source("\n".join(n.source() for n in nodes), name="model")
        run = f"run{len(self.models)}"
        expected = self.models[run] = model.RunModel(nodes, self.clock.now(), deadline)
        limit = model.DEADLINE_SECONDS if deadline else None
        self.do(self.executor.execute_async(definition, run_id=run, deadline=limit))
        expected.settle()
        self.agree()

    @precondition(lambda self: self.models)
    @rule(data=st.data(), text=st.text(max_size=5))
    def answer(self, data: st.DataObject, text: str) -> None:
        run, expected = self.one(data)
        node = data.draw(st.sampled_from([n.id for n in expected.nodes]))
        waits = expected.states[node].status == "SUSPENDED" and expected.status not in model.TERMINAL
        if waits:
            self.do(self.executor.resume_async(run, text, node=node))
            expected.answer(node, text)
        else:
            self.refused(ResumeError, self.executor.resume_async(run, text, node=node))
        self.agree()

    @precondition(lambda self: self.models)
    @rule(data=st.data(), wrong=st.sampled_from([7, None, ["x"], {"text": "x"}]))
    def answer_wrongly(self, data: st.DataObject, wrong: Any) -> None:
        run, expected = self.one(data)
        node = data.draw(st.sampled_from([*(n.id for n in expected.nodes), "nope"]))
        self.refused(ResumeError, self.executor.resume_async(run, wrong, node=node))
        self.agree()

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        run, expected = self.one(data)
        self.do(self.executor.stop(run))
        expected.stop()
        self.agree()

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        run, expected = self.one(data)
        if expected.status in ("FAILED", "CANCELLED"):
            self.do(self.executor.retry(run))
            expected.retry()
        else:
            self.refused(InvalidOperation, self.executor.retry(run))
        self.agree()

    @precondition(lambda self: self.triggers)
    @rule(data=st.data(), times=st.integers(1, 3))
    def bring_old_triggers_again(self, data: st.DataObject, times: int) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.triggers), max_size=8))
        for trigger in chosen * times:
            early = trigger.due > self.clock.now()
            accepted = self.do(self.executor.accept(trigger))
            assert not (accepted and early), f"{trigger} was accepted before it was due"
        self.agree()

    @precondition(lambda self: self.models)
    @rule(seconds=st.sampled_from([0.5, 5.0, 10.0, 20.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        async def advance() -> None:
            self.clock.advance(seconds)

        self.do(advance())
        for expected in self.models.values():
            expected.advance(self.clock.now())
        self.agree()

    @rule()
    def reopen(self) -> None:
        assert self.stack is not None
        self.do(self.stack.aclose())
        self.stack = None
        self.do(self._open())
        self.agree()

    # ------------------------------------------------------------------ what must hold

    def one(self, data: st.DataObject) -> tuple[str, Any]:
        run = data.draw(st.sampled_from(sorted(self.models)))
        return run, self.models[run]

    def refused(self, error: type[Exception], act: Any) -> None:
        before = {run: self.do(self.store.state(run)) for run in self.models}
        with pytest.raises(error):
            self.do(act)
        assert {run: self.do(self.store.state(run)) for run in self.models} == before

    def agree(self) -> None:
        """Every run becomes what its model says, and stays so."""
        type(self).steps += 1
        self.do(self._agree())

    async def _agree(self) -> None:
        end, turn = self.loop.time() + 60.0, 0
        while not self.scheduler.idle or self.executor._worker._tasks:  # something is under way
            assert self.loop.time() < end, "the executor does not come to rest"
            await asyncio.sleep(0 if turn < 200 else 0.002)
            turn += 1
        for run, expected in self.models.items():
            problem = await self._difference(run, expected)
            assert not problem, f"{run}: {problem}"
            self._adopt_chance(await self.store.state(run), expected)
            await self._check_events(run, expected)
            self.triggers += [t for t in await self.store.pending(run) if t not in self.triggers]

    async def _difference(self, run: str, expected: Any) -> str:
        state = await self.store.state(run)
        if (state.status, state.generation) != (expected.status, expected.generation):
            return f"{state.status} in generation {state.generation}, not {expected}"
        if state.deadline_at != expected.ends:
            return f"its deadline is {state.deadline_at}, not {expected.ends}"
        ended = expected.status in ("FAILED", "CANCELLED")
        for node in expected.nodes:
            actual, wanted = state.nodes[node.id], expected.states[node.id]
            if (
                ended
                and actual.status == "CANCELLED"
                and (expected.uncertain or wanted.status not in model.KEPT)
            ):
                continue
            if expected.uncertain and actual.status == "FAILED" and state.error["node"] == node.id:
                continue
            if actual.status != wanted.status:
                return f"{node.id} is {actual.status}, not {wanted.status} ({state.error})"
            if actual.output != wanted.value:
                return f"{node.id} gave {actual.output!r}, not {wanted.value!r}"
            if actual.status != "SKIPPED" and actual.attempts != wanted.attempts:
                return f"{node.id} had {actual.attempts} attempts, not {wanted.attempts}"
        executed = {n: count for (r, n), count in self.executed.items() if r == run}
        if not expected.uncertain and executed != expected.executions:
            return f"executed {executed}, not {expected.executions}"
        for trigger in await self.store.pending(run):
            if trigger.kind == "retry" and expected.states[trigger.unit].due == float("inf"):
                wait = trigger.due - self.clock.now()
                assert 5 <= wait <= 10, f"a retry of 10 s is due in {wait}"
                expected.states[trigger.unit].due = trigger.due
        return ""

    def _adopt_chance(self, state: Any, expected: Any) -> None:
        """Of a run that was ended while others were at work, how far those came."""
        if expected.status not in ("FAILED", "CANCELLED"):
            return
        for id, actual in state.nodes.items():
            if actual.status in model.KEPT:
                assert all(
                    state.nodes[p].status in model.KEPT
                    for node in expected.nodes if node.id == id for p, _ in node.parents
                ), f"{id} is settled before its parents"  # fmt: skip
            elif expected.states[id].status in model.KEPT:
                assert expected.uncertain
            if actual.status not in model.KEPT:
                expected.states[id] = model.NodeModel(str(actual.status), None, actual.attempts)
            expected.states[id].due = None
            expected.executions[id] = self.executed.get((state.id, id), 0)
        expected.executions = {id: n for id, n in expected.executions.items() if n}
        expected.uncertain = False

    async def _check_events(self, run: str, expected: Any) -> None:
        events = await self.store.events(run)
        assert [e.seq for e in events] == list(range(1, len(events) + 1))
        settled: set[tuple[int, str]] = set()
        generation = 0
        for event in events:
            generation += event.type == "chain.started"
            if event.type in ("node.finished", "node.skipped"):
                assert (generation, event.node) not in settled, f"{event.node} settled twice"
                settled.add((generation, event.node))
        assert generation == expected.generation
        ends = [e for e in events if e.type == "chain.finished"]
        assert len(ends) == generation - (expected.status not in model.TERMINAL)


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.timeout(1200)
def test_runs_follow_the_model(kind: str) -> None:
    machine = type(f"Runs_{kind}", (Runs,), {"kind": kind, "steps": 0})
    wanted = STEPS / len(STORES)
    while machine.steps < wanted:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=max(3, int((wanted - machine.steps) / 30)), stateful_step_count=40,
                derandomize=STEPS <= 2000 and not machine.steps, deadline=None, database=None,
                print_blob=False, suppress_health_check=list(HealthCheck), phases=PHASES,
            ),
        )  # fmt: skip
    assert machine.steps >= wanted
