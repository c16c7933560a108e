"""What an `@llm` body returns, and what a generator may end with: the words of a cell's bodies."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Output(Generic[T]):
    """`yield Output(x)` ends a generator: x is the node's output, whatever was streamed before."""

    value: T


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """The messages an `@llm` body asks the model to answer, oldest first."""

    messages: tuple[Message, ...]


def prompt(*parts: object) -> Prompt:
    """A prompt of messages; a part that is no message, prompt or history is what the user says.

    Parts may be messages, other prompts and `{"role": ..., "content": ...}` mappings.

    Raises:
        ValueError: a mapping is no message.
    """
    messages: list[Message] = []
    for part in parts:
        if isinstance(part, Prompt):
            messages += part.messages
        elif isinstance(part, Message):
            messages.append(part)
        elif isinstance(part, dict) and part.keys() == {"role", "content"}:
            messages.append(_message(part["role"], part["content"]))
        else:
            messages.append(user(part))
    return Prompt(tuple(messages))


def user(content: object) -> Message:
    """What the user says: a str as it is, anything else as readable JSON."""
    return _message("user", content)


def assistant(content: object) -> Message:
    """What the model said earlier: a str as it is, anything else as readable JSON."""
    return _message("assistant", content)


def _message(role: Any, content: object) -> Message:
    if role not in ("system", "user", "assistant"):
        raise ValueError(f"a message's role is system, user or assistant, not {role!r}")
    return Message(role, content if isinstance(content, str) else _readable(content))


def _readable(value: object) -> str:
    from pydantic_core import to_jsonable_python

    return json.dumps(to_jsonable_python(value), ensure_ascii=False, indent=2)
