"""The bounded sandbox expressions and prompts run in: Jinja2's immutable one, made narrower.

Values are plain JSON, so a dot or bracket only ever looks up a key; nothing can be called; every
place where a value is used is guarded in the syntax tree, so that a skipped node can't slip through.
"""

from __future__ import annotations

import difflib
import math
import time
from collections.abc import Collection, Mapping
from typing import Any, NoReturn

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from pydantic_core import to_json

from tinyflow_nb.errors import ExpressionError, TinyflowError

MAX_TEXT = 1_000_000
"""Characters a template may render to, or an operation may build."""
MAX_ITEMS = 1_000_000
"""Values a list or mapping built by an expression may hold, at all depths together."""
MAX_LOOPS = 100_000
"""Loop iterations of one rendering, all loops together."""
MAX_SECONDS = 5.0
"""Of the processor, for one evaluation: the last resort against slow ones; honest ones take microseconds."""
MAX_INTEGER_BITS = 4096

LOOP_FIELDS = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "previtem", "nextitem"}
)


class SkippedUsed(TinyflowError):
    """An expression needs the output of a skipped node, so its own node is skipped (SEMANTICS 3)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} was skipped")
        self.name = name


class Missing(Undefined):
    """A name or field that is not there; using it is an error."""

    __slots__ = ()


class Skipped(Undefined):
    """The output of a skipped node."""

    __slots__ = ()


class BoundedContext(Context):
    """The scope of one evaluation, with what it may still spend."""

    def __init__(self, environment: Sandbox, scope: Mapping[str, Any], skipped: Collection[str] = ()) -> None:
        super().__init__(environment, scope, None, {})  # type: ignore[arg-type]  # only ever read
        self.skipped = skipped
        self.loops_left = MAX_LOOPS
        self.ends = time.thread_time() + MAX_SECONDS

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.skipped:
            return Skipped(name=key)
        value = super().resolve_or_missing(key)
        if isinstance(value, Undefined):
            return Skipped(name=key)
        return value

    def check_time(self) -> None:
        if time.thread_time() > self.ends:
            raise ExpressionError(f"takes longer than {MAX_SECONDS:g} s")

    def spend_loops(self, count: int) -> None:
        self.check_time()
        self.loops_left -= count
        if self.loops_left < 0:
            raise ExpressionError(f"loops more than {MAX_LOOPS:,} times")


class Sandbox(ImmutableSandboxedEnvironment):
    """Dots look up keys, operators are bounded, calls are refused."""

    intercepted_binops = frozenset({"+", "*", "%", "**"})

    def __init__(self) -> None:
        super().__init__(
            autoescape=False, undefined=Missing, optimized=False, keep_trailing_newline=True,
            finalize=bounded_text,
        )  # fmt: skip
        self.globals.clear()

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext):
            if attribute in LOOP_FIELDS:
                return getattr(obj, attribute)
        elif isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return Missing(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        try:
            return obj[argument]
        except (TypeError, LookupError):
            return Missing(obj=obj, name=argument)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> NoReturn:
        raise ExpressionError("calls nothing: use a filter, as in `x | length`")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        assert isinstance(context, BoundedContext)
        if operator == "**":
            raise ExpressionError("`**` is not available")
        if operator == "%" and isinstance(left, str):
            raise ExpressionError("`%` does not format text: join it with `~`")
        if operator == "*":
            _check_product(left, right)
            _check_product(right, left)
        elif operator == "+" and isinstance(left, str) and isinstance(right, str):
            check_text(len(left) + len(right))
        value = super().call_binop(context, operator, left, right)
        return built(context, value) if isinstance(value, list) else value


def _check_product(left: Any, right: Any) -> None:
    if not isinstance(left, int):
        return
    if isinstance(right, int) and left.bit_length() + right.bit_length() > MAX_INTEGER_BITS:
        raise ExpressionError("makes too large a number")
    if isinstance(right, str):
        check_text(left * len(right))
    if isinstance(right, list) and left * len(right) > MAX_ITEMS:
        raise ExpressionError(f"builds more than {MAX_ITEMS:,} values")


def check_text(length: int) -> None:
    """Raises ExpressionError if a text of so many characters may not be built."""
    if length > MAX_TEXT:
        raise ExpressionError(f"makes more than {MAX_TEXT:,} characters")


# ------------------------------------------------------------------ guards put into the tree


@pass_context
def used(context: BoundedContext, value: Any) -> Any:
    """The value, which must be there."""
    context.check_time()
    if isinstance(value, Undefined):
        refuse_undefined(context, value)
    return value


@pass_context
def tested(context: BoundedContext, value: Any) -> Any:
    """The value as a condition: a field that is not there is false, a skipped node is still used."""
    if isinstance(value, Missing) and (value._undefined_obj is not missing or value._undefined_hint):
        return False
    return used(context, value)


def false_if_missing(value: Any) -> Any:
    """An operand of `and`."""
    return False if isinstance(value, Undefined) else value


@pass_context
def looped(context: BoundedContext, value: Any) -> Any:
    """What a `for` runs over."""
    if not isinstance(value, (list, dict, str)):
        raise ExpressionError(f"can't loop over {kind_of(value)}")
    context.spend_loops(len(value))
    return value


@pass_context
def built(context: BoundedContext, value: Any) -> Any:
    """A list or mapping an expression made: it must not grow exponentially by holding itself."""
    context.check_time()
    count, level = 0, [value]
    while level:
        below: list[Any] = []
        for part in level:
            inner: Collection[Any] = part.values() if isinstance(part, dict) else part
            count += len(inner)
            below.extend(p for p in inner if isinstance(p, (list, dict)))
            if count > MAX_ITEMS:
                raise ExpressionError(f"builds more than {MAX_ITEMS:,} values")
        level = below
    if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
        raise ExpressionError("a mapping's keys must be text")
    return value


@pass_context
def joined(context: BoundedContext, parts: list[Any]) -> str:
    """`a ~ b`."""
    texts = [text(context, part) for part in parts]
    check_text(sum(map(len, texts)))
    return "".join(texts)


GUARDS: dict[str, Any] = {
    "@used": used, "@tested": tested, "@and": false_if_missing, "@looped": looped, "@built": built,
    "@joined": joined,
}  # fmt: skip


def refuse_undefined(context: BoundedContext, value: Undefined) -> NoReturn:
    name = value._undefined_name
    if isinstance(value, Skipped):
        raise SkippedUsed(str(name))
    obj = value._undefined_obj
    if value._undefined_hint:  # the first of nothing
        raise ExpressionError(value._undefined_hint.rstrip("."))
    if obj is missing:
        raise ExpressionError(f"there is no {name!r} here{did_you_mean(str(name), context.parent)}")
    if isinstance(obj, Mapping):
        raise ExpressionError(f"there is no field {name!r}{did_you_mean(str(name), obj)}")
    if isinstance(obj, (list, str)) and isinstance(name, int):
        raise ExpressionError(f"there is no item {name}: {kind_of(obj)} has {len(obj)}")
    raise ExpressionError(f"{kind_of(obj)} has no field {name!r}")


def did_you_mean(name: str, known: Collection[str]) -> str:
    """`; did you mean 'total'?`, or what there is, or nothing."""
    close = difflib.get_close_matches(name, [k for k in list(known)[:1000] if isinstance(k, str)], n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    if 0 < len(known) <= 10:
        return f" (there is: {', '.join(map(str, known))})"
    return ""


def kind_of(value: Any) -> str:
    """What a cell's author calls a value of that kind."""
    if value is None:
        return "none"
    for kind, word in ((bool, "a boolean"), ((int, float), "a number"), (str, "a text"), (list, "a list")):
        if isinstance(value, kind):
            return word
    return "a mapping" if isinstance(value, Mapping) else f"a {type(value).__name__}"


# ------------------------------------------------------------------ values as text


def text(context: BoundedContext, value: Any) -> str:
    """A str as it is, anything else as readable JSON (SEMANTICS 34)."""
    context.check_time()
    if isinstance(value, str):
        return value
    if isinstance(value, Undefined):
        refuse_undefined(context, value)
    return as_json(value, 2)


def as_json(value: Any, indent: int | None) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        raise ExpressionError(f"{value} is no JSON number")
    try:
        return to_json(value, indent=indent).decode()
    except ValueError as error:
        raise ExpressionError(f"{kind_of(value)} can't be written as JSON: {error}") from error


@pass_context
def bounded_text(context: BoundedContext, value: Any) -> str:
    """What `{{ }}` writes."""
    written = text(context, value)
    check_text(len(written))
    return written
