"""Nesting: a unit delegates to a child run, and is completed by its end (SEMANTICS 13, 28).

Nobody waits: each step is a commit, and what follows it is an act between two runs that may be done
again by anybody - start the child, tell the parent where the child stands, end the children nobody
waits for. Stores keep a trigger of each until it is done.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tinyflow_nb.engine.inputs import check_inputs, inputs_text
from tinyflow_nb.engine.pins import chain_nodes, pinned
from tinyflow_nb.engine.results import result_of
from tinyflow_nb.errors import CycleError, DepthExceeded, TinyflowError, UnknownRun
from tinyflow_nb.model.commit import (
    ChildrenClosed,
    ChildTold,
    Claim,
    Commit,
    Delegate,
    NewRun,
    Outcome,
    ParentTold,
)
from tinyflow_nb.model.shape import shape_of
from tinyflow_nb.model.state import ChainState
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import Trigger, child_run_id, item_of, node_of

if TYPE_CHECKING:
    from tinyflow_nb.engine.live_run import LiveRun
    from tinyflow_nb.engine.registry import Registry
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.state import RunHeader
    from tinyflow_nb.ports import StateStore, SubChain

log = logging.getLogger(__name__)

TOGETHER = 50
"""Children ended at once."""


class Request(NamedTuple):
    """What a child is made from; kept with its parent's unit until it is there."""

    definition: str
    """Hash."""
    chain: str
    """`name@3`, or `name@#1f2e3d4c`."""
    inputs: str
    """JSON text of an object."""
    generation: int
    """The child's that is awaited: a former one has failed, and the unit is at another attempt."""
    bindings: dict[str, Any]

    def text(self) -> str:
        return json.dumps(self, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> Request:
        return cls(*json.loads(text))


class Hands(NamedTuple):
    """What nesting needs of the engine."""

    check: Callable[[NewRun], Awaitable[None]]
    """Raises DefinitionError, NotTrusted: a run can't be executed here, and is nobody else's."""
    begin: Callable[[NewRun, ChainDefinition], Awaitable[Outcome | None]]
    """Create a run and work on it; None if its id is taken."""
    reopen: Callable[[RunHeader], Awaitable[bool]]
    take_up: Callable[[RunHeader], Awaitable[None]]
    """Go on here with a run whose process may be gone; a fleet's runs need nobody to."""
    works_on: Callable[[str], bool]
    """Whether a run is at work here."""
    stop: Callable[[str], Awaitable[None]]
    commit: Callable[[Commit], Awaitable[Outcome | None]]
    """Commit, and work on what it made ready."""
    step: Callable[..., Commit]
    """A Commit of this worker's: run, generation, step."""


class Nesting:
    """One per executor."""

    def __init__(self, store: StateStore, registry: Registry, hands: Hands, depth: int) -> None:
        """
        Args:
            depth: of chains in chains, at most.
        """
        self._store = store
        self._registry = registry
        self._hands = hands
        self._depth = depth
        self._tasks: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------------ a unit delegates

    async def delegate(self, live: LiveRun, claim: Claim, asked: SubChain, due: float) -> Delegate:
        """The step that hands a unit over to a child run.

        Raises:
            UnknownChain, InputError, CycleError, DepthExceeded, DefinitionError, NotTrusted: it can't be
                started, now or later.
        """
        pin = pinned(live.context, live.chain, asked.ref)
        stack = (*live.context.get("call_stack", ()), live.chain)
        if pin.chain in stack:
            raise CycleError([*stack[stack.index(pin.chain) :], pin.chain])
        if len(stack) >= self._depth:
            raise DepthExceeded(
                f"{pin.chain} would be {len(stack)} chains deep, {self._depth} are the most"
                f" (setting max_depth): {' > '.join((*stack[:3], '...', *stack[-2:], pin.chain))}"
            )
        definition = await self._registry.get(pin.definition)
        inputs = inputs_text(definition, check_inputs(definition, asked.inputs))
        context = {"bindings": pin.bindings} if pin.bindings else {}
        await self._hands.check(NewRun("", pin.definition, pin.chain, inputs, context=context))
        end = claim.child
        again = end is not None and end.status is not Status.SUCCEEDED
        generation = end.generation + 1 if end is not None and again else 1
        request = Request(pin.definition, pin.chain, inputs, generation, pin.bindings)
        child = child_run_id(claim.run, claim.unit, claim.round)
        return Delegate("delegate", claim.unit, claim.token, child, request.text(), due)

    async def start(self, parent: RunHeader | LiveRun, unit: str, child: str, text: str) -> None:
        """Make the child of a unit that has delegated; if it is there, look where it stands."""
        request = Request.of(text)
        definition = await self._registry.get(request.definition)
        limit = definition.settings.deadline
        context = _context_of(parent, unit, request.bindings, definition)
        if limit:
            context["deadline"] = limit
        deadline = self._store.now() + limit if limit else None
        new = NewRun(child, request.definition, request.chain, request.inputs, deadline, context)
        if await self._hands.begin(new, definition) is not None:
            return
        header = await self._store.header(child)
        if header is None:
            raise UnknownRun(f"the child run {child} was deleted while its parent waits for it")
        if header.status in (Status.FAILED, Status.CANCELLED) and header.generation < request.generation:
            await self._hands.reopen(header)
            return
        if not header.status.terminal:
            await self._hands.take_up(header)
        await self._tell_parent(child)

    # ------------------------------------------------------------------ acts between runs

    def act(self, trigger: Trigger) -> None:
        """Do what a trigger asks for, in a task of its own; if it fails, recovery brings it again."""
        task = asyncio.get_running_loop().create_task(self._acted(trigger))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _acted(self, trigger: Trigger) -> None:
        try:
            await self.handle(trigger)
        except TinyflowError as e:
            log.warning("%s of run %s: %s", trigger.kind, trigger.run, e)

    async def handle(self, trigger: Trigger) -> bool:
        """Any number of times changes the runs exactly as once. True if there was something to do."""
        if trigger.kind == "parent":
            return await self._tell_parent(trigger.run)
        if trigger.kind == "children":
            return await self.close_children(trigger.run)
        return await self._look_after(trigger)

    async def _look_after(self, trigger: Trigger) -> bool:
        """A unit waits for a child that may not be there."""
        header = await self._store.header(trigger.run)
        request = await self._store.request(trigger.run, trigger.unit)
        if header is None or header.status.terminal or request is None:
            return False
        state = await self._store.state(trigger.run, outputs=False)
        found = next((u for u in state.units() if u.id == trigger.unit), None) if state else None
        if found is None or not found.child or found.status.terminal or self._hands.works_on(found.child):
            return False
        await self.start(header, trigger.unit, found.child, request)
        return True

    async def _tell_parent(self, run: str) -> bool:
        header = await self._store.header(run)
        if header is None:
            return False
        parent, _, unit = header.context.get("parent", "").partition("/")
        while (above := await self._store.header(parent)) is not None and not above.status.terminal:
            told = await self._told(header, above, unit)
            if await self._hands.commit(self._hands.step(parent, above.generation, told)) is not None:
                break
            again = await self._store.header(parent)
            if again is None or again.generation == above.generation:
                break  # it knows, or does not wait for this child any more
        ack = ParentTold("told", header.seq)
        await self._hands.commit(Commit(run, header.generation, (ack,)))
        if above is None or above.status.terminal:
            await self._store.release(run)
        return above is not None

    async def _told(self, header: RunHeader, above: RunHeader, unit: str) -> ChildTold:
        base = ChildTold("child", unit, header.run, header.seq, header.generation, header.status)
        if header.status in (Status.FAILED, Status.CANCELLED):
            return base._replace(info={"error": _error_of(header)})
        if header.status is not Status.SUCCEEDED:
            return base._replace(
                status=Status.SUSPENDED if header.status is Status.SUSPENDED else Status.RUNNING
            )
        child = await self._registry.get(header.definition)
        definition = await self._registry.get(above.definition)
        result = await result_of(self._store, header, shape_of(child))
        value = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
        usage = await self._usage(header, child)
        info = {"usage": usage} if usage else None
        shape = shape_of(definition).nodes[node_of(unit)]
        slow = bool(definition.node(shape.id).until or shape.handles)
        arrivals = () if slow or item_of(unit) is not None else shape.done
        return base._replace(value=value, info=info, arrivals=arrivals, ready=slow)

    async def _usage(self, header: RunHeader, definition: ChainDefinition) -> dict[str, Any]:
        """What the child's models used, all in all."""
        if not await self._has_models(header, definition):
            return {}
        state = await self._store.state(header.run, outputs=False)
        total: dict[str, Any] = {}
        for node in state.units() if state else ():
            for name, count in (node.usage or {}).items():
                if isinstance(count, int | float):
                    total[name] = total.get(name, 0) + count
        return total

    async def _has_models(self, header: RunHeader, definition: ChainDefinition) -> bool:
        """Whether anything in a run, or below it, may tell of usage: reading states costs more."""
        todo = [(definition, header.chain)]
        seen = {header.chain}
        while todo:
            at, chain = todo.pop()
            if any(node.type not in ("code", "confirm", "chain") for node in at.nodes):
                return True
            for node in chain_nodes(at):
                pin = pinned(header.context, chain, str(node.options["ref"]))
                if pin.chain not in seen:
                    seen.add(pin.chain)
                    todo.append((await self._registry.get(pin.definition), pin.chain))
        return False

    async def close_children(self, run: str) -> bool:
        """End the children whose units do not wait for them any more."""
        state = await self._store.state(run, outputs=False)
        if state is None:
            return False
        definition = await self._registry.get(state.definition_hash)
        over = state.status.terminal
        left = [
            unit.child
            for unit in state.units()
            if unit.child
            and (over or unit.status.terminal)
            and definition.node(node_of(unit.id)).options.get("on_parent_close") != "abandon"
        ]
        for at in range(0, len(left), TOGETHER):
            await asyncio.gather(*(self._stop(child) for child in left[at : at + TOGETHER]))
        if over and not state.parent:
            await self._release(state)
        closed = ChildrenClosed("closed")
        return await self._hands.commit(Commit(run, state.generation, (closed,))) is not None

    async def _release(self, state: ChainState) -> None:
        """What is below an ended run is kept no longer than it."""
        for unit in state.units():
            child = await self._store.state(unit.child, outputs=False) if unit.child else None
            if child is not None:
                await self._store.release(child.id)
                await self._release(child)

    async def _stop(self, child: str) -> None:
        try:
            await self._hands.stop(child)
        except UnknownRun:
            log.debug("the child run %s is not there", child)

    async def close(self) -> None:
        """What is left undone, recovery does."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _context_of(
    parent: RunHeader | LiveRun, unit: str, bindings: Mapping[str, Any], definition: ChainDefinition
) -> dict[str, Any]:
    """What a child inherits (immutable), and what is its own."""
    inherited = parent.context
    context: dict[str, Any] = {
        "root": inherited.get("root") or parent.run,
        "parent": f"{parent.run}/{unit}",
        "call_stack": [*inherited.get("call_stack", ()), parent.chain],
        "depth": inherited.get("depth", 0) + 1,
    }
    for name in ("session", "user", "baggage", "pins", "monitor", "traceparent"):
        if inherited.get(name):
            context[name] = inherited[name]
    limits = [limit for limit in (parent.deadline, inherited.get("deadline_at")) if limit is not None]
    if limits:
        context["deadline_at"] = min(limits)
    if bindings:
        context["bindings"] = dict(bindings)
    if definition.settings.max_concurrency:
        context["max_concurrency"] = definition.settings.max_concurrency
    return context


def _error_of(header: RunHeader) -> dict[str, Any]:
    """A child's failure as its parent's node has it, with the path down to where it began."""
    if header.status is Status.CANCELLED:
        message = f"{header.chain} was stopped (run {header.run})"
        return {"type": "ChainCancelled", "types": ["ChainCancelled"], "message": message, "path": []}
    error = header.error or {}
    below = [{"chain": header.chain, "node": error.get("node", ""), "line": error.get("line", 0)}]
    path = [*below, *error.get("path", ())]
    return {**error, "types": error.get("types", [error.get("type", "")]), "path": path}
