"""Time cut into stretches of the same length, which people read off easily."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import NamedTuple

STRETCHES = 24
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_STEPS = (
    10.0, 30.0, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR,
    12 * _HOUR, _DAY, 2 * _DAY,
)  # fmt: skip
"""Then weeks: 1, 2, 4, 8 ..."""


class Times(NamedTuple):
    """`number` stretches of `step` seconds; the last one is now's."""

    began: float
    """Unix seconds."""
    step: float
    number: int

    def place(self, at: float) -> int:
        """Which stretch an instant is in; what is outside counts with the nearest."""
        return min(max(math.floor((at - self.began) / self.step), 0), self.number - 1)


def times_of(instants: Iterable[float], now: float) -> Times:
    """So fine that all the instants are in one of the stretches."""
    first = min(instants, default=now)
    weeks = (7 * _DAY * 2**n for n in itertools.count())
    for step in itertools.chain(_STEPS, weeks):
        began = (math.floor(now / step) + 1 - STRETCHES) * step
        if began <= first:
            return Times(began, step, STRETCHES)
    raise AssertionError("weeks have no end")
