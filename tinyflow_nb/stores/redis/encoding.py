"""What a script is told: a run's first facts, and the steps of a Commit, as plain arguments.

Numbers and texts only; JSON is made here and never read there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tinyflow_nb.model.commit import (
    Again,
    Answer,
    Arrival,
    Commit,
    End,
    Expand,
    HandBack,
    NewRun,
    NextRound,
    Park,
    Reopen,
    Settle,
    Start,
    Step,
)
from tinyflow_nb.model.shape import NodeShape, Shape
from tinyflow_nb.model.status import Status
from tinyflow_nb.stores.redis.large import LARGE, Large

NUMBERS = {status: number for number, status in enumerate(Status, 1)}
STATUSES = (Status.READY, *Status)
"""By number, from 1."""

dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def new_run(new: NewRun, shape: list[Any], large: Large) -> list[Any]:
    """Arguments of `create` from the sixth on; `shape` as `shape_arguments` gives it."""
    most = new.context.get("max_concurrency")
    inputs = large.stored(new.inputs)
    return [
        new.worker, new.want, new.lease, dumps(new.context), inputs,
        "" if new.deadline is None else new.deadline, "" if most is None else most,
        new.chain, new.definition, *large.arguments(), *shape,
    ]  # fmt: skip


def shape_arguments(shape: Shape) -> list[Any]:
    found: list[Any] = [len(shape.entry), *shape.entry]
    for id, node in shape.nodes.items():
        found += (id, _node(node))
    return found


def _node(node: NodeShape) -> str:
    return dumps([
        node.edges, node.data, int(node.any), int(node.judged), node.handles, node.reads, node.orders,
        node.tags,
    ])  # fmt: skip


def commit(commit: Commit, large: Large) -> list[Any]:
    """Arguments of `commit` from the sixth on."""
    steps: list[Any] = []
    for step in commit.steps:
        _ENCODE[step[0]](_referring(step, large), steps)
    return [commit.generation, commit.worker, commit.want, commit.lease, *large.arguments(), *steps]


def _referring(step: Step, large: Large) -> Step:
    """The step with references for its large values."""
    if isinstance(step, Settle | Answer | NextRound):
        if step.value is not None and len(step.value) >= LARGE:
            return step._replace(value=large.stored(step.value))
    elif isinstance(step, Expand):
        return step._replace(items=tuple(large.stored(item) for item in step.items))
    return step


def _arrivals(arrivals: tuple[Arrival, ...], out: list[Any]) -> None:
    out.append(len(arrivals))
    for target, source, verdict, data in arrivals:
        out += (target, source, verdict, "1" if data else "0")


def _settle(step: Settle, out: list[Any]) -> None:
    info = step.info
    out += (
        "settle", step.unit, step.token, NUMBERS[step.status],
        "" if step.value is None else step.value,
        dumps(info) if info else "", info.get("handled_by", "") if info else "",
        dumps(step.fails_run) if step.fails_run is not None else "", step.via,
    )  # fmt: skip
    _arrivals(step.arrivals, out)


def _start(step: Start, out: list[Any]) -> None:
    out += ("start", step.unit, step.token)


def _park(step: Park, out: list[Any]) -> None:
    out += ("park", step.unit, step.token, dumps(step.waiting_for), step.due)


def _answer(step: Answer, out: list[Any]) -> None:
    who = dumps({"who": step.who, "answer_id": step.answer_id})
    out += ("answer", step.unit, step.round, step.value, who, "1" if step.repeat else "0")
    _arrivals(step.arrivals, out)


def _again(step: Again, out: list[Any]) -> None:
    out += ("again", step.unit, step.token, step.due, dumps(step.error))


def _expand(step: Expand, out: list[Any]) -> None:
    out += ("expand", step.unit, step.token, step.window, len(step.items))
    out += step.items


def _round(step: NextRound, out: list[Any]) -> None:
    out += ("round", step.unit, step.token, step.value)


def _hand_back(step: HandBack, out: list[Any]) -> None:
    out += ("handback", step.unit, step.token)


def _end(step: End, out: list[Any]) -> None:
    out += ("end", NUMBERS[step.status], dumps(step.error) if step.error else "")


def _reopen(step: Reopen, out: list[Any]) -> None:
    out += ("reopen", "" if step.deadline is None else step.deadline)


_ENCODE: dict[str, Callable[[Any, list[Any]], None]] = {
    "settle": _settle, "start": _start, "park": _park, "answer": _answer, "again": _again,
    "expand": _expand, "round": _round, "handback": _hand_back, "end": _end, "reopen": _reopen,
}  # fmt: skip
