"""Lengths of time as a cell writes them."""

from __future__ import annotations

import math
import re
from typing import Final

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")


def seconds(value: object) -> float:
    """Seconds in a number, or in a text such as "90s", "3m" or "1h 30m".

    Raises:
        ValueError: it is no length of time above 0.
    """
    found = math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        found = float(value)
    elif isinstance(value, str):
        parts = list(_PART.finditer(value.strip()))
        if parts and "".join(p[0] for p in parts) == value.strip():
            found = sum(float(p[1]) * _UNITS[p[2]] for p in parts)
    if not 0 < found < math.inf:
        raise ValueError('seconds above 0, or a text such as "90s", "3m", "1h 30m"')
    return found
