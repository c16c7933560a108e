"""Code nodes: the cell's own functions, and the generators that stream."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any

from tinyflow_nb.errors import ValueNotJson
from tinyflow_nb.language.values import MAX_BYTES
from tinyflow_nb.ports import NodeCall, Produced
from tinyflow_nb.settings import get_settings


class CodeNode:
    """`async def` runs on the loop, `def` in a thread; a generator's values are shown as they come."""

    def __init__(self) -> None:
        self.timeout = get_settings().node_timeout

    async def execute(self, call: NodeCall) -> Any:
        function = call.function
        assert function is not None
        if inspect.isasyncgenfunction(function):
            collected = _Collected(call)
            async for value in function(**call.arguments):
                if collected.ends(value):
                    break
            return collected.output()
        if inspect.iscoroutinefunction(function):
            return await function(**call.arguments)
        result = await call.in_thread(partial(_call, function, call))
        return await result if inspect.isawaitable(result) else result


def _call(function: Any, call: NodeCall) -> Any:
    result = function(**call.arguments)
    if inspect.isgenerator(result):
        return _drain(result, call)
    return result


def _drain(values: Iterator[Any], call: NodeCall) -> Any:
    """What a sync generator returns, or else what it yielded."""
    collected = _Collected(call)
    while True:
        try:
            value = next(values)
        except StopIteration as end:
            return collected.output() if end.value is None else end.value
        if call.context.cancelled or collected.ends(value):
            values.close()  # type: ignore[attr-defined]
            return collected.output()


class _Collected:
    """What a generator yielded: text is joined, other values make a list (SEMANTICS 33)."""

    def __init__(self, call: NodeCall) -> None:
        self._call = call
        self._values: list[Any] = []
        self._size = 0
        self._final: Produced | None = None

    def ends(self, value: Any) -> bool:
        """Take one value; True after `Output(x)`."""
        from tinyflow_nb.prompts import Output

        if isinstance(value, Output):
            self._final = Produced(value.value, {})
            return True
        self._size += len(value) if isinstance(value, str) else 1
        if self._size > MAX_BYTES:  # it may yield for ever
            raise ValueNotJson(f"node {self._call.node.id!r} yields more than any output may hold: stop it")
        self._values.append(value)
        self._call.emit("text" if isinstance(value, str) else "progress", value)
        return False

    def output(self) -> Any:
        if self._final is not None:
            return self._final
        if all(isinstance(v, str) for v in self._values):
            expects_list = self._call.output_type not in (None, str) and not self._values
            return [] if expects_list else "".join(self._values)
        return self._values
