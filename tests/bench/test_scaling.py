"""The model of bench/scaling.py: its arithmetic, and that its cells are chains."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from tinyflow_nb import ChainDefinition

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture
def scaling(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(BENCH))
    yield import_module("scaling")
    for name in ("scaling", "costs"):
        sys.modules.pop(name, None)


def test_slots_limit_nodes_that_wait(scaling: ModuleType) -> None:
    node = scaling.Node(worker_us=300.0, redis_us=200.0, seconds=0.0495)
    assert scaling.forecast(node, scaling.Fleet(1, slots=8)) == (pytest.approx(160), "slots")
    assert scaling.forecast(node, scaling.Fleet(3, slots=8)) == (pytest.approx(480), "slots")


def test_a_worker_has_one_processor(scaling: ModuleType) -> None:
    node = scaling.Node(worker_us=200.0, redis_us=100.0)
    assert scaling.forecast(node, scaling.Fleet(1, slots=100)) == (5_000, "workers")


def test_then_redis_is_the_limit_and_servers_lift_it(scaling: ModuleType) -> None:
    node = scaling.Node(worker_us=200.0, redis_us=100.0)
    assert scaling.forecast(node, scaling.Fleet(8, slots=100)) == (10_000, "Redis")
    assert scaling.forecast(node, scaling.Fleet(8, slots=100, redis=2)) == (20_000, "Redis")
    assert scaling.forecast(node, scaling.Fleet(8, slots=100, redis=5)) == (40_000, "workers")


def test_workers_that_only_look_take_from_redis_however_many_they_are(scaling: ModuleType) -> None:
    node = scaling.Node(worker_us=1.0, redis_us=100.0)
    fleet = scaling.Fleet(1, slots=100_000, idle_us=2_500.0)
    assert scaling.forecast(node, fleet) == (pytest.approx(9_975), "Redis")
    assert scaling.forecast(node, fleet._replace(workers=100)) == (pytest.approx(9_950), "Redis")
    assert scaling.forecast(node, fleet._replace(workers=1_000)) == (pytest.approx(9_950), "Redis")


def test_processors_that_all_share(scaling: ModuleType) -> None:
    node = scaling.Node(worker_us=200.0, redis_us=100.0, client_us=100.0)
    assert scaling.forecast(node, scaling.Fleet(4, slots=100, cores=2)) == (5_000, "cores")


def test_messages_and_the_broker(scaling: ModuleType) -> None:
    node = scaling.Node(worker_us=200.0, redis_us=100.0, messages=0.5)
    fleet = scaling.Fleet(8, slots=100, broker=1_000)
    assert scaling.forecast(node, fleet) == (2_000, "broker")
    assert scaling.forecast(node._replace(messages=0.0), fleet).limit == "Redis"


def test_costs_by_difference(scaling: ModuleType) -> None:
    costs = import_module("costs")
    one, many = costs.Cost(*[10.0] * 7), costs.Cost(*[50.0] * 7)
    assert many.less(one, 1).part(20) == costs.Cost(*[2.0] * 7)


def test_what_is_measured_are_chains(scaling: ModuleType) -> None:
    costs = import_module("costs")
    assert len(ChainDefinition.from_source(scaling.cell(0.05), "line").nodes) == scaling.LINE
    for name, shape in costs.SHAPES.items():
        assert ChainDefinition.from_source(costs.HEAD + shape.source, "measured").nodes, name
