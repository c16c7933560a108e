"""What an `@llm` node says to the model: its messages, rendered."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from tinyflow_nb.errors import ModelError
from tinyflow_nb.language.expressions import render
from tinyflow_nb.ports import NodeCall
from tinyflow_nb.prompts import Message, Prompt


async def prompt_messages(call: NodeCall) -> list[Message]:
    """System first, the user's last.

    Raises:
        ExpressionError: the prompt can't be rendered; SkippedUsed: it needs a skipped node.
        ModelError: the body gave something that is no prompt.
    """
    scope, skipped = _visible(call)

    def rendered(option: str) -> str:
        return render(str(call.node.options.get(option) or ""), scope, skipped).strip()

    system = rendered("system")
    messages = [Message("system", system)] if system else []
    if call.node.options.get("body"):
        messages += _from_body(await _call_body(call), call.node.id)
    else:
        messages.append(Message("user", rendered("prompt")))
    if messages[-1].role != "user":
        raise ModelError(f"{call.node.id}: the prompt must end with a user's message")
    return messages


def _visible(call: NodeCall) -> tuple[dict[str, Any], frozenset[str]]:
    """The names a prompt sees, and those of skipped nodes among them.

    A parameter is what the function would receive, except that a skipped parent's default of None
    leaves it undefined, so that `{{ x | default("none") }}` works (SEMANTICS 2, 3).
    """
    from pydantic_core import to_jsonable_python

    scope = dict(call.scope)
    for parameter in call.node.parameters:
        name = parameter.name
        if parameter.source == "context" or (name == parameter.reference and name in scope):
            continue
        value = call.arguments[name] if name in call.arguments else _default(call.function, name)
        if value is not None or name not in call.skipped:
            scope[name] = to_jsonable_python(value)
    return scope, call.skipped - scope.keys()


def _default(function: Callable[..., Any] | None, name: str) -> Any:
    if function is None:
        return None
    default = inspect.signature(function).parameters[name].default
    return None if default is inspect.Parameter.empty else default


async def _call_body(call: NodeCall) -> Any:
    function = call.function
    assert function is not None
    body = partial(function, **call.arguments)
    return await body() if inspect.iscoroutinefunction(function) else await call.in_thread(body)


def _from_body(prompt: Any, node: str) -> list[Message]:
    if isinstance(prompt, str):
        return [Message("user", prompt)]
    if not isinstance(prompt, Prompt) or not prompt.messages:
        given = "an empty prompt" if isinstance(prompt, Prompt) else type(prompt).__name__
        raise ModelError(
            f'{node}: the body returned {given}: return a text, or prompt("...", user(x), assistant(y))'
        )
    return list(prompt.messages)
