"""UnitRun: one claim, from judging its condition to the step that tells how it ended."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from tinyflow_nb.engine import reducer
from tinyflow_nb.engine.call import Call
from tinyflow_nb.engine.failures import describe, made_up
from tinyflow_nb.engine.items import items_of
from tinyflow_nb.engine.node_logs import catch_output
from tinyflow_nb.errors import TinyflowError
from tinyflow_nb.language.expressions import SkippedUsed
from tinyflow_nb.language.values import from_json, to_json
from tinyflow_nb.model.commit import ChildEnd, Claim, Delegate, Expand, NextRound, Park, Settle, Start, Step
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import node_of
from tinyflow_nb.ports import Produced, SubChain, Suspend

if TYPE_CHECKING:
    from tinyflow_nb.engine.live_run import LiveRun
    from tinyflow_nb.engine.plan import NodePlan
    from tinyflow_nb.engine.workshop import Workshop

MAX_OUTPUT = 64_000_000
"""Characters of JSON text one output may have."""
LOST: tuple[Step, ...] = ()
"""Nothing to commit: the claim is not ours any more."""


class NoMoreRounds(TinyflowError):
    """`until` never held, and the node says that this is a failure."""


class OutputTooLarge(TinyflowError):
    """A node gave more than a run may carry around."""


class UnitRun:
    """Short-lived: made for one claim."""

    __slots__ = ("_call", "_claim", "_live", "_node", "_task", "_workshop")

    def __init__(self, workshop: Workshop, live: LiveRun, claim: Claim, task: asyncio.Task[None]) -> None:
        self._workshop = workshop
        self._live = live
        self._claim = claim
        self._task = task
        self._node: NodePlan = live.plan.nodes.get(claim.unit) or live.plan.nodes[node_of(claim.unit)]
        self._call = Call(live, self._node, claim, workshop)

    async def run(self) -> tuple[Step, ...]:
        """The steps to commit; LOST if there is nothing to say."""
        claim = self._claim
        if claim.gather is not None:
            return (self._gathered(claim.gather),)
        definition = self._node.definition
        if claim.overdue:
            return (self._failed(made_up("Timeout", self._too_late(), claim.attempt, self._line)),)
        if claim.child is not None and claim.child.fresh:
            return self._child_ended(claim.child)
        if claim.round > definition.max_rounds:  # a person's last answer did not end them
            message = f"{definition.until} did not hold after {definition.max_rounds} rounds"
            return (self._failed(made_up("NoMoreRounds", message, claim.attempt, self._line)),)
        if claim.deaths >= reducer.MAX_DEATHS:
            message = f"{claim.deaths} workers died while they ran it"
            return (self._failed(made_up("WorkerLost", message, claim.attempt, self._line)),)
        call = self._call
        try:
            if claim.attempt == 0:
                judged = self._judge(call)
                if judged is not None:
                    return (judged,)
                start = Start("start", claim.unit, claim.token)
                if definition.type == "chain":
                    return await self._delegated(call, start)
                if await self._workshop.commit(self._live, claim.generation, (start,), 0) is None:
                    return LOST
                self._claim = claim = claim._replace(attempt=1)
            tracing = self._workshop.tracing
            if tracing is None:
                return await self._attempt(call, claim)
            run = self._live.traced(self._workshop.name)
            with tracing.attempt(run, claim, self._node.definition.type) as came_to:
                return came_to(await self._attempt(call, claim))
        except SkippedUsed as e:
            return (self._skipped(f"{e.name} was skipped"),)
        except (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt):
            raise  # it is this task that is ended
        except BaseException as e:  # noqa: BLE001  whatever a body raises, sys.exit() too, is its node's failure
            return (self._failed(self._describe(e)),)

    async def _delegated(self, call: Call, start: Start) -> tuple[Step, ...]:
        """Of a chain node: its first attempt is begun by the very step that hands it over."""
        self._claim = self._claim._replace(attempt=1)
        try:
            steps = await self._attempt(call, self._claim)
        except SkippedUsed:
            raise
        except Exception as e:  # noqa: BLE001  as in `run`
            steps = (self._failed(self._describe(e)),)
        return steps if not steps or isinstance(steps[0], Delegate) else (start, *steps)

    def _child_ended(self, end: ChildEnd) -> tuple[Step, ...]:
        claim = self._claim
        if end.status is Status.SUCCEEDED:
            assert end.value is not None
            call = self._call
            if self._node.definition.until:
                return (self._round(call, end.value, end.info),)
            return (self._settled(end.value, end.info),)
        below = (end.info or {}).get("error") or {}
        error = made_up(below.get("type", "Error"), below.get("message", ""), claim.attempt, self._line)
        error |= {key: below[key] for key in ("types", "traceback", "path", "answer") if key in below}
        return (self._failed(error),)

    def _too_late(self) -> str:
        if self._node.definition.type != "chain":
            return "nobody answered in time"
        return f"its chain did not end within {self._node.definition.timeout:g} s"

    def _judge(self, call: Call) -> Step | None:
        """The step of a node that does not run itself: it is skipped, or becomes its items."""
        definition = self._node.definition
        if definition.when and not call.evaluate(definition.when):
            return self._skipped(f"{definition.when} is false")
        if definition.each is None:
            call.arguments  # noqa: B018  an expression in them may yet skip the node
            return None
        items = items_of(definition.each, call.evaluate)
        if not items:
            return self._settled("[]", None)
        texts = tuple(json.dumps(item, separators=(",", ":"), ensure_ascii=False) for item in items)
        return Expand("expand", self._claim.unit, self._claim.token, texts, definition.max_concurrency)

    # ------------------------------------------------------------------ the attempt

    async def _attempt(self, call: Call, claim: Claim) -> tuple[Step, ...]:
        node, workshop = self._node, self._workshop
        attempt = call.attempt = workshop.attempts.begin(claim, self._task, node.timeout)
        if self._live.plan.prints or not node.is_code:
            catch_output(call.log)
        try:
            if node.is_code:
                assert node.function is not None
                result = await node.function(**call.arguments)
            else:
                result = await node.executor.execute(call)
            if attempt.called_off:
                raise asyncio.CancelledError
        except asyncio.CancelledError as e:
            if attempt.called_off:
                attempt.task.uncancel()
                return self._called_off(attempt.called_off)
            if attempt.task.cancelling():
                raise  # the executor is closing
            return (self._failed(self._describe(e)),)  # the body's own: it awaited what was cancelled
        finally:
            workshop.attempts.end(attempt)
            if call.wrote:
                await workshop.streams.drain()  # so that readers anywhere see it before its end
        if isinstance(result, Suspend):
            return (self._park(result),)
        if isinstance(result, SubChain):
            return (await self._delegate(result),)
        info: dict[str, Any] | None = None
        if isinstance(result, Produced):
            result, info = result
        value = to_json(result, node.output, f"node {node.definition.id!r}")
        if len(value) > MAX_OUTPUT:
            raise OutputTooLarge(
                f"its output has {len(value)} characters as JSON; {MAX_OUTPUT} are the most:"
                " write it to a file and give the file's name"
            )
        if node.definition.until:
            return (self._round(call, value, info),)
        return (self._settled(value, info),)

    def _called_off(self, why: str) -> tuple[Step, ...]:
        if why != "timeout":
            return LOST
        message = f"it took longer than its timeout of {self._node.timeout:g} s"
        return (self._failed(made_up("Timeout", message, self._claim.attempt, self._line)),)

    def _round(self, call: Call, value: str, info: dict[str, Any] | None) -> Step:
        definition, claim = self._node.definition, self._claim
        if self.holds(call, value):
            return self._settled(value, info)
        if claim.round < definition.max_rounds:
            return NextRound("round", claim.unit, claim.token, value, info)
        if definition.on_exhausted == "fail":
            raise NoMoreRounds(f"{definition.until} did not hold after {claim.round} rounds")
        return self._settled(value, {**(info or {}), "exhausted": True})

    def holds(self, call: Call, value: str) -> bool:
        """Whether `until` holds with this newest output."""
        definition = self._node.definition
        return bool(call.evaluate(definition.until, {definition.id: from_json(value)}))

    async def _delegate(self, asked: SubChain) -> Delegate:
        timeout = self._node.definition.timeout
        due = self._workshop.now() + timeout if timeout else 0.0
        return await self._workshop.nesting.delegate(self._live, self._claim, asked, due)

    def _park(self, asked: Suspend) -> Step:
        claim = self._claim
        form = {"message": asked.message, "schema": asked.schema, "initial": asked.initial}
        timeout = self._node.definition.timeout
        due = self._workshop.now() + timeout if timeout else 0.0
        return Park("park", claim.unit, claim.token, form, due)

    # ------------------------------------------------------------------ ends

    @property
    def _line(self) -> int:
        return self._node.definition.line

    def _gathered(self, items: tuple[str | None, ...]) -> Step:
        return self._settled("[" + ",".join("null" if item is None else item for item in items) + "]", None)

    def _settled(self, value: str, info: dict[str, Any] | None) -> Settle:
        return reducer.succeeded(self._live.plan.shape, self._node.shape, self._claim, value, info)

    def _skipped(self, reason: str) -> Settle:
        return reducer.skipped(self._live.plan.shape, self._node.shape, self._claim, reason)

    def _failed(self, error: dict[str, Any]) -> Step:
        form_is_late = self._claim.overdue and self._node.definition.type != "chain"
        final = form_is_late or error["type"] in ("WorkerLost", "NoMoreRounds")
        retryable = not final and self._claim.attempt > 0  # what judges a node fails alike each time
        error["node"] = self._claim.unit
        return reducer.failed(
            self._node.definition, self._live.plan.shape, self._node.shape, self._claim,
            error, self._workshop.now(), self._workshop.chance(), retryable,
        )  # fmt: skip

    def _describe(self, error: BaseException) -> dict[str, Any]:
        return describe(error, max(1, self._claim.attempt), self._line)
