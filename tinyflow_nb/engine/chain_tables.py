"""The published chains as rows of text, for the notebook and the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyflow_nb.model.registry import PublishedVersion, RegistryEntry

When = Callable[[float], str]
"""How a time (Unix seconds) is told."""

CHAINS_HEAD = ("chain", "published", "by", "labels", "content", "")
HISTORY_HEAD = ("version", "what", "when", "by", "from")


def chain_row(version: PublishedVersion, when: When) -> tuple[str, ...]:
    """One version, under `CHAINS_HEAD`."""
    notes = ["current"] if version.current else []
    notes += [f"deprecated: {version.deprecated}"] if version.deprecated else []
    labels = ", ".join(version.labels)
    ref = f"{version.name}@{version.version}"
    return ref, when(version.at), version.who, labels, f"#{version.hash[:8]}", "; ".join(notes)


def history_rows(entries: Iterable[RegistryEntry], when: When) -> list[tuple[str, ...]]:
    """What happened to a name, under `HISTORY_HEAD`."""
    return [
        (f"{e.name}@{e.version}" if e.version else e.name, _what(e), when(e.at), e.who, e.origin)
        for e in entries
    ]


def _what(entry: RegistryEntry) -> str:
    match entry.kind:
        case "publish":
            return "published"
        case "current":
            return "made current again"
        case "label":
            return f"label {entry.label}" if entry.version else f"label {entry.label} taken away"
        case "deprecate":
            return f"deprecated: {entry.reason}" if entry.reason else "not deprecated any more"
        case "delete":
            return "deleted"
