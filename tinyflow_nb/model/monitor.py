"""What a fleet tells the outside about its runs (SEMANTICS 30): one message, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from tinyflow_nb.model.commit import RawEvent
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.status import Status

MonitorLevel = Literal["off", "runs", "nodes"]


class MonitorError(BaseModel):
    """Why a run or a node failed, in short; `executor.state` has the rest."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    type: str
    """The exception's name."""
    message: str
    node: str = ""
    """Of a run: the unit that failed it."""
    line: int = 0
    """Of the cell; 0 if there is none."""


class MonitorChange(BaseModel):
    """One change of a run's status, or of a node's."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    seq: int
    """Numbers the run's events; it grows within a run, with gaps where an event is not told."""
    type: EventType
    """`chain.*` or `node.*`, as in `executor.events`."""
    node: str = ""
    """`draft`, `draft[3]`; "" for the run's own."""
    at: float
    """Unix seconds."""
    status: Status
    """The run's from here on, or the node's."""
    attempt: int = 0
    """Of the node, from 1; 0 where that says nothing."""
    reason: str = ""
    """Why a node was skipped."""
    error: MonitorError | None = None


class MonitorMessage(BaseModel):
    """Some changes of one run, in order. Sent at least once: a change that was seen before has a `seq`
    that was seen before."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    version: Literal[1]
    """Of this schema. Fields may be added to it; whatever else changes makes it another version."""
    run: str
    chain: str
    """`name@3`, or `name@#1f2e3d4c` if it is not published."""
    changes: tuple[MonitorChange, ...]


class Unsent(NamedTuple):
    """What of a run's events the outside was not told yet."""

    run: str
    chain: str
    last: int
    """Once it is told, all up to this seq is."""
    events: Sequence[RawEvent]
    """Those it is to be told, without the nodes' values; may be none."""
