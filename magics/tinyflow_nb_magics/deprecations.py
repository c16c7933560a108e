"""How a notebook is told that a chain is deprecated: in one line, without a line of our code."""

from __future__ import annotations

import warnings
from typing import Any

from tinyflow_nb.errors import DeprecatedChain

_before: Any = None


def tell_in_one_line() -> None:
    """From now on, until `tell_as_before`."""
    global _before
    _before = _before or warnings.formatwarning
    warnings.formatwarning = _told


def tell_as_before() -> None:
    """Unless somebody else has taken it over."""
    global _before
    if _before is not None and warnings.formatwarning is _told:
        warnings.formatwarning = _before
    _before = None


def _told(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    if issubclass(category, DeprecatedChain):
        return f"Warning: {message}\n"
    told: str = _before(message, category, filename, lineno, line)
    return told
