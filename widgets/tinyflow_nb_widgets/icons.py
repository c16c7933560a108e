"""Icons as paths on a 16 x 16 grid, drawn by the picture and the live view alike. No fonts, no emoji."""

from __future__ import annotations

from collections.abc import Iterable

from tinyflow_nb.model.status import Status

TYPE_ICONS = {
    "code": "M5.2 4.6 1.9 8l3.3 3.4M10.8 4.6 14.1 8l-3.3 3.4M9 3.4 7 12.6",
    "llm": "M6.9 2.6 8.2 6.3 11.9 7.6 8.2 8.9 6.9 12.6 5.6 8.9 1.9 7.6 5.6 6.3ZM12.6 10.6v3M11.1 12.1h3",
    "chain": "M2.2 3.2h4.6v4.6H2.2zM9.2 8.2h4.6v4.6H9.2zM6.8 5.5h2.7a2 2 0 0 1 2 2v.7",
    "confirm": "M8 2.5a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 1 0 0-5.4M2.7 13.6c1-5 9.6-5 10.6 0",
}
TYPE_WORDS = {
    "code": "code: a Python function",
    "llm": "llm: asks a model",
    "chain": "chain: runs another chain, which unfolds",
    "confirm": "confirm: asks a person",
}
EDGE_WORDS = {
    "data": "hands its output on",
    "order": "goes first, hands nothing on",
    "handler": "stands in when it fails",
}
_HOW = "Click a node to see what it was given and what it made. Arrow keys follow the edges."
OTHER_ICON = "M8 1.9 13.4 5v6L8 14.1 2.6 11V5ZM2.8 5.1 8 8.1l5.2-3M8 8.1v5.8"

_DISC = "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 1 0 8 1.8Z"

MARKS: dict[Status, tuple[str, str]] = {
    Status.READY: ("M8 3a5 5 0 1 0 0 10A5 5 0 1 0 8 3Z", ""),
    Status.RUNNING: ("M8 2.6A5.4 5.4 0 1 1 2.6 8", ""),
    Status.SUSPENDED: (_DISC, "M6.1 5.6v4.8M9.9 5.6v4.8"),
    Status.SUCCEEDED: (_DISC, "M5.1 8.3 7.2 10.4 11 6"),
    Status.FAILED: ("M5.4 1.8h5.2l3.6 3.6v5.2l-3.6 3.6H5.4L1.8 10.6V5.4Z", "M5.7 5.7l4.6 4.6m0-4.6-4.6 4.6"),
    Status.CANCELLED: ("M4 2.2h8l1.8 1.8v8L12 13.8H4L2.2 12V4Z", "M5.2 8h5.6"),
    Status.SKIPPED: ("M3.4 4.6 7 8l-3.6 3.4M8.6 4.6 12.2 8l-3.6 3.4", ""),
}
"""A status' own shape, and the sign cut into it (a shape without one is drawn as a line)."""


def key_of(node_types: Iterable[str], edge_kinds: Iterable[str]) -> list[list[str]]:
    """What a drawing means that has these: [class of a part, class of its path, path, words]; at last,
    without a path, what to do."""
    types, kinds = set(node_types), set(edge_kinds)
    return [
        *(["type", "icon", icon_of(one), words] for one, words in TYPE_WORDS.items() if one in types),
        *([one, "edge", "M1 8h14", words] for one, words in EDGE_WORDS.items() if one in kinds),
        ["", "", "", _HOW],
    ]


def icon_of(node_type: str) -> str:
    return TYPE_ICONS.get(node_type, OTHER_ICON)
