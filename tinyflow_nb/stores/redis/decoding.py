"""What a script answers: outcomes, events, and the image of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from tinyflow_nb.model.commit import ChildEnd, Claim, NewRun, Outcome, RawEvent
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.shape import Shape
from tinyflow_nb.model.state import RunHeader, RunSummary
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import Trigger, node_of
from tinyflow_nb.stores.redis.encoding import STATUSES
from tinyflow_nb.stores.redis.large import REFERENCE, is_reference
from tinyflow_nb.stores.run_image import RunImage
from tinyflow_nb.stores.unit import Child, Unit

_TYPES = {str(type): type for type in EventType}
_VALUE_OF = {EventType.NODE_FINISHED: "output", EventType.NODE_STARTED: "previous"}
"""The key of an event's data whose JSON text follows the data, on a line of its own."""


class LazyEvents(Sequence[RawEvent]):
    """A commit's events, made when somebody looks at them."""

    __slots__ = ("_at", "_flat", "_last", "_texts")

    def __init__(self, last: int, at: str, flat: list[str]) -> None:
        """
        Args:
            last: seq of the last event.
            flat: name and data of each.
        """
        self._texts: Mapping[str, str] = {}
        self._last = last
        self._at = at
        self._flat = flat

    def references(self) -> list[str]:
        return [r for text in self._flat[1::2] if is_reference(r := text[-REFERENCE:])]

    def resolve(self, texts: Mapping[str, str]) -> LazyEvents:
        """By reference, the texts of what `references` gave."""
        self._texts = texts
        return self

    def __len__(self) -> int:
        return len(self._flat) // 2

    def __iter__(self) -> Iterator[RawEvent]:
        flat, at = self._flat, float(self._at)
        seq = self._last - len(self)
        for i in range(0, len(flat), 2):
            seq += 1
            yield raw_event(seq, at, flat[i], flat[i + 1], self._texts)

    @overload
    def __getitem__(self, index: int) -> RawEvent: ...
    @overload
    def __getitem__(self, index: slice) -> list[RawEvent]: ...
    def __getitem__(self, index: int | slice) -> RawEvent | list[RawEvent]:
        return list(self)[index]


def raw_event(seq: int, at: float, name: str, text: str, texts: Mapping[str, str]) -> RawEvent:
    type_name, _, unit = name.partition(" ")
    type = _TYPES[type_name]
    head, _, value = text.partition("\n")
    data: dict[str, Any] = json.loads(head)
    if type is EventType.NODE_SKIPPED:
        data = {"reason": data.get("reason", "")}
    elif type is EventType.NODE_FINISHED or value:
        data[_VALUE_OF[type]] = texts.get(value, value) or None
    return seq, type, unit, at, data


def stored_events(entries: list[Any]) -> list[LazyEvents]:
    """From entries of the run's stream: one for each commit."""
    return [
        LazyEvents(int(id.partition("-")[0]), fields[1].partition(" ")[0], fields[2:])
        for id, fields in entries
    ]


def outcome_of(run: str, generation: int, reply: list[Any]) -> Outcome:
    """Values are as the store keeps them: large ones are references still."""
    seq, status, at, claims, triggers, events = reply
    return Outcome(
        seq, STATUSES[status],
        tuple([_claim(run, generation, c) for c in claims]) if claims else (),
        tuple([trigger_of(run, generation, t) for t in triggers]) if triggers else (),
        LazyEvents(seq, at, events),
    )  # fmt: skip


def _claim(run: str, generation: int, reply: list[Any]) -> Claim:
    unit, token, attempt, round, dead, overdue, deaths, reads, *rest = reply
    values = dict(zip(reads[::2], reads[1::2], strict=True))
    if not rest:
        return Claim(
            run, generation, unit, token, attempt, round, values, None, None, None, None, dead, bool(overdue),
            deaths,
        )  # fmt: skip
    item, previous, handled, gather, *child = rest
    error = json.loads(handled).get("error") if handled else None
    gathered = None if gather is None else tuple(gather)
    return Claim(
        run, generation, unit, token, attempt, round, values, item, previous, gathered, error, dead,
        bool(overdue), deaths, _child_end(child[0]) if child else None,
    )  # fmt: skip


def _child_end(reply: list[Any]) -> ChildEnd:
    generation, status, value, info, fresh = reply
    return ChildEnd(generation, STATUSES[status], value, json.loads(info) if info else None, bool(fresh))


def trigger_of(run: str, generation: int, reply: list[Any]) -> Trigger:
    unit, attempt, kind, due, tags = reply
    return Trigger(run, generation, unit, attempt, kind, float(due), tuple(tags))


# ------------------------------------------------------------------ a run as it is read


def header_of(run: str, reply: list[Any]) -> RunHeader:
    """`inputs` may be a reference still."""
    meta, context, chain, definition, inputs, created, *_ = reply
    facts = _facts(meta)
    error = facts.get("error")
    return RunHeader(
        run, chain, definition, STATUSES[int(facts["st"])], int(facts["gen"]), inputs,
        _float(facts, "deadline"), json.loads(context), json.loads(error) if error else None,
        int(facts["seq"]), float(created),
    )  # fmt: skip


def image_of(run: str, reply: list[Any], shape: Shape) -> RunImage:
    """The image that the embedded stores would hold of the run; values may be references still."""
    meta, _, _, _, _, created, units, forms, outputs = reply
    header = header_of(run, reply)
    facts = _facts(meta)
    new = NewRun(run, header.definition, header.chain, header.inputs, header.deadline, header.context)
    image = RunImage(new, shape, float(created))
    image.status = header.status
    image.generation = header.generation
    image.error = header.error
    image.deadline = header.deadline
    image.finished_at = _float(facts, "ended")
    image.seq = header.seq
    image.parked = int(facts["parked"])
    image.untold = int(facts.get("untold", 0))
    image.closing = int(bool(facts.get("closing")))
    waiting_for = dict(_pairs(forms))
    values = dict(_pairs(outputs))
    found = [(name, _facts(unit)) for name, unit in _pairs(units)]
    found.sort(key=lambda unit: ("[" in unit[0], float(unit[1].get("since", 0)), unit[0]))
    for name, unit in found:  # items behind their nodes, the outbox oldest first
        _put(image, name, unit, waiting_for, values)
    return image


def summary_of(row: list[Any]) -> RunSummary:
    _, id, chain, status, created, ended, parked, context, error = row
    return RunSummary(
        id, chain, STATUSES[status], float(created), float(ended) if ended else None, parked,
        json.loads(context).get("parent", ""), json.loads(error).get("message", "") if error else "",
    )  # fmt: skip


def _put(
    image: RunImage, name: str, facts: dict[str, Any], forms: dict[str, str], values: dict[str, str]
) -> None:
    node = node_of(name)
    is_item = node != name
    parent = image.units[node] if is_item else None
    index = int(name[len(node) + 1 : -1]) if is_item else 0
    unit = Unit(
        name, image.shape.nodes[node], int(facts.get("edges", 0)), int(facts.get("data", 0)), parent, index
    )
    unit.status = STATUSES[int(facts["st"])]
    unit.dead = facts.get("dead", "")
    unit.winner = facts.get("winner", "")
    unit.token = int(facts.get("token", 0))
    unit.worker = facts.get("worker", "")
    unit.expires = float(facts.get("till", 0))
    unit.deaths = int(facts.get("deaths", 0))
    unit.attempt = int(facts.get("try", 0))
    unit.round = int(facts.get("round", 1))
    unit.judged = bool(facts.get("judged"))
    unit.due = float(facts.get("due", 0))
    unit.since = float(facts.get("since", 0))
    unit.value = values.get(name)
    unit.info = json.loads(facts["info"]) if "info" in facts else None
    unit.waiting_for = json.loads(forms[name]) if name in forms else None
    if "kid" in facts:
        kid = _facts(facts["kid"])
        unit.child = Child(kid["id"], "")
        unit.child.status = STATUSES[int(kid["st"])]
        unit.child.fresh = bool(kid.get("fresh"))
    unit.item_values = ("",) * int(facts["items"]) if "items" in facts else None
    unit.items_next = int(facts.get("next", 0))
    unit.items_left = int(facts.get("open", 0))
    unit.started_at = _float(facts, "began")
    unit.finished_at = _float(facts, "ended")
    image.units[name] = unit
    if unit.status is Status.READY and facts.get("out"):
        image.ready[name] = unit


def _facts(flat: list[Any]) -> dict[str, Any]:
    return dict(_pairs(flat))


def _pairs(flat: list[Any]) -> Iterator[tuple[str, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _float(facts: dict[str, Any], name: str) -> float | None:
    text = facts.get(name)
    return None if text is None else float(text)


def batches_of(entries: list[Any]) -> Iterator[tuple[int, int, str]]:
    """Of chunks: the first one's position, how many, and their text."""
    for id, fields in entries:
        last, _, count = id.partition("-")
        yield int(last) - int(count), int(count), fields[1]
