"""ChainState and NodeState: one run as it is read. Made from a store, never written back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from tinyflow_nb.model.status import Status


@dataclass(slots=True)
class NodeState:
    """One node of one run; with `each`, its items are in `items`."""

    id: str
    status: Status = Status.READY
    output: Any = None
    """The output as plain JSON; None until there is one."""
    attempts: int = 0
    error: dict[str, Any] | None = None
    """`type`, `message`, `attempt`, `line`, `traceback` (the cell's frames), for a model `answer`."""
    reason: str = ""
    """Why it was skipped; of a fleet's run also why no worker has taken it for long."""
    handled_by: str = ""
    waiting_for: dict[str, Any] | None = None
    """`message`, `schema` (JSON Schema of the answer), `initial`."""
    answered_by: dict[str, Any] | None = None
    """`who`, `at`, `answer_id`."""
    items: list[NodeState] | None = None
    round: int = 1
    exhausted: bool = False
    child: str = ""
    """Run id of the child chain."""
    usage: dict[str, Any] | None = None
    cached: bool = False
    worker: str = ""
    started_at: float | None = None
    """Unix seconds."""
    finished_at: float | None = None


@dataclass(slots=True)
class ChainState:
    """One run; `id` is the instance id."""

    id: str
    chain: str
    """`name@3`, or `name@#1f2e3d4c` for an unpublished definition."""
    definition_hash: str
    status: Status = Status.READY
    inputs: dict[str, Any] = field(default_factory=dict)
    result: Any = None
    error: dict[str, Any] | None = None
    """`type`, `message`, `node`, `attempt`, `line`."""
    parent: str = ""
    """`run/unit` of the chain node that started it, or ""."""
    root: str = ""
    generation: int = 1
    nodes: dict[str, NodeState] = field(default_factory=dict)
    created_at: float = 0.0
    finished_at: float | None = None
    deadline_at: float | None = None
    seq: int = 0
    """The newest lifecycle event's."""
    below: dict[str, NodeState] = field(default_factory=dict)
    """The units of its children that wait for a person, by their path (`sub/approval`)."""

    def units(self) -> list[NodeState]:
        """Its nodes, each followed by its items."""
        return [unit for node in self.nodes.values() for unit in (node, *(node.items or ()))]

    def waiting(self) -> dict[str, NodeState]:
        """The units that wait for a person, by their name (`approval`, `approval[3]`) or, in a child, by
        their path (`sub/approval`)."""
        found = dict(self.below)
        for unit in self.units():
            if unit.waiting_for is not None and unit.status is Status.SUSPENDED:
                found[unit.id] = unit
        return found

    def stalled(self) -> dict[str, str]:
        """The units that no worker has taken for long, by their name, and why."""
        return {
            unit.id: unit.reason
            for node in self.nodes.values()
            for unit in (node, *(node.items or ()))
            if unit.status is Status.READY and unit.reason
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


@dataclass(slots=True)
class RunSummary:
    """One row of `runs()`."""

    id: str
    chain: str
    status: Status
    created_at: float
    finished_at: float | None = None
    waiting: int = 0
    """Open forms."""
    parent: str = ""
    error: str = ""
    orphaned: bool = False
    """It is live, but no living process executes it: attach to continue (SEMANTICS 21)."""


@dataclass(slots=True)
class RunPage:
    """`next` is the cursor of the following page, "" on the last."""

    runs: list[RunSummary]
    next: str = ""


class RunCounts(NamedTuple):
    """How many runs there are, without those that others delegated to."""

    by: dict[tuple[str, Status], int]
    """By chain, as ChainState names it, and status; only what occurs."""
    complete: bool
    """Whether all were counted, not only the newest."""


class RunHeader(NamedTuple):
    """What an executor must know to work on a run."""

    run: str
    chain: str
    definition: str
    status: Status
    generation: int
    inputs: str
    deadline: float | None
    context: dict[str, Any]
    error: dict[str, Any] | None
    seq: int
    created_at: float
