"""What travels between nodes: JSON text, and the typed objects bodies give and receive (SEMANTICS 33)."""

from __future__ import annotations

import dataclasses
import math
from enum import Enum
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticSerializationError, ValidationError
from pydantic_core import from_json as parse_json
from pydantic_core import to_json as write_json

from tinyflow_nb.errors import TinyflowError, ValueNotJson

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAX_BYTES = 64 * 1024 * 1024
"""Of one value, as JSON in UTF-8."""
MAX_DEPTH = 100
"""Levels of lists and mappings; JSON readers stop somewhere, ours at 200."""
EXCERPT = 80


class WrongType(TinyflowError):
    """A value is not of the type its reader declares."""


class _Refused(Exception):
    """A part of a value can't be JSON. `path` is completed on the way out."""

    def __init__(self, what: str, why: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.why, self.fix, self.path = what, why, fix, ""

    def __str__(self) -> str:
        at = f" at {self.path[:60]}" if self.path else ""
        return f"{self.what}{at}, {self.why}: {self.fix}"


def to_json(value: Any, adapter: TypeAdapter[Any] | None, where: str) -> str:
    """Compact JSON text of a value; with an adapter (the annotation's) validated and dumped by it.

    Without one, a value that JSON would change is refused; numpy's scalars become numbers, dataclasses
    and pydantic models mappings. `where` names the value in messages.

    Raises:
        ValueNotJson: it can't be held, would be changed, or is larger than `MAX_BYTES`.
        WrongType: it is not what the annotation says.
    """
    kind = type(value)
    if adapter is None:
        if kind is int or value is None or kind is bool:
            return write_json(value).decode()
    else:
        value = _dumped(value, adapter, where)
    try:
        written = write_json(_plain(value, 0))
    except _Refused as refused:
        raise ValueNotJson(f"{where} gave {refused}") from None
    except PydanticSerializationError as error:  # half a surrogate pair, a model's field of any type
        raise ValueNotJson(f"{where} gave what JSON can't hold: {error}") from error
    if len(written) > MAX_BYTES:
        size = len(written) / 1024 / 1024
        raise ValueNotJson(
            f"{where} gave {size:.0f} MB of JSON, at most {MAX_BYTES // 1024 // 1024} MB travel:"
            " store it yourself and return where it is"
        )
    return written.decode()


def from_json(text: str) -> Any:
    """The plain value of a JSON text that `to_json` wrote. Raises ValueError on any other text."""
    return parse_json(text)


def typed(text: str, adapter: TypeAdapter[Any] | None, where: str) -> Any:
    """A JSON text as the type its reader declares; without an adapter the plain value.

    Raises:
        WrongType: the value is not of that type; the message names `where`, the type and the value.
    """
    if adapter is None:
        return parse_json(text)
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        raise WrongType(f"{where} takes {error.title}, not {_excerpt(text)}: {_reasons(error)}") from None


def _dumped(value: Any, adapter: TypeAdapter[Any], where: str) -> Any:
    """The value as its annotation says, in JSON's types."""
    try:
        valid = adapter.validate_python(value)
    except ValidationError as error:
        try:
            valid = adapter.validate_python(_without_numpy(value))
        except ValidationError:
            shown = _excerpt(repr(value))
            raise WrongType(f"{where} gave {shown}, which is not {error.title}: {_reasons(error)}") from None
    try:
        return adapter.dump_python(valid, mode="json", warnings="error")
    except (PydanticSerializationError, UnicodeError) as error:
        raise ValueNotJson(f"{where} gave what JSON can't hold: {error}") from error


def _excerpt(shown: str) -> str:
    return shown if len(shown) <= EXCERPT else shown[: EXCERPT - 3] + "..."


def _reasons(error: ValidationError) -> str:
    reasons = []
    for detail in error.errors(include_url=False, include_context=False)[:3]:
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in detail["loc"]).lstrip(".")
        said = detail["msg"].replace("Input should", "it should")
        reasons.append(f"{path}: {said}" if path else said)
    more = "; ..." if error.error_count() > len(reasons) else ""
    return "; ".join(reasons) + more


# ------------------------------------------------------------------ unannotated values

_SCALARS = frozenset({str, int, bool, type(None)})
_ANNOTATE = "annotate the return type to keep it"
_FIXES: dict[str, str] = {
    "tuple": "return a list, or annotate the return type, as in `-> tuple[int, str]`",
    "set": "return a list, or annotate the return type, as in `-> set[str]`",
    "frozenset": "return a list, or annotate the return type, as in `-> frozenset[str]`",
    "bytes": "return text (`.decode()`), or write it to a file and return its path",
    "bytearray": "return text (`.decode()`), or write it to a file and return its path",
    "datetime": f"return `.isoformat()`, or {_ANNOTATE}",
    "date": f"return `.isoformat()`, or {_ANNOTATE}",
    "Decimal": f"return `float(...)` or `str(...)`, or {_ANNOTATE}",
    "ndarray": "return `.tolist()`",
    "Tensor": "return `.tolist()`",
    "DataFrame": 'return `.to_dict("records")`',
    "Series": "return `.tolist()`",
    "generator": "return `list(...)` of it",
    "coroutine": "write `await` before the call",
}


def _plain(value: Any, depth: int) -> Any:
    """The value if it is plain JSON already, else a plain copy. Raises _Refused."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is float:
        if math.isfinite(value):
            return value
        raise _Refused(str(value), "which is no JSON number", "return None for a number that is not there")
    if depth >= MAX_DEPTH and kind in (list, dict):
        raise _Refused(
            "a value", "which holds itself or is nested too deeply", f"at most {MAX_DEPTH} levels travel"
        )
    if kind is list:
        return _plain_list(value, depth + 1)
    if kind is dict:
        return _plain_dict(value, depth + 1)
    return _plain(_converted(value, kind), depth)


def _plain_list(value: list[Any], depth: int) -> list[Any]:
    copy: list[Any] | None = None
    for index, item in enumerate(value):
        if type(item) in _SCALARS:
            continue
        try:
            plain = _plain(item, depth)
        except _Refused as refused:
            refused.path = f"[{index}]{refused.path}"
            raise
        if plain is not item:
            copy = list(value) if copy is None else copy
            copy[index] = plain
    return value if copy is None else copy


def _plain_dict(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    copy: dict[str, Any] | None = None
    for key, item in value.items():
        if type(key) is not str:
            raise _Refused(
                f"a dict with the key {key!r}",
                "which JSON would turn into text",
                "use text keys, or annotate the return type, as in `-> dict[int, str]`",
            )
        if type(item) in _SCALARS:
            continue
        try:
            plain = _plain(item, depth)
        except _Refused as refused:
            refused.path = f"[{key!r}]{refused.path}"
            raise
        if plain is not item:
            copy = dict(value) if copy is None else copy
            copy[key] = plain
    return value if copy is None else copy


def _converted(value: Any, kind: type) -> Any:
    """What stands for an object nobody annotated; only what JSON gives back unchanged."""
    if kind.__module__ == "numpy" and getattr(value, "ndim", None) == 0 and kind.__name__ != "ndarray":
        number = value.item()
        if type(number) in _SCALARS or type(number) is float:
            return number
    elif dataclasses.is_dataclass(kind):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(kind)}
    elif hasattr(kind, "__pydantic_serializer__"):
        return value.model_dump(mode="json")
    elif isinstance(value, dict):
        return dict(value)
    elif isinstance(value, str) and not isinstance(value, Enum):
        return str.__str__(value)
    for listed in (tuple, set, frozenset):
        if isinstance(value, listed):
            name = listed.__name__
            raise _Refused(f"a {name}", "which JSON would turn into a list", _FIXES[name])
    package = kind.__module__.partition(".")[0]
    name = kind.__name__ if package in ("builtins", "__main__") else f"{package}'s {kind.__name__}"
    fix = _FIXES.get(kind.__name__, f"return text, numbers, lists or dicts, or {_ANNOTATE}")
    raise _Refused(f"a value of type {name}", "which JSON can't hold", fix)


def _without_numpy(value: Any) -> Any:
    """The same with numpy's scalars as Python's, lists and mappings looked into."""
    kind = type(value)
    if kind.__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return value.item()
    if kind in (list, tuple, set):
        return kind(_without_numpy(item) for item in value)
    if kind is dict:
        return {_without_numpy(key): _without_numpy(item) for key, item in value.items()}
    return value
