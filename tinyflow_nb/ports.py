"""Every interface of the engine. The docstrings are the contract; the contract suite checks them.

Time is the store's: all instants are Unix seconds of the clock the store was built with.
Every method may raise StoreError; then nothing was changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from contextlib import AbstractContextManager, AsyncExitStack

    from tinyflow_nb.model.commit import Claim, Commit, NewRun, Outcome, Step
    from tinyflow_nb.model.context import ExecutionContext
    from tinyflow_nb.model.definition import ChainDefinition, NodeDefinition
    from tinyflow_nb.model.events import Event
    from tinyflow_nb.model.lanes import Carried
    from tinyflow_nb.model.monitor import Unsent
    from tinyflow_nb.model.registry import RegistryEntry
    from tinyflow_nb.model.shape import Shape
    from tinyflow_nb.model.signature import Doubt, Signature, SignedDefinition
    from tinyflow_nb.model.state import ChainState, RunCounts, RunHeader, RunPage
    from tinyflow_nb.model.status import Status
    from tinyflow_nb.model.tracing import TracedRun
    from tinyflow_nb.model.trigger import DeadLetter, Trigger
    from tinyflow_nb.model.workers import WorkerInfo


class Clock(Protocol):
    """Time as an input."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    def call_at(self, when: float, call: Callable[[], None]) -> Callable[[], None]:
        """Call on the running loop at `when`; returns what cancels it."""
        ...


class DefinitionStore(Protocol):
    """Definitions by content hash, and the log of what happened to the names that point to them."""

    async def put(self, definition: ChainDefinition, signature: Signature) -> None:
        """Keep it under its hash, with the signature beside those of other signers and other names; one
        by the same key for the same name is replaced. That it is put again shows that it is of use: one
        that no run and no version names may be forgotten a day after it was last put."""
        ...

    async def get(self, hash: str) -> ChainDefinition | None:
        """To look at: who put it is not asked, so nothing of it may be executed.

        Raises:
            DefinitionError: somebody altered it, so that it is none any more.
        """
        ...

    async def signed(self, hash: str) -> list[SignedDefinition]:
        """Every signature of it, each with the very text it was put with; in no order, and unchecked."""
        ...

    async def log(self, after: int = 0) -> list[RegistryEntry]:
        """What happened to the published chains, in order, without the first `after` entries."""
        ...

    async def append(self, entries: Sequence[RegistryEntry], epoch: int) -> bool:
        """Add entries to the log, all or none: False if it has not `epoch` entries any more (SEMANTICS 45).

        A definition that an entry publishes is kept for good; `put` comes first. One that only deleted
        versions named may be forgotten.
        """
        ...


class Trust(Protocol):
    """Who signs what is submitted here, and whose definitions are executed here (SEMANTICS 44)."""

    def sign(self, definition: ChainDefinition) -> Signature:
        """Vouch for a definition that is submitted here.

        Raises:
            NotTrusted: the key that signs here is trusted here no more.
            SettingsError: there is no usable key.
        """
        ...

    def distrust(self, signature: Signature, definition: ChainDefinition) -> Doubt | None:
        """Why a definition is not executed here on the strength of this signature; None if it is. That
        the definition is what `digest` says was checked before. In doubt it is not."""
        ...

    def epoch(self) -> int:
        """Changes when an earlier answer of `distrust` may be another now. Asked often."""
        ...


class StateStore(Protocol):
    """Runs: the chain's and the nodes' states, their events, claims and outbox.

    One `commit` is one atomic change. Counters, not conflicts: any number of commits of one run
    may come at once and none is refused for another's sake.
    """

    async def start(self, stack: AsyncExitStack) -> None:
        """Open; whatever is opened here is pushed on `stack` to be closed."""
        ...

    def now(self) -> float:
        """The store's clock."""
        ...

    async def create(self, new: NewRun, shape: Shape) -> Outcome | None:
        """Create the run and claim up to `want` of its entry nodes; None if the id is taken."""
        ...

    async def commit(self, commit: Commit) -> Outcome | None:
        """Apply all steps, or none: None if one is stale (token, generation or status moved on)."""
        ...

    async def claim(
        self, trigger: Trigger, worker: str, lease: float, tags: Carried = None
    ) -> Outcome | None:
        """Take the unit a trigger names, if the trigger still names its state, nobody holds it and it
        asks for no tags but these; the claim is in the outcome.

        A RUNNING unit may be taken once its lease has expired (`now >= expires`) or its holder is
        known to be dead; until somebody does, the holder may go on and commit (SEMANTICS 20).
        """
        ...

    def renew(self, claims: Sequence[tuple[str, str, int]], lease: float) -> list[tuple[str, str, int]]:
        """Extend (run, unit, token) leases to now + lease; returns those already lost.

        Called from any thread.
        """
        ...

    async def state(self, run: str, *, outputs: bool = True) -> ChainState | None:
        """A consistent picture of the run."""
        ...

    async def header(self, run: str) -> RunHeader | None:
        """What an executor must know to work on a run."""
        ...

    async def values(self, run: str, nodes: Sequence[str]) -> dict[str, str | None]:
        """JSON text of the outputs of SUCCEEDED nodes (or their stand-ins'); None for others."""
        ...

    async def request(self, run: str, unit: str) -> str | None:
        """What a unit that has delegated asked for, as its Delegate had it; None if it has not."""
        ...

    async def pending(self, run: str) -> list[Trigger]:
        """The outbox: unclaimed ready units, timers, leases with their expiry as `due`, and what its
        parent and its children are to be told."""
        ...

    async def events(self, run: str, after: int = 0) -> list[Event]:
        """Lifecycle events with seq > after, in order; [] also for an unknown run."""
        ...

    async def append_chunks(self, run: str, chunks: Sequence[Event]) -> None:
        """Keep output and log events, capped; not atomic with commits."""
        ...

    async def chunks(self, run: str, after: int = 0) -> tuple[list[Event], int]:
        """Chunks kept from position `after` on, and the position after the last of them. A gap event
        comes first if some of those are gone."""
        ...

    async def join_chunks(self, run: str, before: int, chunks: Sequence[Event]) -> None:
        """Keep these instead of those before a position: the same, with `count` where one stands for
        several. Positions stay what they were; to who reads on from the midst of them they are gone.
        Nothing happens if the run has no chunks, or such as begin before that position and end behind."""
        ...

    async def runs(
        self, *, chain: str = "", status: Status | None = None, waiting: bool = False,
        children: bool = False, limit: int = 50, cursor: str = "",
    ) -> RunPage:  # fmt: skip
        """Newest first. `chain` is a name, or a name with its version; `children` lists the runs that
        others delegated to as well."""
        ...

    async def count(self, most: int) -> RunCounts:
        """All runs, or about the newest `most` of them: a bounded piece of work."""
        ...

    async def delete(self, run: str) -> bool:
        """Forget a terminal run; False if there is none. A live one is refused: InvalidOperation."""
        ...

    async def release(self, run: str) -> None:
        """The root of a run has ended: finished, the run is kept as long as its root from now on. Before
        that a child is kept as long as its root may live."""
        ...

    async def expire(self, retention: float, suspended_ttl: float) -> list[str]:
        """Forget runs finished longer ago than `retention` seconds, children only once their parent is
        forgotten; returns the ids of suspended ones without a parent that are untouched for
        `suspended_ttl` seconds, for the caller to cancel."""
        ...

    async def watch(self, runs: Mapping[str, int], timeout: float) -> set[str]:
        """Those of `runs` that are past the given seq; waits for one, `timeout` seconds at most.

        The caller moves the seqs on in place for what it does itself, so what is left is what other
        processes did.
        """
        ...


class TriggerScheduler(Protocol):
    """Brings triggers to an executor, at least once, not before they are due."""

    async def start(self, stack: AsyncExitStack, accept: Callable[[Trigger], Awaitable[bool]]) -> None: ...

    def schedule(self, triggers: Sequence[Trigger]) -> None:
        """Returns at once. A trigger that gets lost is found again by recovery."""
        ...

    def forget(self, run: str) -> None:
        """The run has ended: its timers are of no use any more."""
        ...


@runtime_checkable
class SharedScheduler(Protocol):
    """Carries triggers between processes: what one of them schedules, any that executes may be brought.

    What gets lost on the way is found in the store's DueIndex: then it comes late, not never.
    """

    trouble: str
    """Why it brings nothing at present, in one line; "" while it does."""
    counts: Counter[str]
    """Messages since it was made: `sent`, `unsent`, `taken`; `dropped` are those that nobody could read."""

    async def open(self, stack: AsyncExitStack) -> None:
        """Be able to `schedule`; all that a process needs which only submits."""
        ...

    async def consume(
        self, stack: AsyncExitStack, accept: Callable[[Trigger], Awaitable[bool]],
        room: Callable[[], Awaitable[int]], tags: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Bring triggers here too, until `stack` is closed: what was taken and not accepted by then
        is scheduled again.

        Args:
            room: waits until there is room for a unit, and says for how many; nothing is taken before.
            tags: this worker's; it is brought triggers without tags, and those whose tags are all among
                these.
        """
        ...

    def schedule(self, triggers: Sequence[Trigger]) -> None:
        """As TriggerScheduler.schedule."""
        ...

    def forget(self, run: str) -> None:
        """As TriggerScheduler.forget."""
        ...


MESSAGE_ID: ContextVar[str] = ContextVar("message_id", default="")
"""Of the message that brought what is worked on, if one did; a scheduler sets it while it accepts."""


@runtime_checkable
class DueIndex(Protocol):
    """What a store has whose runs belong to everybody (SEMANTICS 27)."""

    def now(self) -> float:
        """The store's clock."""
        ...

    async def due(
        self, older: float = 0.0, again: float = 10.0, limit: int = 100, tags: Sequence[str] = ()
    ) -> list[Trigger]:
        """What is due in any run and waits for a worker: unclaimed units, timers, expired leases.

        Args:
            older: seconds it has been due for, at least.
            again: seconds until it is given again, to anybody, if it is still so.
            limit: runs looked at, of each part of the store and each lane.
            tags: what the worker carries that asks; what asks for others is left to others.
        """
        ...

    async def deadlines(self, older: float = 0.0, again: float = 10.0) -> list[Trigger]:
        """The same, of the deadlines of runs that are over: passing one takes no room."""
        ...

    async def between(self, older: float = 0.0, again: float = 10.0, limit: int = 100) -> list[Trigger]:
        """The same, of what one run is to tell another."""
        ...

    async def backlog(self) -> int:
        """Units nobody has taken, of any run; those of the first thousand runs of each part."""
        ...


@runtime_checkable
class MonitorIndex(Protocol):
    """What a shared store knows of the events that monitor messages tell (SEMANTICS 30): the events are
    the outbox, and a cursor of each run says up to where they were sent."""

    async def unsent(self, runs: Sequence[str] | None, sender: str) -> list[Unsent]:
        """What is to be told of the runs, or of any for which it waits a second already (None). It is
        the sender's to tell for some seconds: no other is given it meanwhile."""
        ...

    async def sent(self, told: Sequence[tuple[str, int]], sender: str) -> list[str]:
        """Each run is told up to a seq (0: it could not be), and is anybody's again; gives those that
        have more to tell."""
        ...


@runtime_checkable
class MonitorOutlet(Protocol):
    """A shared scheduler that carries monitor messages too."""

    async def tell(self, messages: Sequence[tuple[str, str]]) -> None:
        """Send texts, each keyed by its run; all are kept once this returns. Whatever it raises, some
        may be."""
        ...

    def told(self, *, from_start: bool) -> AsyncIterator[str]:
        """Messages as they come; an open scheduler is enough.

        Args:
            from_start: those still kept come first. A broker that remembers how far its consumers got
                goes on from there, whatever is said here.
        """
        ...


@runtime_checkable
class Roster(Protocol):
    """Who executes a shared store's runs."""

    async def report(self, worker: WorkerInfo, ttl: float) -> None:
        """It is alive, and counts as such for `ttl` seconds from now; 0: it is going."""
        ...

    async def workers(self) -> list[WorkerInfo]:
        """Those alive, by name."""
        ...


@runtime_checkable
class DeadLetters(Protocol):
    """Triggers that nobody could accept and whose runs could not be ended: damaged data. They are left
    alone until somebody digs them up."""

    async def bury(self, letter: DeadLetter) -> None:
        """Keep it; the same trigger again replaces it."""
        ...

    async def is_buried(self, trigger: Trigger) -> bool: ...

    async def dead_letters(self) -> list[DeadLetter]:
        """Oldest first."""
        ...

    async def dig_up(self, trigger: Trigger) -> bool:
        """Have it tried again; False if it is not there."""
        ...


class Tracing(Protocol):
    """Spans: of a run, and below it of its nodes' attempts."""

    def caller(self) -> str:
        """`traceparent` of the span the caller is in; "" if it is in none."""
        ...

    def attempt(
        self, run: TracedRun, claim: Claim, node_type: str
    ) -> AbstractContextManager[Callable[[tuple[Step, ...]], tuple[Step, ...]]]:
        """A span around one attempt; what it gives passes on the steps that the attempt came to."""
        ...

    def ended(self, run: TracedRun, began: float, at: float, data: Mapping[str, Any]) -> None:
        """The run's span, from `began` to `at`; data is its `chain.finished`'s."""
        ...


class EventManager(Protocol):
    """Distributes events inside this process; keeps nothing (SEMANTICS 26)."""

    def publish(self, run: str, events: Sequence[Event]) -> None: ...

    def subscribe(self, run: str) -> AsyncIterator[Sequence[Event]]:
        """From this call on, what is published for the run (`"*"`: for any), in batches."""
        ...


# ------------------------------------------------------------------ node types


class Suspend(NamedTuple):
    """A body's answer that a person must be asked; the engine parks the unit."""

    message: str
    schema: dict[str, Any]
    initial: Any = None


class SubChain(NamedTuple):
    """A body's answer that another chain does the work: the engine starts it as a run of its own and
    parks the unit, which its end completes."""

    ref: str
    """`name`, `name@version` or `name@label`, as the cell wrote it."""
    inputs: dict[str, Any]
    """Plain JSON, by the other chain's input names."""


class Produced(NamedTuple):
    """A body's answer with what a reader should know besides the output (`usage`, ...)."""

    output: Any
    info: dict[str, Any]


ChunkKind = Literal["text", "thinking", "tool_call", "tool_result", "progress"]


class NodeCall(Protocol):
    """Everything a body may use for one attempt of one unit. It sees no store and no executor."""

    @property
    def node(self) -> NodeDefinition: ...

    @property
    def arguments(self) -> dict[str, Any]:
        """By parameter, validated against the function's annotations."""
        ...

    @property
    def scope(self) -> Mapping[str, Any]:
        """Plain JSON by name, for expressions and prompts: outputs of the nodes it reads, inputs,
        constants, loop variables. Skipped nodes are left out."""
        ...

    @property
    def skipped(self) -> frozenset[str]:
        """Names of the nodes it reads that were skipped."""
        ...

    @property
    def context(self) -> ExecutionContext: ...

    @property
    def function(self) -> Callable[..., Any] | None:
        """The cell's function; None for a node without one."""
        ...

    @property
    def output_type(self) -> Any:
        """Its return annotation (one item's), or None."""
        ...

    @property
    def module(self) -> Mapping[str, Any]:
        """The cell's namespace: tools and helpers by name."""
        ...

    def emit(self, kind: ChunkKind, value: Any) -> None:
        """Stream one chunk; from any thread."""
        ...

    def log(self, level: str, text: str) -> None:
        """A line of the node's log; from any thread."""
        ...

    async def in_thread(self, function: Callable[[], Any]) -> Any:
        """Call a blocking function in a worker thread, with the context's variables copied."""
        ...


class NodeExecutor(Protocol):
    """Runs one node type. Registered under the type's name in the entry point group
    `tinyflow_nb.nodes`; stateless, one instance per process."""

    timeout: float
    """Seconds an attempt may take if the node says nothing."""

    async def execute(self, call: NodeCall) -> Any:
        """The output (typed or plain), or Suspend, SubChain or Produced. Raising is failing."""
        ...
