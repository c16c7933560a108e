"""The part of JSON Schema that types turn into, checked with messages for the person who fills in."""

from __future__ import annotations

import datetime as dt
import math
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tinyflow_nb.language.expression_sandbox import did_you_mean

Schema = Mapping[str, Any]
MAX_HOPS = 32
"""A reference to a reference to ...: more are a circle."""


class Violation(NamedTuple):
    path: tuple[str | int, ...]
    message: str
    missing: bool = False


def resolve(schema: Schema, root: Schema) -> Schema:
    """The schema with its `$ref` followed; what stands beside the reference wins.

    Raises:
        ValueError: it refers to nothing, or in a circle.
    """
    for _ in range(MAX_HOPS):
        reference = schema.get("$ref")
        if reference is None:
            return schema
        name = str(reference).removeprefix("#/$defs/").replace("~1", "/").replace("~0", "~")
        definitions = root.get("$defs", {})
        if name not in definitions:
            raise ValueError(f"the form refers to {reference!r}, which is not in it")
        schema = {**definitions[name], **{k: v for k, v in schema.items() if k != "$ref"}}
    raise ValueError("the form refers to itself in a circle")


def alternatives(schema: Schema, root: Schema) -> list[Schema]:
    """What `anyOf` or `oneOf` offers, resolved; the schema itself if it offers no choice."""
    offered = schema.get("anyOf") or schema.get("oneOf")
    if not offered:
        return [schema]
    return [inner for part in offered for inner in alternatives(resolve(part, root), root)]


def without_null(schema: Schema, root: Schema) -> tuple[Schema, bool]:
    """(what it is besides null, whether it may be null)."""
    schema = resolve(schema, root)
    offered = alternatives(schema, root)
    others = [part for part in offered if part.get("type") != "null"]
    if len(others) != 1:
        return schema, len(others) < len(offered)
    about = {k: v for k, v in schema.items() if k in ("title", "description", "default")}
    return {**others[0], **about}, len(others) < len(offered)


_TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("a text", lambda v: isinstance(v, str)),
    "boolean": ("true or false", lambda v: isinstance(v, bool)),
    "integer": (
        "a whole number",
        lambda v: isinstance(v, int | float) and not isinstance(v, bool) and v == v // 1,
    ),
    "number": (
        "a number", lambda v: not isinstance(v, bool) and isinstance(v, (int, float)) and math.isfinite(v)
    ),
    "array": ("a list", lambda v: isinstance(v, list)),
    "object": ("a mapping", lambda v: isinstance(v, Mapping)),
    "null": ("none", lambda v: v is None),
}  # fmt: skip


def describe(schema: Schema, root: Schema) -> str:
    """What a value must be, in a few words."""
    offered = alternatives(schema, root)
    if len(offered) > 1:
        return " or ".join(dict.fromkeys(describe(part, root) for part in offered))
    schema = offered[0]
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(repr(choice) for choice in schema["enum"])
    return _TYPES.get(str(schema.get("type")), ("something else", bool))[0]


def violations(
    schema: Schema, value: Any, root: Schema, path: tuple[str | int, ...] = ()
) -> Iterator[Violation]:
    """Everything about the value that the schema refuses; fields it does not know included.

    Raises:
        ValueError: the schema itself is wrong.
    """
    schema = resolve(schema, root)
    offered = alternatives(schema, root)
    if len(offered) > 1:
        yield from _no_alternative(offered, value, root, path)
        return
    schema = offered[0]
    for part in schema.get("allOf", ()):
        yield from violations(part, value, root, path)
    allowed = [schema["const"]] if "const" in schema else schema.get("enum")
    if allowed is not None:
        if not any(_is_same(choice, value) for choice in allowed):
            yield Violation(path, f"must be {describe(schema, root)}")
        return
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if kinds and not any(_TYPES[kind][1](value) for kind in kinds if kind in _TYPES):
        wanted = " or ".join(_TYPES[kind][0] for kind in kinds if kind in _TYPES)
        yield Violation(path, f"must be {wanted}")
    elif isinstance(value, str):
        yield from _text_violations(schema, value, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _number_violations(schema, value, path)
    elif isinstance(value, list):
        yield from _list_violations(schema, value, root, path)
    elif isinstance(value, Mapping):
        yield from _mapping_violations(schema, value, root, path)


def _is_same(choice: Any, value: Any) -> bool:
    """As JSON sees it: 1 is 1.0, but not true."""
    return isinstance(choice, bool) is isinstance(value, bool) and bool(choice == value)


def _no_alternative(
    offered: list[Schema], value: Any, root: Schema, path: tuple[str | int, ...]
) -> Iterator[Violation]:
    tried = [list(violations(part, value, root, path)) for part in offered]
    if not all(tried):
        return
    deeper = [found for found in tried if any(v.path != path for v in found)]
    same_kind = [
        found for part, found in zip(offered, tried, strict=True)
        if part.get("type") in _TYPES and "enum" not in part and _TYPES[part["type"]][1](value)
    ]  # fmt: skip
    best = deeper or same_kind
    if len(best) == 1:
        yield from best[0]
    else:
        yield Violation(
            path, f"must be {' or '.join(dict.fromkeys(describe(part, root) for part in offered))}"
        )


def _is_iso(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return check


_FORMATS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "date": ("a date, as in 2031-05-28", _is_iso(dt.date.fromisoformat)),
    "date-time": ("a time, as in 2031-05-28T17:30:00", _is_iso(dt.datetime.fromisoformat)),
    "time": ("a time of day, as in 17:30:00", _is_iso(dt.time.fromisoformat)),
    "uuid": ("a UUID", _is_iso(uuid.UUID)),
    "uri": (
        "an address, as in https://example.org",
        lambda text: re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*:\S+", text) is not None,
    ),
    "email": ("an e-mail address", lambda text: re.fullmatch(r"[^@\s]+@[^@\s]+", text) is not None),
}


def _text_violations(schema: Schema, value: str, path: tuple[str | int, ...]) -> Iterator[Violation]:
    if len(value) < schema.get("minLength", 0):
        least = schema["minLength"]
        yield Violation(path, "must not be empty" if least == 1 else f"must have at least {least} characters")
    if len(value) > schema.get("maxLength", len(value)):
        yield Violation(path, f"must have at most {schema['maxLength']} characters")
    pattern = schema.get("pattern")
    if pattern is not None and re.search(pattern, value) is None:
        yield Violation(path, f"must match {pattern}")
    meaning, check = _FORMATS.get(schema.get("format", ""), ("", bool))
    if meaning and not check(value):
        yield Violation(path, f"must be {meaning}")


def _number_violations(schema: Schema, value: float, path: tuple[str | int, ...]) -> Iterator[Violation]:
    if value < schema.get("minimum", value):
        yield Violation(path, f"must be at least {schema['minimum']}")
    if value > schema.get("maximum", value):
        yield Violation(path, f"must be at most {schema['maximum']}")
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield Violation(path, f"must be more than {schema['exclusiveMinimum']}")
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        yield Violation(path, f"must be less than {schema['exclusiveMaximum']}")
    step = schema.get("multipleOf")
    if step and not math.isclose(value / step, round(value / step), abs_tol=1e-9):
        yield Violation(path, f"must be a multiple of {step}")


def _list_violations(
    schema: Schema, value: list[Any], root: Schema, path: tuple[str | int, ...]
) -> Iterator[Violation]:
    if len(value) < schema.get("minItems", 0):
        yield Violation(path, f"must have at least {schema['minItems']} items")
    if len(value) > schema.get("maxItems", len(value)):
        yield Violation(path, f"must have at most {schema['maxItems']} items")
    if schema.get("uniqueItems") and any(item in value[:i] for i, item in enumerate(value)):
        yield Violation(path, "must not hold the same item twice")
    first = schema.get("prefixItems", ())
    for index, item in enumerate(value):
        part = first[index] if index < len(first) else schema.get("items")
        if isinstance(part, Mapping):
            yield from violations(part, item, root, (*path, index))


def _mapping_violations(
    schema: Schema, value: Mapping[str, Any], root: Schema, path: tuple[str | int, ...]
) -> Iterator[Violation]:
    fields = schema.get("properties", {})
    others = schema.get("additionalProperties", not fields)
    for name, part in fields.items():
        if name in value:
            yield from violations(part, value[name], root, (*path, name))
        elif name in schema.get("required", ()):
            yield Violation((*path, name), "is missing", missing=True)
    for name in value:
        if name in fields:
            continue
        if isinstance(others, Mapping):
            yield from violations(others, value[name], root, (*path, name))
        elif not others:
            yield Violation((*path, str(name)), "there is no such field" + did_you_mean(str(name), fields))
