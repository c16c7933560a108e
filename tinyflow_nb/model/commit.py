"""What the reducer asks of a store, and what the store answers.

A Commit is a tuple of steps, applied together or not at all. Values travel as JSON text, so a
store never parses a user's data. `token` is the claim's fencing token: a step whose token is not
the unit's current one is refused, and the Commit with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.lanes import Carried
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import Trigger

Verdict = Literal[0, 1, 2]
"""0: the source succeeded. 1: it was skipped. 2: it was skipped and the target can't do without."""


class Arrival(NamedTuple):
    """One edge's verdict, counted at its target. The order of arrivals never matters."""

    target: str
    source: str
    verdict: Verdict
    data: bool = True


class Settle(NamedTuple):
    """A unit ends. An item's settles count at its node; a node's at its successors."""

    kind: Literal["settle"]
    unit: str
    token: int
    status: Status
    value: str | None = None
    info: dict[str, Any] | None = None
    """What a reader is told: error, reason, usage, handled_by, exhausted, cached."""
    arrivals: tuple[Arrival, ...] = ()
    fails_run: dict[str, Any] | None = None
    """The run's error, if this ends the run FAILED."""
    via: str = ""
    """The unit whose token guards this step, if it is not the unit itself: an item that ends its
    node."""


class Start(NamedTuple):
    """A unit claimed to be judged does run."""

    kind: Literal["start"]
    unit: str
    token: int


class Park(NamedTuple):
    """A unit waits for somebody outside and holds no worker."""

    kind: Literal["park"]
    unit: str
    token: int
    waiting_for: dict[str, Any]
    due: float = 0.0
    """When its time to answer is over; 0: never."""


class Answer(NamedTuple):
    """The first valid answer settles a parked unit (SEMANTICS 16)."""

    kind: Literal["answer"]
    unit: str
    value: str
    answer_id: str
    who: str
    arrivals: tuple[Arrival, ...] = ()
    repeat: bool = False
    """`until` wants another round."""
    round: int = 1
    """The round whose form was answered; an answer to another is refused."""
    exhausted: bool = False
    """`until` wants another round, and there is none left."""


class Delegate(NamedTuple):
    """A unit waits for a child run, and holds no worker. It begins its first attempt if it was claimed
    to be judged."""

    kind: Literal["delegate"]
    unit: str
    token: int
    child: str
    """Id of the child run."""
    request: str
    """JSON text of what the child is made from, should it not be there: see `engine.nesting`."""
    due: float = 0.0
    """When its time to end is over; 0: never."""


class ChildTold(NamedTuple):
    """Where the child of a delegated unit stands. SUCCEEDED settles the unit; FAILED and CANCELLED make
    it ready, to be claimed with the child's error; SUSPENDED and RUNNING only show on it."""

    kind: Literal["child"]
    unit: str
    child: str
    seq: int
    """The child's, of the change that is told: what is older than what was told before is refused."""
    generation: int
    """The child's."""
    status: Status
    value: str | None = None
    info: dict[str, Any] | None = None
    """For SUCCEEDED: `usage`; for FAILED and CANCELLED: `error`."""
    arrivals: tuple[Arrival, ...] = ()
    ready: bool = False
    """SUCCEEDED, but `until` must look at it: make the unit ready instead of settling it."""


class ParentTold(NamedTuple):
    """The parent knows of every change up to `seq`."""

    kind: Literal["told"]
    seq: int


class ChildrenClosed(NamedTuple):
    """The children whose units had settled without them have been ended."""

    kind: Literal["closed"]


class Again(NamedTuple):
    """A unit failed and is tried again at `due`."""

    kind: Literal["again"]
    unit: str
    token: int
    due: float
    error: dict[str, Any]


class Expand(NamedTuple):
    """An `each` node becomes its items; `window` of them may run at once."""

    kind: Literal["expand"]
    unit: str
    token: int
    items: tuple[str, ...]
    """JSON text of each item's variables, a list."""
    window: int


class NextRound(NamedTuple):
    """An `until` unit's round is over and another follows."""

    kind: Literal["round"]
    unit: str
    token: int
    value: str
    info: dict[str, Any] | None = None


class HandBack(NamedTuple):
    """A claim is given back unused."""

    kind: Literal["handback"]
    unit: str
    token: int
    reason: str = ""


class End(NamedTuple):
    """The run ends from outside: stopped, or past its deadline (SEMANTICS 12)."""

    kind: Literal["end"]
    status: Status
    error: dict[str, Any] | None = None


class Reopen(NamedTuple):
    """Retry of a run that FAILED or was CANCELLED (SEMANTICS 13)."""

    kind: Literal["reopen"]
    deadline: float | None = None


Step = (
    Settle | Start | Park | Answer | Delegate | ChildTold | ParentTold | ChildrenClosed | Again | Expand
    | NextRound | HandBack | End | Reopen
)  # fmt: skip
STEPS: dict[str, Any] = {
    "settle": Settle, "start": Start, "park": Park, "answer": Answer, "again": Again, "expand": Expand,
    "round": NextRound, "handback": HandBack, "end": End, "reopen": Reopen, "delegate": Delegate,
    "child": ChildTold, "told": ParentTold, "closed": ChildrenClosed,
}  # fmt: skip
"""By kind, which is the first field of each."""


class Commit(NamedTuple):
    """Steps of one run, and how many of the units they make ready this worker takes at once."""

    run: str
    generation: int
    steps: tuple[Step, ...]
    worker: str = ""
    want: int = 0
    lease: float = 30.0
    """Seconds a claim made by this commit lasts."""
    tags: Carried = None
    """What the worker carries: it claims nothing that asks for more."""


class ChildEnd(NamedTuple):
    """How the child of a unit ended, of this attempt or of a former one."""

    generation: int
    status: Status
    value: str | None = None
    """JSON text of its result."""
    info: dict[str, Any] | None = None
    fresh: bool = False
    """This attempt's, and not yet dealt with."""


class Claim(NamedTuple):
    """The right to run one unit until its lease ends, with what it needs to run."""

    run: str
    generation: int
    unit: str
    token: int
    attempt: int
    """From 1. 0: to be judged first (it has a condition); `Start` begins its first attempt."""
    round: int
    values: dict[str, str | None]
    """JSON text of the outputs of the nodes it reads; None: skipped."""
    item: str | None = None
    """JSON text of the item's variables, a list."""
    previous: str | None = None
    """JSON text of the unit's last round."""
    gather: tuple[str | None, ...] | None = None
    """The items' outputs in order, once all of an `each` node's items are settled."""
    error: dict[str, Any] | None = None
    """For a handler: what it stands in for."""
    skip: str = ""
    """The source it can't do without and that was skipped: settle it SKIPPED."""
    overdue: bool = False
    """The time to answer its form is over."""
    deaths: int = 0
    """Workers that died holding it."""
    child: ChildEnd | None = None
    """How its child run ended, if it has delegated before; `fresh` if that is news."""


RawEvent = tuple[int, EventType, str, float, dict[str, Any]]
"""An Event not yet made: seq, type, unit, at, data; an output in data is still JSON text."""
VALUES_OF_EVENTS = ("output", "previous")
"""What of a RawEvent's data is JSON text."""


class Outcome(NamedTuple):
    """What a Commit brought about."""

    seq: int
    """Newest lifecycle event of the run."""
    status: Status
    claims: tuple[Claim, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    """Ready units nobody holds yet, and timers; they stay in the outbox until claimed."""
    events: Sequence[RawEvent] = ()
    """The lifecycle events this commit made."""


class NewRun(NamedTuple):
    """A run to be created."""

    run: str
    definition: str
    """Hash of its definition, which the store has."""
    chain: str
    inputs: str
    """JSON text of an object."""
    deadline: float | None = None
    """Unix seconds."""
    context: dict[str, Any] = {}
    """root, parent, parent_node, call_stack, depth, session, user, baggage, bindings."""
    worker: str = ""
    want: int = 0
    lease: float = 30.0
    tags: Carried = None
