"""An image, or its events, as readers see them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinyflow_nb.model.commit import VALUES_OF_EVENTS, RawEvent
from tinyflow_nb.model.events import Event
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb.model.status import TERMINAL, Status
from tinyflow_nb.stores.run_image import RunImage
from tinyflow_nb.stores.unit import Unit

Resolve = Callable[[str | None], str | None]
"""From a value as the image holds it to its JSON text (a store may keep large ones apart)."""


def state_of(image: RunImage, *, outputs: bool = True, resolve: Resolve = lambda v: v) -> ChainState:
    """The whole run; without `outputs` no value is read."""
    new = image.new
    ended = image.status in TERMINAL
    nodes = {
        id: _node_state(image, id, image.units.get(id), ended, outputs, resolve) for id in image.shape.nodes
    }
    state = ChainState(
        id=new.run,
        chain=new.chain,
        definition_hash=new.definition,
        status=image.status,
        inputs=json.loads(resolve(new.inputs) or "{}"),
        error=image.error,
        parent=new.context.get("parent", ""),
        root=new.context.get("root", "") or new.run,
        generation=image.generation,
        nodes=nodes,
        created_at=image.created_at,
        finished_at=image.finished_at,
        deadline_at=image.deadline,
        seq=image.seq,
    )
    if image.status is Status.SUCCEEDED and outputs:
        ids = image.shape.results
        state.result = result_of(ids, {id: resolve(image.value(id)) for id in ids})
    return state


def result_of(ids: Sequence[str], values: Mapping[str, str | None]) -> Any:
    """SEMANTICS 6: one node gives its output, several a dict of those that succeeded.

    Args:
        values: JSON text of their outputs, None for those without.
    """
    if len(ids) == 1:
        return json.loads(values[ids[0]] or "null")
    return {id: json.loads(text) for id in ids if (text := values[id]) is not None} or None


def _node_state(
    image: RunImage, name: str, unit: Unit | None, ended: bool, outputs: bool, resolve: Resolve
) -> NodeState:
    if unit is None:
        return NodeState(id=name, status=Status.CANCELLED if ended else Status.READY)
    info = unit.info or {}
    unsettled = unit.status not in TERMINAL
    state = NodeState(
        id=name,
        status=Status.CANCELLED if ended and unsettled else unit.status,
        attempts=unit.attempt,
        error=info.get("error"),
        reason=info.get("reason", ""),
        handled_by=info.get("handled_by", ""),
        waiting_for=unit.waiting_for,
        answered_by=info.get("answered_by"),
        round=unit.round,
        exhausted=info.get("exhausted", False),
        child=unit.child.id if unit.child else "",
        usage=info.get("usage"),
        cached=info.get("cached", False),
        worker=unit.worker if unit.status is Status.RUNNING or not unsettled else "",
        started_at=unit.started_at,
        finished_at=unit.finished_at,
    )
    if not (ended and unsettled) and unit.status is Status.RUNNING and not unit.judged and unit.shape.judged:
        state.status = Status.READY  # claimed to be judged: it may yet be skipped
    if outputs and unit.value is not None and unit.status is Status.SUCCEEDED:
        state.output = json.loads(resolve(unit.value) or "null")
    if unit.item_values is not None:
        items = (image.units.get(f"{name}[{i}]") for i in range(len(unit.item_values)))
        state.items = [
            _node_state(image, f"{name}[{i}]", item, ended, outputs, resolve) for i, item in enumerate(items)
        ]
    return state


def event_of(raw: RawEvent, resolve: Resolve = lambda v: v) -> Event:
    """A lifecycle event with its output as plain JSON."""
    seq, type, node, at, data = raw
    for key in VALUES_OF_EVENTS:
        text = data.get(key)
        if text is not None:
            data = {**data, key: json.loads(resolve(text) or "null")}
    return Event(seq, type, node, at, data)
