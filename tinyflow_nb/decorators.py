"""The words that make a function a node. They record what they are given and change nothing else.

A decorated function stays the plain function it was. What is recorded is read when the cell becomes
a definition; mistakes are told there, with line and column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypedDict, TypeVar, Unpack, overload

from tinyflow_nb.prompts import Output, assistant, prompt, user
from tinyflow_nb.secrets import secret

__all__ = [
    "Chain", "Default", "Input", "Mark", "NodeOptions", "Output", "Retry", "assistant", "chain", "confirm",
    "default", "llm", "node", "prompt", "secret", "tool", "user",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])

ATTRIBUTE: Final = "__tinyflow__"
"""Where a decorated function carries its Mark."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a decorator recorded: the node's type, positional arguments and options."""

    type: str
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Default:
    """`on_error=default(v)`: the node succeeds with v instead."""

    value: Any


def default(value: Any) -> Default:
    """For `on_error=`: after its last failure the node's output is this JSON value."""
    return Default(value)


class Input:
    """Declares a chain input at the top of a cell: `k: int = Input(20, description="...", ge=1)`.

    Without a default the input is required. The constraints are those of `pydantic.Field`.
    """

    __slots__ = ("constraints", "default", "required")

    def __init__(
        self, default: Any = ..., *, description: str | None = None, title: str | None = None,
        examples: list[Any] | None = None, ge: float | None = None, gt: float | None = None,
        le: float | None = None, lt: float | None = None, multiple_of: float | None = None,
        min_length: int | None = None, max_length: int | None = None, pattern: str | None = None,
    ) -> None:  # fmt: skip
        given = {
            "description": description, "title": title, "examples": examples, "ge": ge, "gt": gt, "le": le,
            "lt": lt, "multiple_of": multiple_of, "min_length": min_length, "max_length": max_length,
            "pattern": pattern,
        }  # fmt: skip
        self.required = default is ...
        self.default = None if self.required else default
        self.constraints: dict[str, Any] = {k: v for k, v in given.items() if v is not None}


@dataclass(frozen=True, slots=True)
class Chain:
    """`CHAIN = Chain(...)`: the settings of the chain itself.

    `deadline` is seconds or "2h", waiting for people included; `max_concurrency` bounds the nodes of
    one run that run at once.
    """

    deadline: float | str | None = None
    max_concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """`retry=Retry(...)`: `max` further attempts, exponentially longer apart, with jitter.

    `wait` and `max_wait` are seconds; `on` is the exception class, or a tuple of those, to retry on.
    """

    max: int = 3
    wait: float = 1.0
    max_wait: float = 60.0
    on: type[Exception] | str | Sequence[type[Exception] | str] = ()


class NodeOptions(TypedDict, total=False):
    """What every node type takes."""

    when: str
    """Expression: the node is skipped if it is false."""
    after: str | Sequence[str]
    """Node ids to wait for without reading them."""
    inputs: Mapping[str, str]
    """Parameters fed from expressions."""
    join: Literal["all", "any"]
    each: str
    """`"doc in docs"`: once per item, in parallel."""
    max_concurrency: int
    """Items that may run at once."""
    until: str
    """Expression: the node repeats until it is true."""
    max_rounds: int
    on_exhausted: Literal["result", "fail"]
    retry: int | Retry
    timeout: float | str
    """Seconds or "3m", per attempt; on a form, the time to answer."""
    on_error: str | Default
    """"fail", "skip", `default(v)`, or the id of a handler node."""
    cache: bool
    result: bool
    """Marks the chain's result."""
    tags: str | Sequence[str]
    """Only workers that carry them take the node."""


@overload
def node(function: F, /) -> F: ...
@overload
def node(
    *, type: str = ..., options: Mapping[str, Any] = ..., **common: Unpack[NodeOptions]
) -> Callable[[F], F]: ...
def node(*arguments: Any, type: str = "code", **options: Any) -> Any:
    """Options for a node whose body is the function itself; without options it may be left out.

    `type=` names a node type that an installed package registers; its `options=` are JSON, and its
    own. The function is then what the type makes of it; a signature with a docstring may do.
    """
    return _mark(type, arguments, options)


@overload
def llm(function: F, /) -> F: ...
@overload
def llm(model: str | Sequence[str] = ..., /, **options: Any) -> Callable[[F], F]: ...
def llm(*arguments: Any, **options: Any) -> Any:
    """A node a language model answers: the docstring is the prompt, the return annotation the form.

    Besides the options of every node: `tools=`, `max_steps=`, `reasks=`; all others are the model's
    own settings (`temperature=` ...). Several models are tried in turn; none means the settings'.
    """
    return _mark("llm", arguments, options)


@overload
def confirm(function: F, /) -> F: ...
@overload
def confirm(
    *, initial: str | Mapping[str, str] = ..., **options: Unpack[NodeOptions]
) -> Callable[[F], F]: ...
def confirm(*arguments: Any, **options: Any) -> Any:
    """A node a person answers: the docstring is the question, the return annotation the form.

    `initial=` fills the form from an expression, or each of its fields from one.
    """
    return _mark("confirm", arguments, options)


def chain(ref: str, /, **options: Any) -> Callable[[F], F]:
    """A node that is another chain. Not available yet: a cell that uses it is refused."""
    marked: Callable[[F], F] = _mark("chain", (ref,), options)
    return marked


def tool(function: F, /) -> F:
    """Marks a function for `tools=`: it is no node."""
    marked: F = _mark("tool", (function,), {})
    return marked


def _mark(type: str, arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    if len(arguments) == 1 and not options and callable(arguments[0]):
        return _put(arguments[0], Mark(type))
    mark = Mark(type, arguments, options)
    return lambda function: _put(function, mark)


def _put(function: F, mark: Mark) -> F:
    setattr(function, ATTRIBUTE, mark)
    return function
