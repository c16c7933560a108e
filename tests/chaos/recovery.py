"""How long what a fault hit stood still."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from tests.chaos.faults import Done
from tests.chaos.ledger import Execution, Ledger
from tests.chaos.load import Run
from tinyflow_nb import Event

SETTLED = ("node.finished", "node.skipped", "node.retrying")


class Recovered(NamedTuple):
    """Seconds, over all that was hit by one kind of fault."""

    median: float
    worst: float
    what: str
    """The unit or run that took longest."""


def recovered(
    faults: Sequence[Done], runs: Sequence[Run], events: Mapping[str, list[Event]], ledger: Ledger
) -> dict[str, Recovered]:
    """By kind of fault; a kind that hit nothing is left out.

    After a worker was killed or paused: from then until each unit it was executing began again elsewhere,
    or was committed. After anything else: from when it was over until each run it found at work moved on.
    """
    executions = ledger.executions()
    found: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for fault in faults:
        if fault.kind in ("kill", "pause"):
            found[fault.kind] += _units_taken_up(fault, executions, events)
        else:
            found[fault.kind] += _runs_moving_on(fault, runs, events)
    return {
        kind: Recovered(median(seconds for seconds, _ in times), *max(times))
        for kind, times in found.items()
        if times
    }


def _units_taken_up(
    fault: Done, executions: Sequence[Execution], events: Mapping[str, list[Event]]
) -> Iterator[tuple[float, str]]:
    for hit in executions:
        if hit.pid not in fault.pids or not hit.began <= fault.at < hit.ended:
            continue
        run, unit = hit.unit
        told = events.get(run, [])
        settled = [e.at for e in told if e.node == unit and e.type in SETTLED and e.at > fault.at]
        again = [e.began for e in executions if e.key == hit.key and e.began > fault.at]
        over = [e.at for e in told if e.type == "chain.finished" and e.at > fault.at]
        if first := min([*settled, *again, *over], default=0.0):
            yield first - fault.at, hit.key


def _runs_moving_on(
    fault: Done, runs: Sequence[Run], events: Mapping[str, list[Event]]
) -> Iterator[tuple[float, str]]:
    for run in runs:
        times = [e.at for e in events.get(run.id, ())]
        if run.shape.is_measured and times and times[0] < fault.back < times[-1]:
            yield times[bisect.bisect_right(times, fault.back)] - fault.back, run.id
