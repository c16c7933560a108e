"""Spans of runs and nodes, through OpenTelemetry. Import it only where traces are wanted: `configured`
in `tinyflow_nb.telemetry.tracing_setup` knows.

Any worker may run a node and any may end the run, so nobody holds a span for the run's length: its trace
and span follow from its id, and who ends it writes the span, with its true beginning and end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Tracer as SdkTracer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tinyflow_nb.model.commit import Again, Claim, Park, Settle, Step
from tinyflow_nb.model.tracing import TracedRun

Steps = tuple[Step, ...]

_PROPAGATOR = TraceContextTextMapPropagator()


class RunTracing:
    """One per executor."""

    def __init__(self, provider: TracerProvider, version: str) -> None:
        tracer = provider.get_tracer("tinyflow_nb", version)
        assert isinstance(tracer, SdkTracer)
        self._tracer = tracer
        if not isinstance(tracer.id_generator, _ChosenIds):
            tracer.id_generator = _ChosenIds(tracer.id_generator)
        self._ids = tracer.id_generator

    def caller(self) -> str:
        """`traceparent` of the span the caller is in; "" if it is in none."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier)
        return carrier.get("traceparent", "")

    @contextmanager
    def attempt(self, run: TracedRun, claim: Claim, node_type: str) -> Iterator[Callable[[Steps], Steps]]:
        """A span around one attempt; what it yields passes on the steps that the attempt came to."""
        node = claim.unit.partition("[")[0]
        attributes: dict[str, Any] = {
            "tinyflow.run": run.run, "tinyflow.chain": run.chain, "tinyflow.node": claim.unit,
            "tinyflow.node_type": node_type, "tinyflow.attempt": claim.attempt,
            "tinyflow.round": claim.round, "tinyflow.worker": run.worker,
        }  # fmt: skip
        parent = trace.set_span_in_context(NonRecordingSpan(self._span_context(run)))
        with self._tracer.start_as_current_span(node, parent, attributes=attributes) as span:

            def came_to(steps: Steps) -> Steps:
                for step in steps:
                    if isinstance(step, Settle):
                        span.set_attribute("tinyflow.status", str(step.status))
                        _told(span, (step.info or {}).get("error"))
                    elif isinstance(step, Again):
                        _told(span, step.error)
                    elif isinstance(step, Park):
                        span.set_attribute("tinyflow.status", "SUSPENDED")
                return steps

            yield came_to

    def ended(self, run: TracedRun, began: float, at: float, data: Mapping[str, Any]) -> None:
        """Write the run's span.

        Args:
            began, at: Unix seconds.
            data: of its `chain.finished`.
        """
        own = self._span_context(run)
        attributes: dict[str, Any] = {
            "tinyflow.run": run.run, "tinyflow.chain": run.chain, "tinyflow.generation": run.generation,
            "tinyflow.status": str(data["status"]), "tinyflow.worker": run.worker,
        }  # fmt: skip
        with self._ids.chosen(own):
            span = self._tracer.start_span(
                run.chain.partition("@")[0], self._parent(run), attributes=attributes,
                start_time=_nanoseconds(began),
            )  # fmt: skip
        _told(span, data.get("error"))
        span.end(_nanoseconds(at))

    def _caller(self, run: TracedRun) -> Context:
        """What the start of its root was in; empty if that was no span."""
        if not run.traceparent:
            return Context()
        return _PROPAGATOR.extract({"traceparent": run.traceparent}, Context())

    def _parent(self, run: TracedRun) -> Context:
        """Of the run's span: its parent run's, or the caller's."""
        if not run.parent:
            return self._caller(run)
        return trace.set_span_in_context(NonRecordingSpan(self._context_of(run, run.parent, 1)), Context())

    def _span_context(self, run: TracedRun) -> SpanContext:
        """The run's own span, the same in every process."""
        return self._context_of(run, run.run, run.generation)

    def _context_of(self, run: TracedRun, of: str, generation: int) -> SpanContext:
        """A span of a run in the trace of this one."""
        caller = self._caller(run)
        above = trace.get_current_span(caller).get_span_context()
        trace_id = above.trace_id if above.is_valid else _number(run.root, 16)
        sampling = self._tracer.sampler.should_sample(caller, trace_id, run.chain)
        sampled = sampling.decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        return SpanContext(trace_id, _number(f"{of}/{generation}", 8), is_remote=True, trace_flags=flags)


def _number(text: str, size: int) -> int:
    """The same of the same text, everywhere; of so many bytes."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:size], "big")


class _ChosenIds(IdGenerator):
    """Gives ids as before, but for a span whose ids are known."""

    def __init__(self, others: IdGenerator) -> None:
        self._others = others
        self._chosen: SpanContext | None = None

    @contextmanager
    def chosen(self, ids: SpanContext) -> Iterator[None]:
        """Begins one span with them; no await may come between."""
        self._chosen = ids
        try:
            yield
        finally:
            self._chosen = None

    def generate_trace_id(self) -> int:
        return self._others.generate_trace_id() if self._chosen is None else self._chosen.trace_id

    def generate_span_id(self) -> int:
        return self._others.generate_span_id() if self._chosen is None else self._chosen.span_id


def _told(span: trace.Span, error: Mapping[str, Any] | None) -> None:
    if error:
        span.set_status(Status(StatusCode.ERROR, f"{error.get('type', '')}: {error.get('message', '')}"))


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
