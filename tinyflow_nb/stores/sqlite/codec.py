"""Journal rows: what changed a run, as JSON.

A row is `["new", at, <NewRun>]`, `["commit", at, <Commit>]` or `["take", at, unit, worker, lease]`; the
first two are without tags if they were written before there were any.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json

from tinyflow_nb.model.commit import (
    STEPS,
    Answer,
    Arrival,
    ChildTold,
    Commit,
    End,
    Expand,
    NewRun,
    Settle,
    Step,
)
from tinyflow_nb.model.status import Status
from tinyflow_nb.stores.run_image import RunImage

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def row_of_new(new: NewRun, at: float) -> str:
    return encode(("new", at, new))


def row_of_commit(commit: Commit, at: float) -> str:
    return encode(("commit", at, commit.steps, commit.worker, commit.want, commit.lease, commit.tags))


def row_of_take(unit: str, worker: str, lease: float, at: float) -> str:
    return encode(("take", at, unit, worker, lease))


def new_of(row: str) -> tuple[NewRun, float]:
    _, at, new = from_json(row)
    before_tags = len(new) < len(NewRun._fields)
    return NewRun(*new, *((),) * before_tags), at


def replay(image: RunImage, row: str) -> None:
    """Change an image by a journal row, as it was changed when the row was written."""
    kind, at, *rest = from_json(row)
    if kind == "take":
        unit, worker, lease = rest
        outcome = image.take_one(image.units[unit], worker, lease, at)
    else:
        steps, worker, want, lease, *carried = rest
        tags = carried[0] if carried else ()
        commit = Commit(
            image.new.run, image.generation, tuple(_step(s) for s in steps), worker, want, lease, tags
        )
        outcome = image.apply(commit, at)
    image.events = list(outcome.events)  # for who reads them: these, and those of the rows before


def _step(fields: list[Any]) -> Step:
    step = STEPS[fields[0]](*fields)
    if type(step) is Settle:
        return step._replace(status=Status(step.status), arrivals=_arrivals(step.arrivals))
    if type(step) is Answer:
        return step._replace(arrivals=_arrivals(step.arrivals))
    if type(step) is ChildTold:
        return step._replace(status=Status(step.status), arrivals=_arrivals(step.arrivals))
    if type(step) is End:
        return step._replace(status=Status(step.status))
    if type(step) is Expand:
        return step._replace(items=tuple(step.items))
    return step  # type: ignore[no-any-return]


def _arrivals(fields: Any) -> tuple[Arrival, ...]:
    return tuple(Arrival(*a) for a in fields)
