"""Names of node types: what installed packages register, read without importing them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from tinyflow_nb.errors import SettingsError

GROUP: Final = "tinyflow_nb.nodes"
DECORATOR_OF: Final = {"code": "node", "llm": "llm", "confirm": "confirm", "chain": "chain"}
"""Our own types, each with the decorator that makes it."""


@cache
def registered() -> Mapping[str, EntryPoint]:
    """By type.

    Raises:
        SettingsError: two packages register the same type.
    """
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        known = found.setdefault(entry.name, entry)
        if known.value != entry.value:
            raise SettingsError(
                f"node type {entry.name!r} is registered twice: {known.value} and {entry.value}"
            )
    return found
