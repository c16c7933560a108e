"""What went wrong with a model, in the words of the cell's author, without secrets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelRequestTimeout,
    ModelTimeoutError,
    OutputTokenLimitExceeded,
    UsageLimitExceeded,
)
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart

from tinyflow_nb.errors import ModelError
from tinyflow_nb.nodes.llm_fallback import ModelUnusable
from tinyflow_nb.nodes.llm_models import Client
from tinyflow_nb.secrets import redact

LONGEST_QUOTE = 300
_KEY_LIKE = re.compile(r"\b(sk|pk|rk|gsk|xai|hf)[-_][A-Za-z0-9_*.-]{8,}")


def explained(
    error: AgentRunError, client: Client, question_type: Any, said: Sequence[ModelMessage]
) -> ModelError:
    """The library's error as ours; the answer is the model's last, raw."""
    name = f"model {client.name!r}"
    answer = redact(answer_in(said))
    match error:
        case ModelAPIError():
            return ModelUnusable(_clean(f"{name}: {_refusal(error, client)}"))
        case UsageLimitExceeded():
            return ModelError(f"{name} asked for more tool calls than max_steps allows", answer)
        case OutputTokenLimitExceeded():
            return ModelError(f"{name} reached its token limit within the answer: raise max_tokens", answer)
    reason = _invalid(error)
    wanted = "answer" if question_type in (None, str) else _named(question_type)
    quoted = f"; it said: {_quote(answer)}" if answer else ""
    return ModelError(_clean(f"{name} gave no valid {wanted}: {reason}{quoted}"), answer)


def _named(type_: Any) -> str:
    return type_.__name__ if isinstance(type_, type) else str(type_).replace("typing.", "")


def _refusal(error: ModelAPIError, client: Client) -> str:
    at = f" at {client.url}" if client.url else ""
    match error:
        case ModelTimeoutError() | ModelRequestTimeout():
            return f"no answer in time{at}"
        case ModelConnectionError():
            return f"can't be reached, or broke off{at} ({_cause(error)})"
        case ModelAuthenticationError():
            hint = "check the key"
        case ModelNotFoundError():
            hint = "check the model's name and the base URL"
        case ModelContextWindowExceededError():
            hint = "the prompt is too long for it"
        case _:
            hint = ""
    status = f" with {error.status_code}" if isinstance(error, ModelHTTPError) else ""
    detail = _quote(_provider_message(error))
    answered = f"the endpoint{at} answered{status}"
    return ": ".join(filter(None, (answered, hint, detail)))


def _provider_message(error: ModelAPIError) -> str:
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error")
        body = body.get("message") or (inner.get("message") if isinstance(inner, dict) else inner) or body
    return str(body) if body else ("" if isinstance(error, ModelHTTPError) else error.message)


def _cause(error: BaseException) -> str:
    """The innermost reason: `Connection refused` says more than `Connection error.`"""
    inner = error
    while (below := inner.__cause__ or inner.__context__) is not None:
        inner = below
    return str(inner) or type(inner).__name__


def _invalid(error: AgentRunError) -> str:
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, ValidationError):
            first = below.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            return f"{where}: {first['msg']}" if where else first["msg"]
        below = below.__cause__ or below.__context__
    return error.message


def answer_in(said: Sequence[ModelMessage]) -> str:
    """The text, or the arguments of the call, of the model's last message."""
    for message in reversed(said):
        if isinstance(message, ModelResponse):
            parts = [
                part.content if isinstance(part, TextPart) else part.args_as_json_str()
                for part in message.parts
                if isinstance(part, TextPart | ToolCallPart)
            ]
            return "".join(parts)
    return ""


def _clean(text: str) -> str:
    """Providers echo keys, wrong ones in part."""
    return _KEY_LIKE.sub("***", redact(text))


def _quote(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "…"
