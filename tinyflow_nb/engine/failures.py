"""Exceptions of node bodies, as plain JSON a reader can act on."""

from __future__ import annotations

import traceback
from typing import Any

from tinyflow_nb.errors import BodyFailed, ModelError
from tinyflow_nb.secrets import redact

MAX_MESSAGE = 4_000
CELL_FILE = "<tinyflow "
"""How the file name of every compiled cell begins."""


def describe(error: BaseException, attempt: int, line: int) -> dict[str, Any]:
    """`type`, `types` (its bases too, for `Retry(on=)`), `message`, `attempt`, `line` of the cell and
    `traceback` of the cell's own frames; for a model its raw `answer`.

    Args:
        line: the node's, for an error that never was in the cell.
    """
    if isinstance(error, BodyFailed):
        return {**error.told, "attempt": attempt}
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(CELL_FILE)]
    types = [c.__name__ for c in type(error).__mro__ if c not in (object, BaseException)]
    told: dict[str, Any] = {
        "type": type(error).__name__,
        "types": types,
        "message": _cut(_text(error) or type(error).__name__),
        "attempt": attempt,
        "line": (frames[-1].lineno if frames else None) or line,
        "traceback": _cut("".join(traceback.format_list(frames))),
    }
    if isinstance(error, ModelError) and error.answer:
        told["answer"] = _cut(error.answer)
    return told


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as e:  # noqa: BLE001  its own __str__ is the cell's code
        return f"(its text can't be had: {type(e).__name__})"


def made_up(type: str, message: str, attempt: int, line: int) -> dict[str, Any]:
    """A failure that no exception stands behind: a timeout, a lost worker."""
    return {
        "type": type, "types": [type], "message": message,
        "attempt": attempt, "line": line, "traceback": "",
    }  # fmt: skip


def _cut(text: str) -> str:
    text = redact(text)
    return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]} ... ({len(text)} characters)"
