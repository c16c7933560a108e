"""What each option may be given. A function here takes the value and returns what the definition
keeps, or raises ValueError with what it should have been: "a whole number from 1".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import JsonValue, ValidationError

from tinyflow_nb import decorators
from tinyflow_nb.language.durations import seconds
from tinyflow_nb.model.definition import ChainSettings, Retry
from tinyflow_nb.model.lanes import TAG
from tinyflow_nb.model.reference import REF

Check = Callable[[Any], Any]


def whole(least: int) -> Check:
    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"a whole number from {least}")
        return value

    return check


def one_of(*choices: str) -> Check:
    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(" or ".join(f'"{c}"' for c in choices))
        return str(value)

    return check


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("True or False")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """One text or several."""
    found = (value,) if isinstance(value, str) else value
    if not isinstance(found, (list, tuple)) or not all(isinstance(t, str) and t.strip() for t in found):
        raise ValueError("a text, or a list of texts")
    return tuple(found)


def tags(value: Any) -> tuple[str, ...]:
    if not all(re.match(TAG, tag) for tag in texts(value)):
        raise ValueError("a tag, or a list of tags, of letters, digits and . _ -")
    return texts(value)


def models(value: Any) -> list[JsonValue]:
    if value in ("", [], ()):
        raise ValueError('the name of a model: "smollm2", or a list of names')
    try:
        return list(texts(value))
    except ValueError:
        raise ValueError('the name of a model: "smollm2", or a list of names') from None


def chain_ref(value: Any) -> str:
    if not isinstance(value, str) or not REF.fullmatch(value):
        raise ValueError('the name of a chain: "doc_summary", "doc_summary@2" or "doc_summary@prod"')
    return value


def retry(value: Any) -> Retry:
    if isinstance(value, decorators.Retry):
        on = value.on if isinstance(value.on, (list, tuple)) else (value.on,)
        names = tuple(e if isinstance(e, str) else getattr(e, "__name__", "") for e in on)
        try:
            return Retry(max=value.max, wait=value.wait, max_wait=value.max_wait, on=names)
        except ValidationError as error:
            first = error.errors()[0]
            field = first["loc"][0] if first["loc"] else "it"
            raise ValueError(f"a valid Retry ({field}: {_lowered(first['msg'])})") from None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1000:
        raise ValueError("a whole number from 0 to 1000, or a Retry(...)")
    return Retry(max=value)


def cache(value: Any) -> bool | None:
    if value is True:
        raise ValueError("False or left out: incremental re-run is not available yet")
    if value not in (False, None):
        raise ValueError("False or left out")
    return None if value is None else False


def settings(value: decorators.Chain) -> ChainSettings:
    deadline = None if value.deadline is None else seconds(value.deadline)
    most = None if value.max_concurrency is None else whole(1)(value.max_concurrency)
    return ChainSettings(deadline=deadline, max_concurrency=most)


def json_value(value: Any) -> JsonValue:
    """Anything JSON can hold, as plain values; a tuple becomes a list."""
    try:
        return _plain(value)
    except RecursionError:
        raise ValueError("a value JSON can hold") from None


def _plain(value: Any) -> JsonValue:
    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case list() | tuple():
            return [_plain(item) for item in value]
        case Mapping() if all(isinstance(key, str) for key in value):
            return {str.__str__(key): _plain(item) for key, item in value.items()}
    raise ValueError("a value JSON can hold")


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


PLAIN: Final[dict[str, Check]] = {
    "max_concurrency": whole(1), "max_rounds": whole(1), "on_exhausted": one_of("result", "fail"),
    "retry": retry, "timeout": seconds, "cache": cache, "tags": tags,
}  # fmt: skip
"""Options of every node whose value may also come from running the cell."""

STRUCTURAL: Final[dict[str, Check]] = {
    "join": one_of("all", "any"), "result": boolean, "after": texts, "ref": chain_ref,
    "on_parent_close": one_of("stop", "abandon"),
}  # fmt: skip
"""Options that shape the graph: they must be readable without running the cell, as `when`, `inputs`,
`each`, `until`, `on_error`, `initial` and `tools` must."""

OF_LLM: Final[dict[str, Check]] = {"model": models, "max_steps": whole(1), "reasks": whole(0)}
DEFAULT_MAX_STEPS: Final = 8
DEFAULT_REASKS: Final = 2
