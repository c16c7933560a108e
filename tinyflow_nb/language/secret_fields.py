"""Secret fields: what a JSON Schema says is not to be shown.

It says so by `writeOnly` or `format: password`; pydantic's SecretStr says both.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from tinyflow_nb.language.form_schema import Schema, alternatives, resolve

Path = tuple[str | int, ...]
_DEEPEST = 60
"""A schema may speak of itself."""


def may_hold_secrets(schema: Schema | None) -> bool:
    """False if no part of it is secret."""
    text = str(schema)
    return "writeOnly" in text or "password" in text


def secrets_in(schema: Schema, value: Any) -> list[Path]:
    """Where in a value its secrets are, each once."""
    return list(dict.fromkeys(_found(schema, value, schema, ())))


def _found(schema: Schema, value: Any, root: Schema, path: Path) -> Iterator[Path]:
    if value is None or len(path) > _DEEPEST:
        return
    for part in [resolve(schema, root), *alternatives(resolve(schema, root), root), *schema.get("allOf", ())]:
        known = resolve(part, root)
        if known.get("writeOnly") is True or known.get("format") == "password":
            yield path
        elif isinstance(value, dict):
            named, other = known.get("properties", {}), known.get("additionalProperties")
            for name, inner in value.items():
                of = named.get(name, other)
                if isinstance(of, dict):
                    yield from _found(of, inner, root, (*path, name))
        elif isinstance(value, list):
            first, rest = known.get("prefixItems", ()), known.get("items")
            for at, inner in enumerate(value):
                of = first[at] if at < len(first) else rest
                if isinstance(of, dict):
                    yield from _found(of, inner, root, (*path, at))


def at(value: Any, path: Path) -> Any:
    """What is there; None if there is nothing."""
    return functools.reduce(_inner, path, value)


def _inner(value: Any, name: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    there = isinstance(value, list) and isinstance(name, int) and name < len(value)
    return value[name] if there else None


def changed(value: Any, paths: list[Path], change: Callable[[Path, Any], Any]) -> Any:
    """A copy of a JSON value with what is at these paths changed."""
    for path in paths:
        value = _changed(value, path, path, change)
    return value


def _changed(value: Any, rest: Path, path: Path, change: Callable[[Path, Any], Any]) -> Any:
    if not rest:
        return change(path, value)
    first, *others = rest
    if isinstance(value, dict) and first in value:
        return {**value, first: _changed(value[first], tuple(others), path, change)}
    if isinstance(value, list) and isinstance(first, int) and first < len(value):
        return [*value[:first], _changed(value[first], tuple(others), path, change), *value[first + 1 :]]
    return value
