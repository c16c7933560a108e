"""The filters and tests of expressions: Jinja2's harmless ones, with those that could grow bounded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from jinja2 import filters, pass_context, tests

from tinyflow_nb.errors import ExpressionError
from tinyflow_nb.language.expression_sandbox import (
    GUARDS,
    BoundedContext,
    as_json,
    check_text,
    kind_of,
    text,
    used,
)

MAX_INDENT = 100


@pass_context
def as_list(context: BoundedContext, value: Any) -> list[Any]:
    context.check_time()
    if not isinstance(value, Iterable):
        raise ExpressionError(f"can't make a list of {kind_of(value)}")
    return list(value)


def items(value: Any) -> list[list[Any]]:
    if not isinstance(value, dict):
        raise ExpressionError(f"`items` takes a mapping, not {kind_of(value)}")
    return [[key, item] for key, item in value.items()]


def dictsort(
    value: Any, case_sensitive: bool = False, by: str = "key", reverse: bool = False
) -> list[list[Any]]:
    if not isinstance(value, dict):
        raise ExpressionError(f"`dictsort` takes a mapping, not {kind_of(value)}")
    return [list(pair) for pair in filters.do_dictsort(value, case_sensitive, by, reverse)]  # type: ignore[arg-type]


@pass_context
def joined(context: BoundedContext, value: Any, separator: str = "", attribute: Any = None) -> str:
    if attribute is not None:
        value = map(filters.make_attrgetter(context.environment, attribute), value)
    length, parts = -len(separator), []
    for part in value:
        parts.append(text(context, part))
        length += len(parts[-1]) + len(separator)
        check_text(length)
    return separator.join(parts)


@pass_context
def as_text(context: BoundedContext, value: Any) -> str:
    return text(context, value)


def tojson(value: Any, indent: int | None = None) -> str:
    if indent is not None and not 0 <= indent <= MAX_INDENT:
        raise ExpressionError(f"`tojson` takes an indent from 0 to {MAX_INDENT}")
    written = as_json(value, indent)
    check_text(len(written))
    return written


@pass_context
def replace(context: BoundedContext, value: Any, old: str, new: str, count: int = -1) -> str:
    whole = text(context, value)
    found = whole.count(old) if count < 0 else min(count, whole.count(old))
    check_text(len(whole) + found * max(0, len(new) - len(old)))
    return whole.replace(old, new, count)


@pass_context
def indent(
    context: BoundedContext, value: Any, width: int = 4, first: bool = False, blank: bool = False
) -> str:
    if not 0 <= width <= MAX_INDENT:
        raise ExpressionError(f"`indent` takes a width from 0 to {MAX_INDENT}")
    whole = text(context, value)
    check_text(len(whole) + width * (whole.count("\n") + 1))
    return filters.do_indent(whole, width, first, blank)


@pass_context
def total(context: BoundedContext, value: Any, attribute: Any = None, start: Any = 0) -> Any:
    if attribute is not None:
        value = map(filters.make_attrgetter(context.environment, attribute), value)
    context.check_time()
    numbers = list(value)
    for number in (start, *numbers):
        if not isinstance(used(context, number), (int, float)):
            raise ExpressionError(f"`sum` adds numbers, not {kind_of(number)}")
    return sum(numbers, start)


def rounded(value: Any, precision: int = 0, method: str = "common") -> Any:
    if not isinstance(value, (int, float)) or not -20 <= precision <= 20:
        raise ExpressionError("`round` takes a number, and a precision from -20 to 20")
    return filters.do_round(value, precision, method)  # type: ignore[arg-type]


def as_float(value: Any, default: float = 0.0) -> float:
    number = filters.do_float(value, default)
    return number if math.isfinite(number) else default


def length(value: Any) -> int:
    if not isinstance(value, (str, list, dict)):
        raise ExpressionError(f"{kind_of(value)} has no length")
    return len(value)


def listed(lazy: Callable[..., Iterable[Any]]) -> Callable[..., list[Any]]:
    """A generating filter, made to give its list at once."""

    @pass_context
    def whole(context: BoundedContext, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        context.check_time()
        if not isinstance(value, (list, dict, str)):
            raise ExpressionError(f"takes a list, not {kind_of(value)}")
        return [used(context, item) for item in lazy(context, value, *args, **kwargs)]

    return whole


def reverse(value: Any) -> Any:
    if not isinstance(value, (str, list)):
        raise ExpressionError(f"`reverse` takes a text or a list, not {kind_of(value)}")
    return value[::-1]


FILTERS: dict[str, Any] = GUARDS | {
    "abs": abs, "capitalize": filters.do_capitalize, "count": length, "d": filters.do_default,
    "default": filters.do_default, "dictsort": dictsort, "first": filters.do_first, "float": as_float,
    "indent": indent, "int": filters.do_int, "items": items, "join": joined,
    "last": filters.do_last, "length": length, "list": as_list, "lower": filters.do_lower,
    "map": listed(filters.sync_do_map), "max": filters.do_max, "min": filters.do_min,
    "reject": listed(filters.sync_do_reject), "rejectattr": listed(filters.sync_do_rejectattr),
    "replace": replace, "reverse": reverse, "round": rounded,
    "select": listed(filters.sync_do_select), "selectattr": listed(filters.sync_do_selectattr),
    "sort": filters.do_sort, "string": as_text, "sum": total, "title": filters.do_title,
    "tojson": tojson, "trim": filters.do_trim, "truncate": filters.do_truncate,
    "unique": listed(lambda context, *args, **kw: filters.do_unique(context.environment, *args, **kw)),
    "upper": filters.do_upper, "wordcount": filters.do_wordcount,
}  # fmt: skip


@pass_context
def contained(context: BoundedContext, value: Any, container: Any) -> bool:
    context.check_time()
    return tests.test_in(value, container)


def is_list(value: Any) -> bool:
    return isinstance(value, list)


TESTS: dict[str, Any] = {
    name: tests.TESTS[name]
    for name in (
        "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "greaterthan",
        "gt", "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none", "number",
        "odd", "string", "true", "undefined", "upper", "==", "!=", ">", ">=", "<", "<=",
    )
} | {"in": contained, "sequence": is_list}  # fmt: skip
