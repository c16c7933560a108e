"""What a worker and its child processes say to each other: JSON, each message behind its length."""

from __future__ import annotations

import struct
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

LARGEST = 512 * 1024 * 1024
"""Bytes of one message; a child that says it sends more is none of ours any more."""
HEAD = struct.Struct("!I")
MARK = b"\0"
"""Ends a line of its own on the standard error, before each answer: what was written so far is read."""


class Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class Load(Message):
    """Make a definition's module; answered by Loaded or Refused."""

    says: Literal["load"] = "load"
    program: str
    """The key by which it is named from now on."""
    definition: str
    """JSON."""
    bindings: dict[str, JsonValue]


class Run(Message):
    """Run a node's function; answered by Done or Failed, after any number of Chunk and Log."""

    says: Literal["run"] = "run"
    program: str
    node: str
    arguments: dict[str, JsonValue]
    """By parameter, plain: the child knows the annotations."""
    context: dict[str, JsonValue]
    """Fields of the ExecutionContext."""


class CallTool(Message):
    """Call a function of the cell that a model uses; answered as Run."""

    says: Literal["tool"] = "tool"
    program: str
    node: str
    function: str
    arguments: dict[str, JsonValue]
    context: dict[str, JsonValue]


class Loaded(Message):
    says: Literal["loaded"] = "loaded"


class Refused(Message):
    """The module can't be made here."""

    says: Literal["refused"] = "refused"
    problems: list[tuple[int, int, str, str]]
    """Line, column, message and hint of each."""
    missing: str = ""
    """A package that is not installed, if that is why."""


class Chunk(Message):
    says: Literal["chunk"] = "chunk"
    kind: Literal["text", "thinking", "tool_call", "tool_result", "progress"]
    value: JsonValue


class Log(Message):
    says: Literal["log"] = "log"
    level: str
    text: str


class Done(Message):
    says: Literal["done"] = "done"
    value: str
    """JSON text of the output."""
    info: dict[str, JsonValue] | None = None


class Failed(Message):
    says: Literal["failed"] = "failed"
    error: dict[str, Any]
    """As the engine describes one."""
    out_of_memory: bool = False


ToChild = Load | Run | CallTool
FromChild = Loaded | Refused | Chunk | Log | Done | Failed

to_child: TypeAdapter[ToChild] = TypeAdapter(Annotated[ToChild, Field(discriminator="says")])
from_child: TypeAdapter[FromChild] = TypeAdapter(Annotated[FromChild, Field(discriminator="says")])


def frame(message: Message) -> bytes:
    body = message.model_dump_json().encode()
    return HEAD.pack(len(body)) + body
