"""The child process: makes modules of cells and runs their functions, one after another, as it is told.

Its standard input and output are the worker's pipes; what the cell's code reads is empty, and what it
writes there goes to the standard error, which the worker reads too.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import resource
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from pydantic import validate_call
from pydantic_core import to_json as write_json
from pydantic_core import to_jsonable_python

from tinyflow_nb.engine.failures import describe
from tinyflow_nb.engine.node_logs import catch_output
from tinyflow_nb.engine.plan import NodePlan, Plan, make_plan
from tinyflow_nb.errors import DefinitionError
from tinyflow_nb.isolation.messages import (
    HEAD,
    MARK,
    CallTool,
    Chunk,
    Done,
    Failed,
    Load,
    Loaded,
    Log,
    Message,
    Refused,
    Run,
    ToChild,
    frame,
    to_child,
)
from tinyflow_nb.language.values import to_json, typed
from tinyflow_nb.model.context import ExecutionContext
from tinyflow_nb.model.definition import ChainDefinition, NodeDefinition
from tinyflow_nb.nodes.code import CodeNode
from tinyflow_nb.ports import ChunkKind, NodeExecutor, Produced
from tinyflow_nb.secrets import redact


def main() -> None:
    """`python -m tinyflow_nb.isolation.child BYTES`: until the worker closes its pipe."""
    faulthandler.enable()
    requests, answers, errors = _own_pipes()
    most = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asyncio.run(_Child(requests, answers, errors).serve())


def _own_pipes() -> tuple[BinaryIO, BinaryIO, int]:
    """The worker's pipes, out of the reach of `print` and of subprocesses; the standard error again, for
    whatever the cell does to its own."""
    requests, answers, errors = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"), os.dup(2)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers, errors


class _Child:
    def __init__(self, requests: BinaryIO, answers: BinaryIO, errors: int) -> None:
        self._requests = requests
        self._answers = answers
        self._errors = errors
        self._plans: dict[str, Plan] = {}
        self._sending = threading.Lock()

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[ToChild] = asyncio.Queue()

        def read() -> None:
            while body := self._read():
                loop.call_soon_threadsafe(inbox.put_nowait, to_child.validate_json(body))
            os._exit(0)  # the worker has gone, whatever still runs here

        threading.Thread(target=read, name="tinyflow-requests", daemon=True).start()
        while True:
            answer = await self._answer(await inbox.get())
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):  # the cell closed it
                    stream.flush()
            with contextlib.suppress(OSError):
                os.write(self._errors, MARK + b"\n")
            self._send(answer)

    def _read(self) -> bytes:
        head = self._requests.read(HEAD.size)
        return self._requests.read(*HEAD.unpack(head)) if len(head) == HEAD.size else b""

    def _send(self, message: Message) -> None:
        """From any thread."""
        data = frame(message)
        with self._sending:
            self._answers.write(data)
            self._answers.flush()

    async def _answer(self, message: ToChild) -> Message:
        if isinstance(message, Load):
            return self._load(message)
        plan = self._plans[message.program]
        node = plan.nodes[message.node]
        try:
            return await (self._run if isinstance(message, Run) else self._call_tool)(plan, node, message)
        except MemoryError:
            return Failed(error={}, out_of_memory=True)
        except BaseException as e:  # noqa: BLE001  whatever a body raises is its node's failure
            return Failed(error=describe(e, 1, node.definition.line))

    def _load(self, message: Load) -> Message:
        definition = ChainDefinition.model_validate_json(message.definition)
        try:
            self._plans[message.program] = make_plan(definition, _Any(), message.bindings)
        except DefinitionError as e:
            cause = e.__cause__
            if isinstance(cause, MemoryError):
                return Failed(error={}, out_of_memory=True)
            missing = cause.name or "" if isinstance(cause, ModuleNotFoundError) else ""
            problems = [(p.line, p.column, p.message, p.hint) for p in e.problems]
            return Refused(problems=problems, missing=missing.partition(".")[0])
        except MemoryError:
            return Failed(error={}, out_of_memory=True)
        return Loaded()

    async def _run(self, plan: Plan, node: NodePlan, message: Any) -> Message:
        call = _Call(plan, node, message, self._send)
        catch_output(call.log)
        result = await CodeNode().execute(call)
        value, info = result if isinstance(result, Produced) else (result, None)
        return Done(value=to_json(value, node.output, f"node {node.definition.id!r}"), info=info)

    async def _call_tool(self, plan: Plan, node: NodePlan, message: Any) -> Message:
        call = _Call(plan, node, message, self._send)
        catch_output(call.log)
        function = validate_call(plan.module.namespace[message.function])
        given = dict(message.arguments)
        found = await call.in_thread(lambda: function(**given))
        result = await found if asyncio.iscoroutine(found) else found
        return Done(value=write_json(result, serialize_unknown=True).decode())


class _Any(Mapping[str, NodeExecutor]):
    """Every node type: only functions of the cell are called here."""

    def __getitem__(self, type: str) -> NodeExecutor:
        return CodeNode()

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


class _Call:
    """The NodeCall of the child."""

    def __init__(
        self, plan: Plan, node: NodePlan, message: Run | CallTool, send: Callable[[Message], None]
    ) -> None:
        self._plan = plan
        self._node = node
        self._send = send
        facts: dict[str, Any] = dict(message.context)
        self.context = ExecutionContext(**{**facts, "call_stack": tuple(facts["call_stack"])})
        self._given = message.arguments

    @property
    def node(self) -> NodeDefinition:
        return self._node.definition

    @property
    def arguments(self) -> dict[str, Any]:
        bound: dict[str, Any] = {}
        for name, source, _, adapter in self._node.bindings:
            if source == "context":
                bound[name] = self.context
            elif name not in self._given:
                continue  # a skipped parent, an input left out: the parameter's own default
            elif source in ("node", "previous"):
                bound[name] = typed(write_json(self._given[name]).decode(), adapter, name)
            else:
                value = self._given[name]
                bound[name] = value if adapter is None else adapter.validate_python(value)
        return bound

    @property
    def scope(self) -> Mapping[str, Any]:
        return {}

    @property
    def skipped(self) -> frozenset[str]:
        return frozenset()

    @property
    def function(self) -> Callable[..., Any] | None:
        return self._node.function

    @property
    def output_type(self) -> Any:
        return self._node.output_type

    @property
    def module(self) -> Mapping[str, Any]:
        return self._plan.module.namespace

    def emit(self, kind: ChunkKind, value: Any) -> None:
        self._send(Chunk(kind=kind, value=to_jsonable_python(value, serialize_unknown=True)))

    def log(self, level: str, text: str) -> None:
        self._send(Log(level=level, text=redact(text)))

    async def in_thread(self, function: Callable[[], Any]) -> Any:
        return await asyncio.to_thread(function)


if __name__ == "__main__":
    main()
