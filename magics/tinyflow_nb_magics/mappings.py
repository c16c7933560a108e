"""What handles are given."""

from __future__ import annotations

from typing import Any

from tinyflow_nb.errors import InvalidOperation


def one_mapping(positional: Any, keywords: dict[str, Any]) -> Any:
    """Values given as one positional argument or by keyword; None if neither.

    Raises:
        InvalidOperation: both were given.
    """
    if positional is not None and keywords:
        raise InvalidOperation("give the values by keyword or as one dict, not both")
    return keywords or positional
