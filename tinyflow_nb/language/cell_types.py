"""What the annotations of a cell say once it has run: Python types, and their JSON Schema."""

from __future__ import annotations

import collections.abc as abc
import copy
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic import Field, PydanticUserError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from tinyflow_nb import decorators
from tinyflow_nb.model.context import ExecutionContext
from tinyflow_nb.prompts import Output

_STREAMS = (abc.Iterator, abc.Iterable, abc.AsyncIterator, abc.AsyncIterable)
_GENERATORS = (abc.Generator, abc.AsyncGenerator)


class FunctionTypes(NamedTuple):
    """None stands for what is not annotated."""

    parameters: Mapping[str, Any | None]
    output: Any | None


class TypeProblem(Exception):
    """An annotation that means nothing, or nothing JSON can carry."""


def function_types(function: Callable[..., Any], names: tuple[str, ...], *, streams: bool) -> FunctionTypes:
    """The types of a function's parameters `names` and of its output.

    Of a generator (`streams`) the output is what it streams joined, or what it returns or ends with.

    Raises:
        TypeProblem: an annotation can't be read.
    """
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise TypeProblem(f"an annotation can't be read: {error}") from error
    output = hints.get("return")
    if "return" in hints:
        output = _output_type(output, streams)
    parameters = {name: _parameter_type(hints.get(name)) for name in names}
    return FunctionTypes(parameters, output)


def _parameter_type(hint: Any) -> Any:
    if hint is ExecutionContext or ExecutionContext in typing.get_args(hint):
        return None
    return None if hint is Any else hint


def _output_type(hint: Any, streams: bool) -> Any:
    if hint is Any:
        return None
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in _GENERATORS:
        returned = arguments[2] if origin is abc.Generator and len(arguments) == 3 else types.NoneType
        if returned not in (None, types.NoneType):
            return None if returned is Any else returned
        return _streamed(arguments[0])
    if origin in (abc.Iterator, abc.AsyncIterator) or (streams and origin in _STREAMS):
        return _streamed(arguments[0])
    if streams and hint in (*_STREAMS, *_GENERATORS):
        return None
    return hint


def _streamed(item: Any) -> Any:
    """`Iterator[str]` gives str, of others the list; `Iterator[str | Output[X]]` gives X."""
    if item is Any:
        return None
    options = typing.get_args(item) if _is_union(item) else (item,)
    for option in options:
        if option is Output:
            return None
        if typing.get_origin(option) is Output:
            return typing.get_args(option)[0]
    return str if item is str else list[item]


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def declared_type(annotation: Any, value: Any) -> Any:
    """Of `name: annotation = Input(...)`: the type with the input's constraints."""
    if isinstance(value, decorators.Input) and value.constraints:
        return typing.Annotated[annotation, Field(**value.constraints)]
    return annotation


def adapter(type_: Any) -> TypeAdapter[Any]:
    """Raises TypeProblem if pydantic can't read or write it."""
    try:
        return _adapter(type_)
    except TypeError:  # not hashable, so not kept
        return _built(type_)


@functools.lru_cache(maxsize=1024)
def _adapter(type_: Any) -> TypeAdapter[Any]:
    return _built(type_)


def _built(type_: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(type_)
    except PydanticSchemaGenerationError as error:
        raise TypeProblem(f"{type_name(type_)} can't travel as JSON") from error
    except (PydanticUserError, TypeError, ValueError, NameError) as error:
        raise TypeProblem(f"{type_name(type_)} can't be used as a type: {_first_line(error)}") from error


def json_schema(type_: Any) -> dict[str, Any]:
    """The JSON Schema of what is valid for a type. Raises TypeProblem if it has none."""
    try:
        return copy.deepcopy(_kept_schema(type_))
    except TypeError:  # not hashable, so not kept
        return _schema(type_)


@functools.lru_cache(maxsize=1024)
def _kept_schema(type_: Any) -> dict[str, Any]:
    return _schema(type_)


def _schema(type_: Any) -> dict[str, Any]:
    try:
        return adapter(type_).json_schema()
    except (PydanticInvalidForJsonSchema, PydanticUserError) as error:
        raise TypeProblem(f"{type_name(type_)} has no JSON form: {_first_line(error)}") from error


def type_name(type_: Any) -> str:
    if isinstance(type_, type) and not typing.get_args(type_):
        return type_.__qualname__
    return str(type_).replace("typing.", "")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
