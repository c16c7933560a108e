"""SEMANTICS B 23: what an unfit worker does with wake-ups, and what a run says that nobody takes."""

from __future__ import annotations

from typing import Any

import pytest

from tinyflow_nb.engine import unfit as module
from tinyflow_nb.engine.stalled import why_unclaimed
from tinyflow_nb.engine.unfit import Unfit, why_of
from tinyflow_nb.errors import DefinitionError, NotTrusted, Problem
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.model.workers import WorkerInfo

CHAIN = ("hash", "demo")


def refused(message: str = "no") -> DefinitionError:
    return DefinitionError([Problem(3, 1, message)], "demo")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SOONEST", 0.0)


async def test_b23_a_wake_up_is_passed_on_once_at_a_time_and_not_for_ever(
    wait_until: Any, at_once: None
) -> None:
    sent: list[Trigger] = []
    unfit = Unfit(sent.extend)
    unfit.mark("r", CHAIN, refused())
    trigger = Trigger("r", 1, "a")
    for number in range(1, module.PASSES + 1):
        unfit.pass_on(trigger)
        unfit.pass_on(trigger)  # the sweep brings it too
        await wait_until(lambda n=number: len(sent) == n)
    unfit.pass_on(trigger)
    unfit.close()
    assert len(sent) == module.PASSES, "it may be of the past: who comes next finds it by the sweep"


async def test_b23_what_waits_to_be_passed_on_is_sent_at_the_end() -> None:
    sent: list[Trigger] = []
    unfit = Unfit(sent.extend)
    unfit.pass_on(Trigger("r", 1, "a"))
    unfit.close()
    assert sent == [Trigger("r", 1, "a")]


def test_b23_it_knows_the_chain_of_further_runs_and_keeps_a_bounded_number() -> None:
    unfit = Unfit(lambda _: None)
    unfit.mark("r0", CHAIN, refused())
    assert unfit.add("r1", CHAIN)
    assert not unfit.add("r2", ("hash", "another name"))
    assert (unfit.has("r1"), unfit.has("r2")) == (True, False)
    for number in range(module.CHAINS + 10):
        unfit.mark(f"run{number}", (str(number), "demo"), refused())
    for number in range(module.RUNS + 10):
        unfit.add(f"again{number}", ("100", "demo"))
    assert len(unfit.reasons) == module.CHAINS
    assert not unfit.has("r1")
    unfit.fit("again4000")
    assert "100" not in unfit.reasons


def test_b23_the_reason_is_short() -> None:
    error = refused("the package 'pandas' is not installed here")
    error.__cause__ = ModuleNotFoundError("No module", name="pandas.io")
    assert why_of(error) == "pandas is missing"
    assert why_of(refused("needs Python 3.12")) == "line 3: needs Python 3.12"
    assert why_of(NotTrusted("nobody signed it", remedy="trust it")) == "nobody signed it"


def worker(name: str, tags: tuple[str, ...] = (), busy: int = 0, **unfit: str) -> WorkerInfo:
    return WorkerInfo(name, "h", 1, 0.0, 0.0, tags, 4, busy, "1", "3.12", "redis", unfit)


@pytest.mark.parametrize(
    ("tags", "workers", "why"),
    [
        ((), [], "no worker is alive"),
        (("eu", "gpu"), [worker("w1"), worker("w2", ("gpu",))], "no worker carries eu and gpu"),
        ((), [worker("w1", h="pandas is missing")], "pandas is missing on w1"),
        (("gpu",), [worker("w1", ("gpu",), h="no x"), worker("w2", h="no y")], "no x on w1"),
        ((), [worker("w1", busy=4), worker("w2", h="no")], "every worker that may run it is busy"),
        ((), [worker("w1", busy=3)], "it waits for a worker's next look"),
        (
            (),
            [worker(f"w{i}", h="no") for i in range(5)],
            "no on w0; no on w1; no on w2; and 2 more workers can't run it",
        ),
    ],
)
def test_b23_why_nobody_takes_a_unit(tags: tuple[str, ...], workers: list[WorkerInfo], why: str) -> None:
    assert why_unclaimed(tags, "h", workers) == why
