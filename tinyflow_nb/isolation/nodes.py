"""Node executors that let the cell's functions run in child processes."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic_core import from_json, to_jsonable_python

from tinyflow_nb.errors import BodyFailed
from tinyflow_nb.isolation.messages import CallTool, Chunk, Done, Failed, Log, Run
from tinyflow_nb.isolation.pool import Pool, Program
from tinyflow_nb.model.context import ExecutionContext
from tinyflow_nb.nodes.code import CodeNode
from tinyflow_nb.ports import NodeCall, NodeExecutor, Produced

TOOL_USERS = ("llm",)
"""Types whose nodes let a model call functions of the cell."""


class IsolatedTypes(Mapping[str, NodeExecutor]):
    """The node types of one program."""

    def __init__(self, types: Mapping[str, NodeExecutor], pool: Pool, program: Program) -> None:
        self._types = types
        self._pool = pool
        self._program = program

    def __getitem__(self, type: str) -> NodeExecutor:
        executor = self._types[type]
        if type == "code":
            return IsolatedCode(self._pool, self._program)
        return WithIsolatedTools(executor, self._pool, self._program) if type in TOOL_USERS else executor

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)


class IsolatedCode:
    """Code nodes. A child that is not waited for any more - a timeout, a stop - is killed."""

    def __init__(self, pool: Pool, program: Program) -> None:
        self._here = CodeNode()
        self.timeout = self._here.timeout
        self._pool = pool
        self._program = program

    async def execute(self, call: NodeCall) -> Any:
        """
        Raises:
            BodyFailed: as the function did.
            MemoryLimit, ProcessDied: the child did not survive it.
        """
        if call.function is not None:  # an override, of tests: it exists in this process only
            return await self._here.execute(call)
        given = {p.name: call.arguments[p.name] for p in call.node.parameters if p.name in call.arguments}
        plain = {p.name for p in call.node.parameters if p.source != "context"}
        request = Run(
            program=self._program.key,
            node=call.node.id,
            arguments={name: value for name, value in given.items() if name in plain},
            context=_facts(call.context),
        )
        done = await _asked(self._pool, self._program, request, call)
        value = from_json(done.value)
        return value if done.info is None else Produced(value, dict(done.info))


class WithIsolatedTools:
    """Another type's nodes: they run here, and the functions of the cell that a model calls do not."""

    def __init__(self, executor: NodeExecutor, pool: Pool, program: Program) -> None:
        self._executor = executor
        self.timeout = executor.timeout
        self._pool = pool
        self._program = program

    async def execute(self, call: NodeCall) -> Any:
        names: Any = call.node.options.get("tools") or ()
        tools = {name: self._isolated(call, name) for name in names if callable(call.module.get(name))}
        return await self._executor.execute(_CallWith(call, {**call.module, **tools}) if tools else call)

    def _isolated(self, call: NodeCall, name: str) -> Callable[..., Any]:
        @functools.wraps(call.module[name])
        async def tool(**arguments: Any) -> Any:
            request = CallTool(
                program=self._program.key, node=call.node.id, function=name,
                arguments=to_jsonable_python(arguments), context=_facts(call.context),
            )  # fmt: skip
            return from_json((await _asked(self._pool, self._program, request, call)).value)

        return tool


class _CallWith:
    """A call that sees another module."""

    def __init__(self, call: NodeCall, module: Mapping[str, Any]) -> None:
        self._call = call
        self.module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


async def _asked(pool: Pool, program: Program, request: Run | CallTool, call: NodeCall) -> Done:
    def heard(message: Chunk | Log) -> None:
        if isinstance(message, Chunk):
            call.emit(message.kind, message.value)
        else:
            call.log(message.level, message.text)

    async with pool.child(program) as child:
        answer = await child.ask(request, heard)
        if isinstance(answer, Failed):
            raise pool.out_of_memory() if answer.out_of_memory else BodyFailed(answer.error)
        assert isinstance(answer, Done)
        return answer


def _facts(context: ExecutionContext) -> dict[str, Any]:
    names = (f.name for f in dataclasses.fields(context) if not f.name.startswith("_"))
    return {name: to_jsonable_python(getattr(context, name)) for name in names}
