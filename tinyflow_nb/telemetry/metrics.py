"""Prometheus metrics of one executing process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tinyflow_nb.engine.changes import Change
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.trigger import Trigger

if TYPE_CHECKING:
    from tinyflow_nb.engine.condition import Condition

NAMES_KEPT = 100
"""Values of one label; what comes later counts as `OTHERS`: each costs memory here and there."""
OTHERS = "(others)"
RUN_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600)
NODE_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600)
WAIT_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

FATES = ("dropped", "poison", "dead")

Backlog = Callable[[], int]


class Bounded:
    """The first names that come are told apart."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __call__(self, name: str) -> str:
        if name not in self._known:
            if len(self._known) >= NAMES_KEPT:
                return OTHERS
            self._known.add(name)
        return name


class Metrics:
    """Counts what an engine does, from its changes; no label ever names a run."""

    def __init__(self, engine: Condition, backlog: Backlog) -> None:
        """
        Args:
            backlog: units nobody has taken yet, in the whole fleet; called in the thread that collects.
        """
        self.registry = CollectorRegistry()
        self._chain, self._model, self._type = Bounded(), Bounded(), Bounded()
        registry = self.registry
        self._runs = Counter(
            "tinyflow_runs", "Runs this process ended.", ("chain", "status"), registry=registry
        )
        self._run_seconds = Histogram(
            "tinyflow_run_seconds", "From a run's start to its end.", ("chain", "status"),
            registry=registry, buckets=RUN_SECONDS,
        )  # fmt: skip
        labels = ("chain", "type", "status")
        self._nodes = Counter(
            "tinyflow_nodes", "Nodes, items and rounds by how they went.", labels, registry=registry
        )
        self._node_seconds = Histogram(
            "tinyflow_node_seconds", "From an attempt's start to its end.", labels,
            registry=registry, buckets=NODE_SECONDS,
        )  # fmt: skip
        self._wait = Histogram(
            "tinyflow_wait_seconds", "From a unit's being ready to its being taken, if a trigger brought it.",
            registry=registry, buckets=WAIT_SECONDS,
        )  # fmt: skip
        self._tokens = Counter(
            "tinyflow_llm_tokens", "Tokens that models read and wrote.", ("model", "direction"),
            registry=registry,
        )  # fmt: skip
        registry.register(_OfTheEngine(engine, backlog))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        engine.changes.listen(self._changed)
        engine.changes.listen_to_waits(self._waited)

    def _changed(self, change: Change) -> None:
        chain = self._chain(change.chain.partition("@")[0])
        if change.type is EventType.CHAIN_FINISHED:
            status = str(change.data["status"])
            self._runs.labels(chain, status).inc()
            if change.seconds is not None:
                self._run_seconds.labels(chain, status).observe(change.seconds)
        elif change.unit and (status := _STATUS.get(change.type) or change.data.get("status", "")):
            labels = (chain, self._type(change.node_type), str(status))
            self._nodes.labels(*labels).inc()
            if change.seconds is not None:
                self._node_seconds.labels(*labels).observe(change.seconds)
            if usage := change.data.get("usage"):
                model = self._model(str(usage.get("model", "")))
                for direction in ("input", "output"):
                    tokens = usage.get(f"{direction}_tokens") or 0
                    self._tokens.labels(model, direction).inc(tokens)

    def _waited(self, trigger: Trigger, seconds: float) -> None:
        self._wait.observe(seconds)


_STATUS = {
    EventType.NODE_RETRYING: "RETRYING",
    EventType.NODE_SUSPENDED: "SUSPENDED",
    EventType.NODE_SKIPPED: "SKIPPED",
}


class _OfTheEngine(Collector):
    """What is read when somebody asks."""

    def __init__(self, engine: Condition, backlog: Backlog) -> None:
        self._engine = engine
        self._backlog = backlog

    def collect(self) -> Iterator[Metric]:
        engine = self._engine
        yield GaugeMetricFamily("tinyflow_busy_units", "Units worked on now.", engine.busy)
        yield GaugeMetricFamily(
            "tinyflow_capacity_units", "Units worked on at once, at most.", engine.capacity
        )
        yield GaugeMetricFamily(
            "tinyflow_backlog_units", "Units of the whole fleet that nobody has taken.", self._backlog()
        )
        yield CounterMetricFamily("tinyflow_lost_leases", "Claims that others took over.", engine.lost_leases)
        messages = CounterMetricFamily("tinyflow_messages", "Messages by their fate.", labels=("fate",))
        for fate, count in {**dict.fromkeys(FATES, 0), **engine.scheduler_counts}.items():
            messages.add_metric((fate,), count)
        yield messages

    def describe(self) -> Iterator[Metric]:
        return iter(())  # what it gives is asked of the store: not at registration
