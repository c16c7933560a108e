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
    ChildrenClosed,
    ChildTold,
    Commit,
    Delegate,
    End,
    Expand,
    HandBack,
    NewRun,
    NextRound,
    ParentTold,
    Park,
    Reopen,
    Settle,
    Start,
    Step,
)
from tinyflow_nb.model.lanes import Carried
from tinyflow_nb.model.shape import NodeShape, Shape
from tinyflow_nb.model.status import Status
from tinyflow_nb.stores.redis.large import LARGE, Large

NUMBERS = {status: number for number, status in enumerate(Status, 1)}
STATUSES = (Status.READY, *Status)
"""By number, from 1."""

MONITOR_LEVELS: dict[str, int] = {"off": 0, "runs": 1, "nodes": 2}

dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def new_run(new: NewRun, shape: list[Any], large: Large) -> list[Any]:
    """Arguments of `create` from the sixth on; `shape` as `shape_arguments` gives it."""
    most = new.context.get("max_concurrency")
    inputs = large.stored(new.inputs)
    return [
        new.worker, new.want, new.lease, dumps(new.context), inputs,
        "" if new.deadline is None else new.deadline, "" if most is None else most,
        new.chain, new.definition, carried(new.tags), MONITOR_LEVELS[new.context.get("monitor", "off")],
        "1" if new.context.get("parent") else "", *large.arguments(), *shape,
    ]  # fmt: skip


def shape_arguments(shape: Shape) -> list[Any]:
    found: list[Any] = [len(shape.entry), *shape.entry]
    for id, node in shape.nodes.items():
        found += (id, _node(node))
    return found


def _node(node: NodeShape) -> str:
    return dumps([
        node.edges, node.data, int(node.any), int(node.judged), node.handles, node.reads, node.orders,
        sorted(set(node.tags)),
    ])  # fmt: skip


def commit(commit: Commit, large: Large) -> list[Any]:
    """Arguments of `commit` from the sixth on."""
    steps: list[Any] = []
    for step in commit.steps:
        args = _ENCODE[step[0]](_referring(step, large))
        steps += (step[0], len(args), *args)
    return [
        commit.generation, commit.worker, commit.want, commit.lease, carried(commit.tags),
        *large.arguments(), *steps,
    ]  # fmt: skip


def carried(tags: Carried) -> str:
    """A worker's tags as the scripts look for one among them."""
    return "*" if tags is None else f"|{'|'.join(tags)}|" if tags else ""


def _referring(step: Step, large: Large) -> Step:
    """The step with references for its large values."""
    if isinstance(step, Settle | Answer | NextRound | ChildTold):
        if step.value is not None and len(step.value) >= LARGE:
            return step._replace(value=large.stored(step.value))
    elif isinstance(step, Delegate):
        return step._replace(request=large.stored(step.request))
    elif isinstance(step, Expand):
        return step._replace(items=tuple(large.stored(item) for item in step.items))
    return step


def _arrivals(arrivals: tuple[Arrival, ...]) -> list[Any]:
    out: list[Any] = []
    for target, source, verdict, data in arrivals:
        out += (target, source, verdict, "1" if data else "0")
    return out


def _settle(step: Settle) -> tuple[Any, ...]:
    info = step.info
    return (
        step.unit, step.token, NUMBERS[step.status], step.value or "",
        dumps(info) if info else "", info.get("handled_by", "") if info else "",
        "" if step.fails_run is None else dumps(step.fails_run), step.via, *_arrivals(step.arrivals),
    )  # fmt: skip


def _start(step: Start) -> tuple[Any, ...]:
    return step.unit, step.token


def _park(step: Park) -> tuple[Any, ...]:
    return step.unit, step.token, dumps(step.waiting_for), step.due


def _answer(step: Answer) -> tuple[Any, ...]:
    who = dumps({"who": step.who, "answer_id": step.answer_id})
    rounds = "more" if step.repeat else "exhausted" if step.exhausted else ""
    return step.unit, step.round, step.value, who, rounds, *_arrivals(step.arrivals)


def _delegate(step: Delegate) -> tuple[Any, ...]:
    return step.unit, step.token, step.child, step.request, step.due


def _child(step: ChildTold) -> tuple[Any, ...]:
    return (
        step.unit, step.seq, step.child, step.generation, NUMBERS[step.status], step.value or "",
        dumps(step.info) if step.info else "", "1" if step.ready else "", *_arrivals(step.arrivals),
    )  # fmt: skip


def _told(step: ParentTold) -> tuple[Any, ...]:
    return "", 0, step.seq


def _closed(_: ChildrenClosed) -> tuple[Any, ...]:
    return "", 0


def _again(step: Again) -> tuple[Any, ...]:
    return step.unit, step.token, step.due, dumps(step.error)


def _expand(step: Expand) -> tuple[Any, ...]:
    return step.unit, step.token, step.window, *step.items


def _round(step: NextRound) -> tuple[Any, ...]:
    return step.unit, step.token, step.value


def _hand_back(step: HandBack) -> tuple[Any, ...]:
    return step.unit, step.token


def _end(step: End) -> tuple[Any, ...]:
    return "", 0, NUMBERS[step.status], dumps(step.error) if step.error else ""


def _reopen(step: Reopen) -> tuple[Any, ...]:
    return "", 0, "" if step.deadline is None else step.deadline


_ENCODE: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "settle": _settle, "start": _start, "park": _park, "answer": _answer, "again": _again,
    "expand": _expand, "round": _round, "handback": _hand_back, "end": _end, "reopen": _reopen,
    "delegate": _delegate, "child": _child, "told": _told, "closed": _closed,
}  # fmt: skip
