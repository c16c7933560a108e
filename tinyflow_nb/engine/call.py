"""One attempt's call: the arguments a body gets and what else it may use."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json as write_json

from tinyflow_nb.language.expressions import evaluate
from tinyflow_nb.language.values import from_json, typed
from tinyflow_nb.model.context import ExecutionContext
from tinyflow_nb.model.trigger import item_of, node_of

if TYPE_CHECKING:
    from tinyflow_nb.engine.attempts import Attempt
    from tinyflow_nb.engine.live_run import LiveRun
    from tinyflow_nb.engine.plan import NodePlan
    from tinyflow_nb.engine.streams import ChunkWriter
    from tinyflow_nb.engine.workshop import Workshop
    from tinyflow_nb.model.commit import Claim
    from tinyflow_nb.model.definition import NodeDefinition
    from tinyflow_nb.ports import ChunkKind


class Call:
    """The NodeCall of the engine; what is dear to make is made when asked for."""

    __slots__ = ("_arguments", "_claim", "_live", "_scope", "_workshop", "_writer", "attempt", "plan")

    def __init__(self, live: LiveRun, plan: NodePlan, claim: Claim, workshop: Workshop) -> None:
        self._live = live
        self._claim = claim
        self._workshop = workshop
        self._scope: dict[str, Any] | None = None
        self._arguments: dict[str, Any] | None = None
        self._writer: ChunkWriter | None = None
        self.plan = plan
        self.attempt: Attempt | None = None

    @property
    def writer(self) -> ChunkWriter:
        if self._writer is None:
            claim = self._claim
            self._writer = self._workshop.streams.writer(
                claim.run, claim.unit, max(1, claim.attempt), claim.round, claim.generation
            )
        return self._writer

    @property
    def wrote(self) -> bool:
        return self._writer is not None and self._writer.wrote

    @property
    def node(self) -> NodeDefinition:
        return self.plan.definition

    @property
    def arguments(self) -> dict[str, Any]:
        if self._arguments is None:
            self._arguments = self._bind()
        return self._arguments

    @property
    def scope(self) -> Mapping[str, Any]:
        if self._scope is None:
            claim, live = self._claim, self._live
            scope: dict[str, Any] = {**live.plan.constants, **live.inputs}
            for name, text in claim.values.items():
                if text is not None:
                    scope[name] = from_json(text)
                else:
                    scope.pop(name, None)
            each = self.plan.definition.each
            if claim.item is not None and each is not None:
                scope.update(zip(each.variables, json.loads(claim.item), strict=True))
            if claim.previous is not None:
                scope[self.plan.definition.id] = from_json(claim.previous)
            self._scope = scope
        return self._scope

    @property
    def skipped(self) -> frozenset[str]:
        return frozenset(name for name, text in self._claim.values.items() if text is None)

    @property
    def context(self) -> ExecutionContext:
        live, claim = self._live, self._claim
        inherited = live.context
        parent, _, unit = inherited.get("parent", "").partition("/")
        limits = [limit for limit in (live.deadline, inherited.get("deadline_at")) if limit is not None]
        return ExecutionContext(
            run=live.run,
            chain=live.chain,
            node=self.plan.definition.id,
            item=item_of(claim.unit),
            round=claim.round,
            attempt=max(1, claim.attempt),
            root=inherited.get("root") or live.run,
            parent=parent,
            parent_node=node_of(unit),
            call_stack=(*inherited.get("call_stack", ()), live.chain),
            depth=inherited.get("depth", 0),
            session=inherited.get("session", ""),
            user=inherited.get("user", ""),
            deadline=min(limits, default=None),
            baggage=inherited.get("baggage", {}),
            _cancelled=self._is_called_off,
        )

    @property
    def function(self) -> Callable[..., Any] | None:
        return self.plan.function

    @property
    def output_type(self) -> Any:
        return self.plan.output_type

    @property
    def module(self) -> Mapping[str, Any]:
        return self._live.plan.module.namespace

    def emit(self, kind: ChunkKind, value: Any) -> None:
        self.writer.emit(kind, value)

    def log(self, level: str, text: str) -> None:
        """What the body printed or logged; from any thread."""
        self.writer.log(level, text)

    async def in_thread(self, function: Callable[[], Any]) -> Any:
        return await self._workshop.pool.submit(function)

    def evaluate(self, expression: str, extra: Mapping[str, Any] | None = None) -> Any:
        """An expression over the scope.

        Raises:
            ExpressionError, SkippedUsed
        """
        scope = {**self.scope, **extra} if extra else self.scope
        return evaluate(expression, scope, self.skipped)

    def _is_called_off(self) -> bool:
        return self.attempt is not None and bool(self.attempt.called_off)

    def _bind(self) -> dict[str, Any]:
        claim = self._claim
        bound: dict[str, Any] = {}
        for name, source, reference, adapter in self.plan.bindings:
            if source == "node":
                text = claim.values.get(reference)
                if text is not None:  # a skipped parent: the parameter's own default
                    bound[name] = from_json(text) if adapter is None else typed(text, adapter, name)
            elif source == "input":
                if reference in self._live.inputs:
                    value = _own(self._live.inputs[reference])
                    bound[name] = value if adapter is None else adapter.validate_python(value)
            elif source == "context":
                bound[name] = self.context
            elif source == "previous":
                if claim.previous is not None:
                    text = claim.previous
                    bound[name] = from_json(text) if adapter is None else typed(text, adapter, name)
            elif source == "error":
                bound[name] = public_error(claim.error)
            else:
                value = self.scope[reference] if source == "item" else _own(self.evaluate(reference))
                bound[name] = value if adapter is None else adapter.validate_python(value)
        return bound


def _own(value: Any) -> Any:
    """A body may change what it is given: the run's inputs and the cell's constants stay as they are."""
    return from_json(write_json(value).decode()) if isinstance(value, list | dict) else value


def public_error(error: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a handler is told (SEMANTICS 5)."""
    if error is None:
        return None
    told = {"type": error.get("type"), "message": error.get("message"), "attempts": error.get("attempt")}
    return {**told, "answer": error["answer"]} if "answer" in error else told
