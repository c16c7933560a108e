"""The `@llm` node: a prompt to a model, a typed answer back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TYPE_CHECKING, Any

from tinyflow_nb.errors import MissingExtra, ModelError, SecretMissing, TinyflowError
from tinyflow_nb.nodes.llm_fallback import ModelUnusable, none_answered
from tinyflow_nb.nodes.llm_prompt import prompt_messages
from tinyflow_nb.ports import NodeCall, Produced
from tinyflow_nb.settings import get_settings

if TYPE_CHECKING:
    from types import ModuleType

    from tinyflow_nb.nodes.llm_agent import Question
    from tinyflow_nb.nodes.llm_models import Client

    OpenClient = Callable[[str], AbstractAsyncContextManager[Client]]


class LlmNode:
    """Asks the node's models in turn: the next one if a model can't be used, can't be reached or
    answers with an error. An invalid answer is asked again `reasks` times, then final.

    Args:
        open_client: gives the client for a model's name; tests bring their own.
    """

    def __init__(self, open_client: OpenClient | None = None) -> None:
        self.timeout = get_settings().llm_timeout
        self._open_client = open_client

    async def execute(self, call: NodeCall) -> Produced:
        """The answer, with `usage`: input_tokens, output_tokens, requests, model.

        Raises:
            ModelError: no model gave a valid answer; `answer` is its raw text, if there was one.
            SecretMissing: the only model's key is not set.
            MissingExtra: pydantic-ai, or the only model's runtime, is not installed.
            ExpressionError: the prompt can't be rendered; SkippedUsed: it needs a skipped node.
        """
        # Importing the libraries takes a second or more: not on the loop.
        library: Any = await asyncio.to_thread(_library)
        question = await _question(call)
        library.check_settings(question.settings, call.node.id)
        names = _models(call)
        failures: list[TinyflowError] = []
        for position, name in enumerate(names, 1):
            async with AsyncExitStack() as stack:
                try:
                    opened = (self._open_client or library.open_client)(name)
                    client = await stack.enter_async_context(opened)
                except (ModelUnusable, SecretMissing, MissingExtra) as error:
                    failures.append(error)
                else:  # what a tool raises from here on is the node's own error
                    try:
                        answer: Produced = await library.ask(question, client, last=position == len(names))
                        return answer
                    except ModelUnusable as error:
                        failures.append(error)
            if position < len(names):
                failed = {"model": name, "error": str(failures[-1]), "next": names[position]}
                call.emit("progress", failed)
        raise none_answered(failures) from failures[-1]


async def rendered_messages(call: NodeCall) -> list[dict[str, str]]:
    """What the node would send, as `{"role", "content"}` each; no model is called.

    Raises:
        ExpressionError: the prompt can't be rendered; SkippedUsed: it needs a skipped node.
    """
    return [{"role": m.role, "content": m.content} for m in await prompt_messages(call)]


def _library() -> ModuleType:
    try:
        from tinyflow_nb.nodes import llm_agent
    except ImportError as error:
        raise MissingExtra("an @llm node", "llm") from error
    return llm_agent


def _models(call: NodeCall) -> list[str]:
    models: Any = call.node.options.get("models")
    return list(models) if models else [get_settings().default_model]


async def _question(call: NodeCall) -> Question:
    from tinyflow_nb.nodes.llm_agent import Question

    options: dict[str, Any] = dict(call.node.options)
    return Question(
        messages=await prompt_messages(call),
        output_type=call.output_type,
        tools=[_tool(call, name) for name in options.get("tools") or ()],
        settings=dict(options.get("settings") or {}),
        max_steps=options["max_steps"],
        reasks=options["reasks"],
        emit=call.emit,
    )


def _tool(call: NodeCall, name: str) -> Callable[..., Any]:
    function: Callable[..., Any] | None = call.module.get(name)
    if not callable(function):
        raise ModelError(f"{call.node.id}: tool {name!r} is no function of the cell")
    return function
