"""What a run tells about itself."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class EventType(StrEnum):
    CHAIN_STARTED = "chain.started"
    CHAIN_SUSPENDED = "chain.suspended"
    CHAIN_RESUMED = "chain.resumed"
    CHAIN_FINISHED = "chain.finished"
    NODE_STARTED = "node.started"
    """data `attempt`, `round` and `previous` from the second on, `worker` that has begun it; `items` of an
    `each` node, which becomes its items and runs on no worker itself."""
    NODE_OUTPUT = "node.output"
    """One streamed chunk: data `kind` (text, thinking, tool_call, tool_result, progress), `text`
    or `value`, `offset` (chunks of this attempt before it), `attempt`, `round`, `generation`; `count` of a
    text that was joined from so many."""
    NODE_LOG = "node.log"
    """data `level`, `text`, `offset`, `attempt`, `round`, `generation`."""
    NODE_RETRYING = "node.retrying"
    NODE_SUSPENDED = "node.suspended"
    NODE_SKIPPED = "node.skipped"
    NODE_FINISHED = "node.finished"
    GAP = "stream.gap"
    """Chunks before this point were trimmed: data `missing`, how many."""


@dataclass(slots=True)
class Event:
    """Lifecycle events are numbered by `seq` from 1, without gaps, in commit order; an output or
    log event carries the `seq` of the lifecycle event it follows."""

    seq: int
    type: EventType
    node: str = ""
    """Unit name: `draft`, `draft[3]`; "" for the chain's own."""
    at: float = 0.0
    data: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
