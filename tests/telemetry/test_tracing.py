"""Spans: run > node > call of a model, with the SDK's exporter in memory."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler

from tinyflow_nb import ChainDefinition, ChainExecutor, ChainFailed
from tinyflow_nb.clock import SystemClock
from tinyflow_nb.engine.node_types import installed
from tinyflow_nb.errors import ChainSuspended
from tinyflow_nb.model.tracing import TracedRun
from tinyflow_nb.nodes.llm import LlmNode
from tinyflow_nb.ports import NodeExecutor
from tinyflow_nb.schedulers.local import LocalScheduler
from tinyflow_nb.stores.memory import MemoryStore
from tinyflow_nb.telemetry.tracing import RunTracing

CHAIN = """
from opentelemetry import trace

def draft(n: int) -> int:
    with trace.get_tracer("mine").start_as_current_span("inside"):
        return n + 1

async def check(draft: int) -> int:
    if draft < 0:
        raise ValueError("below zero")
    return draft
"""
ASKS = """
from tinyflow_nb import confirm, llm, node

@llm("fake")
def draft(n: int) -> str:
    '''Say {{ n }}'''

@confirm
def ok(draft) -> bool:
    '''Well?'''
"""
PARENT = """
from tinyflow_nb import chain

@chain("child")
def sub(n: int) -> int: ...
"""
SLOW = """
import asyncio
from tinyflow_nb import node

@node(timeout=0.05, retry=1)
async def slow() -> int:
    await asyncio.sleep(30)
    return 1
"""


class Traces:
    """A provider that keeps what it is given, as the program's own."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        self.kept = InMemorySpanExporter()
        self.provider = TracerProvider(sampler=sampler)
        self.provider.add_span_processor(SimpleSpanProcessor(self.kept))
        self.tracing = RunTracing(self.provider, "0")

    def spans(self) -> dict[str, ReadableSpan]:
        """By name; the newest of each."""
        return {span.name: span for span in self.kept.get_finished_spans()}

    @asynccontextmanager
    async def executor(self, nodes: Mapping[str, NodeExecutor] | None = None) -> AsyncIterator[ChainExecutor]:
        clock = SystemClock()
        store = MemoryStore(clock)
        async with ChainExecutor(
            store, store, LocalScheduler(clock), nodes={**installed(), **(nodes or {})}, tracing=self.tracing
        ) as executor:
            yield executor


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Traces:
    traces = Traces()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", traces.provider)
    return traces


def define(source: str) -> ChainDefinition:
    return ChainDefinition.from_source(textwrap.dedent(source), name="demo")


async def test_a_runs_span_holds_its_nodes_spans_and_those_their_bodies_make(traces: Traces) -> None:
    async with traces.executor() as executor:
        run = await executor.execute_async(define(CHAIN), {"n": 1})
        assert await executor.wait(run, timeout=60) == 2
        state = await executor.state(run)
    spans = traces.spans()
    assert set(spans) == {"demo", "draft", "check", "inside"}
    root = spans["demo"]
    assert root.parent is None
    for name, parent in {"draft": "demo", "check": "demo", "inside": "draft"}.items():
        assert spans[name].parent is not None
        assert spans[name].parent.span_id == spans[parent].context.span_id
        assert spans[name].context.trace_id == root.context.trace_id
    assert root.attributes is not None
    assert root.attributes["tinyflow.run"] == run
    assert root.attributes["tinyflow.status"] == "SUCCEEDED"
    assert root.start_time == int(state.created_at * 1e9)
    assert state.finished_at is not None
    assert root.end_time == int(state.finished_at * 1e9)
    expected = {"tinyflow.node": "draft", "tinyflow.node_type": "code", "tinyflow.attempt": 1}
    assert expected.items() <= dict(spans["draft"].attributes or {}).items()


async def test_a_run_belongs_to_the_trace_of_who_starts_it(traces: Traces) -> None:
    async with traces.executor() as executor:
        with traces.provider.get_tracer("mine").start_as_current_span("request"):
            run = await executor.execute_async(define(CHAIN), {"n": 1})
        await executor.wait(run, timeout=60)
    spans = traces.spans()
    assert spans["demo"].parent is not None
    assert spans["demo"].parent.span_id == spans["request"].context.span_id
    assert {span.context.trace_id for span in spans.values()} == {spans["request"].context.trace_id}


async def test_a_childs_span_is_below_its_parents_in_the_same_trace(traces: Traces) -> None:
    async with traces.executor() as executor:
        await executor.publish(ChainDefinition.from_source(CHAIN, name="child"))
        result = await executor.execute(define(PARENT), {"n": 1}, timeout=60)
    assert result == 2
    spans = traces.spans()
    assert spans["child"].parent is not None
    assert spans["child"].parent.span_id == spans["demo"].context.span_id
    assert {span.context.trace_id for span in spans.values()} == {spans["demo"].context.trace_id}


async def test_what_fails_is_an_error_and_a_retried_run_is_another_span_of_its_trace(traces: Traces) -> None:
    async with traces.executor() as executor:
        run = await executor.execute_async(define(CHAIN), {"n": -5})
        for generation in (1, 2):
            with pytest.raises(ChainFailed):
                await executor.wait(run, timeout=60)
            if generation == 1:
                await executor.retry(run)
    spans = traces.kept.get_finished_spans()
    runs = [span for span in spans if span.name == "demo"]
    assert [dict(span.attributes or {})["tinyflow.generation"] for span in runs] == [1, 2]
    assert runs[0].context.span_id != runs[1].context.span_id
    assert len({span.context.trace_id for span in spans}) == 1
    checks = [span for span in spans if span.name == "check"]
    assert [span.parent.span_id for span in checks if span.parent] == [r.context.span_id for r in runs]
    for span in (*runs, *checks):
        assert span.status.status_code is trace.StatusCode.ERROR
    assert checks[0].events[0].name == "exception"


async def test_each_attempt_is_a_span_and_says_why_it_ended(traces: Traces) -> None:
    async with traces.executor() as executor:
        run = await executor.execute_async(define(SLOW), {})
        with pytest.raises(ChainFailed):
            await executor.wait(run, timeout=60)
    slow = [span for span in traces.kept.get_finished_spans() if span.name == "slow"]
    assert [dict(span.attributes or {})["tinyflow.attempt"] for span in slow] == [1, 2]
    for span in slow:
        assert "Timeout: it took longer" in str(span.status.description)


async def test_a_models_calls_are_below_their_node_and_say_nothing_of_what_is_said(traces: Traces) -> None:
    pytest.importorskip("pydantic_ai")
    from pydantic_ai.models.test import TestModel

    from tinyflow_nb.nodes.llm_models import Client

    @asynccontextmanager
    async def fake(name: str) -> AsyncIterator[Client]:
        yield Client(name, TestModel(custom_output_text="the answer"), {})

    async with traces.executor({"llm": LlmNode(fake)}) as executor:
        run = await executor.execute_async(define(ASKS), {"n": 7})
        with pytest.raises(ChainSuspended):
            await executor.wait(run, timeout=60, people=False)
        spans = traces.spans()
        assert dict(spans["ok"].attributes or {})["tinyflow.status"] == "SUSPENDED"
        [call] = [span for name, span in spans.items() if name.startswith("chat")]
        ids = {span.context.span_id: span for span in spans.values()}
        above = ids[call.parent.span_id] if call.parent else None
        assert above is not None
        assert above.parent is not None
        assert ids[above.parent.span_id].name == "draft"
        await executor.resume_async(run, True)
        await executor.wait(run, timeout=60)
    written = "".join(span.to_json() for span in traces.kept.get_finished_spans())
    assert "the answer" not in written
    assert "Say 7" not in written
    assert traces.spans()["demo"].attributes


async def test_what_is_not_sampled_is_not_written_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    traces = Traces(ParentBased(ALWAYS_OFF))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", traces.provider)
    async with traces.executor() as executor:
        assert await executor.execute(define(CHAIN), {"n": 1}, timeout=60) == 2
    assert traces.kept.get_finished_spans() == ()


def test_two_processes_agree_on_a_runs_ids() -> None:
    run = TracedRun("demo-1", "demo@1", 1, "demo-1", "", "", "w")
    contexts = [Traces().tracing._span_context(run) for _ in range(2)]
    assert contexts[0].trace_id == contexts[1].trace_id
    assert contexts[0].span_id == contexts[1].span_id


def test_nothing_is_imported_where_no_traces_are_wanted() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import sys\nfrom tinyflow_nb import connect\nconnect('memory://')\n"
         "print([m for m in sys.modules if m.startswith('opentelemetry')])"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.strip() == "[]"


def test_an_exporter_that_is_not_installed_is_told() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import os\nos.environ['OTEL_TRACES_EXPORTER'] = 'carrier-pigeon'\n"
         "from tinyflow_nb import connect\nconnect('memory://')"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "OTEL_TRACES_EXPORTER: no exporter 'carrier-pigeon' is installed" in told.stderr
