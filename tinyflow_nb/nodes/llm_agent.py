"""One conversation of an `@llm` node with one model. Import it from a thread, as llm_models."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_type_hints

from opentelemetry.trace import get_current_span
from pydantic_ai import Agent, NativeOutput, PromptedOutput, RunContext, ToolOutput, capture_run_messages
from pydantic_ai.capabilities import AbstractCapability, Instrumentation
from pydantic_ai.exceptions import AgentRunError, ModelContextWindowExceededError, ModelHTTPError, UserError
from pydantic_ai.messages import (
    AgentStreamEvent,
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    UserPromptPart,
)
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import UsageLimits
from pydantic_core import to_jsonable_python

from tinyflow_nb.errors import ModelError
from tinyflow_nb.nodes.llm_errors import explained
from tinyflow_nb.nodes.llm_models import Client, open_client
from tinyflow_nb.ports import ChunkKind, Produced
from tinyflow_nb.prompts import Message

__all__ = ["Question", "ask", "check_settings", "open_client"]

PROVIDERS = frozenset(
    {"anthropic", "bedrock", "cohere", "google", "groq", "mistral", "openai", "openrouter", "xai"}
)
"""Prefixes of the settings only one provider reads."""

OutputMode = Literal["text", "native", "tool", "prompted"]


@dataclass(frozen=True)
class Question:
    """What is asked, whichever model answers."""

    messages: list[Message]
    output_type: Any
    """None and str: text."""
    tools: Sequence[Callable[..., Any]]
    settings: dict[str, Any]
    max_steps: int
    """Tool calls."""
    reasks: int
    emit: Callable[[ChunkKind, Any], None]

    @property
    def wants_text(self) -> bool:
        return self.output_type in (None, str, Any)


def check_settings(settings: Mapping[str, Any], node: str) -> None:
    """Raises ModelError for a model setting that nobody would read."""
    known = get_type_hints(ModelSettings)
    for name in settings:
        if name not in known and name.partition("_")[0] not in PROVIDERS:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "known are: " + ", ".join(sorted(known))
            raise ModelError(f"{node}: no model has a setting {name!r}; {hint}")


async def ask(question: Question, client: Client, *, last: bool = True) -> Produced:
    """The answer, of the type asked for, and what it used.

    If this is not the `last` model to try, a refused request is not repeated.

    Raises:
        ModelError: with the raw answer, if there was one.
        ModelUnusable: the model can't be reached or refused; another one may do.
        What a tool raises passes through.
    """
    if not last:
        question = replace(question, settings={"max_retries": 0, **question.settings})
    mode = _output_mode(question, client)
    with capture_run_messages() as said:
        try:
            return await _ask(question, client, mode)
        except AgentRunError as error:
            if mode != "native" or not _schema_refused(error):
                raise explained(error, client, question.output_type, said) from error
        except UserError as error:
            raise ModelError(f"model {client.name!r}: {error.message}") from error
    with capture_run_messages() as said:
        try:
            return await _ask(question, client, "prompted")
        except AgentRunError as error:
            raise explained(error, client, question.output_type, said) from error


def _output_mode(question: Question, client: Client) -> OutputMode:
    if question.wants_text:
        return "text"
    profile = client.model.profile
    # With tools of its own a request leaves no room for a grammar on many servers.
    if profile.get("supports_json_schema_output") and not question.tools:
        return "native"
    return "tool" if profile.get("supports_tools", True) else "prompted"


def _schema_refused(error: AgentRunError) -> bool:
    """Not every compatible endpoint takes a schema; all take a prompt."""
    return (
        isinstance(error, ModelHTTPError)
        and error.status_code in (400, 422)
        and not isinstance(error, ModelContextWindowExceededError)
    )


async def _ask(question: Question, client: Client, mode: OutputMode) -> Produced:
    system, history, last = _conversation(question.messages)
    agent: Agent[None, Any] = Agent(
        client.model,
        name="llm",
        instructions=system or None,
        output_type=_output_spec(question.output_type, mode),
        tools=question.tools,
        retries={"output": question.reasks, "tools": question.reasks},
        capabilities=_instrumentation(),
    )
    result = await agent.run(
        last,
        message_history=history,
        model_settings=cast("ModelSettings", {**client.defaults, **question.settings}),
        usage_limits=UsageLimits(
            request_limit=question.max_steps + question.reasks + 1, tool_calls_limit=question.max_steps
        ),
        event_stream_handler=_shown(question),
    )
    usage = result.usage
    return Produced(
        result.output,
        {
            "usage": {
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
                "requests": usage.requests,
                "model": client.name,
            }
        },
    )


def _instrumentation() -> list[AbstractCapability[None]]:
    """Spans of the model's calls below the node's, if that is traced; what is said is not told."""
    if not get_current_span().is_recording():
        return []
    return [Instrumentation(InstrumentationSettings(include_content=False))]


def _output_spec(output_type: Any, mode: OutputMode) -> Any:
    match mode:
        case "text":
            return str
        case "native":
            return NativeOutput(output_type)
        case "tool":
            return ToolOutput(output_type)
        case "prompted":
            return PromptedOutput(output_type)


def _conversation(messages: list[Message]) -> tuple[str, list[ModelMessage], str]:
    """(the leading system text, what was said so far, the user's last message)."""
    *earlier, last = messages
    system = ""
    history: list[ModelMessage] = []
    for position, message in enumerate(earlier):
        match message.role:
            case "system" if position == 0:
                system = message.content
            case "system":
                history.append(ModelRequest(parts=[SystemPromptPart(message.content)]))
            case "user":
                history.append(ModelRequest(parts=[UserPromptPart(message.content)]))
            case "assistant":
                history.append(ModelResponse(parts=[TextPart(message.content)]))
    return system, history, last.content


def _shown(question: Question) -> Callable[..., Awaitable[None]]:
    async def show(_: RunContext[None], events: AsyncIterable[AgentStreamEvent]) -> None:
        async for event in events:
            for kind, value in _chunks(event):
                # Pieces of JSON are no text to read; the whole value comes at the end.
                if kind != "text" or question.wants_text:
                    question.emit(kind, value)

    return show


def _chunks(event: AgentStreamEvent) -> Iterator[tuple[ChunkKind, Any]]:
    match event:
        case (
            PartStartEvent(part=TextPart(content=text))
            | PartDeltaEvent(delta=TextPartDelta(content_delta=text))
        ) if text:
            yield "text", text
        case (
            PartStartEvent(part=ThinkingPart(content=text))
            | PartDeltaEvent(delta=ThinkingPartDelta(content_delta=text))
        ) if text:
            yield "thinking", text
        case FunctionToolCallEvent(part=call):
            yield "tool_call", {"id": call.tool_call_id, "tool": call.tool_name, "args": call.args_as_dict()}
        case FunctionToolResultEvent(part=returned):
            key = "result" if returned.outcome == "success" else "error"
            value = to_jsonable_python(returned.content, fallback=str)
            yield "tool_result", {"id": returned.tool_call_id, "tool": returned.tool_name, key: value}
