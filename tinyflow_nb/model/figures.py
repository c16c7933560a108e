"""Figures: how the runs of a store have been doing, for people to look at."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class ChainFigures:
    """Of one chain's runs, or of all."""

    runs: dict[str, int] = field(default_factory=dict)
    """How many have each status; only statuses that occur."""
    success_rate: float | None = None
    """Of those that SUCCEEDED or FAILED, 0 to 1; None if none did. Stopping a run is no failure."""
    seconds_p50: float | None = None
    """From start to end, waiting for people included, of those that SUCCEEDED; None if none did."""
    seconds_p95: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(slots=True)
class Figures:
    """Of the newest runs of a store."""

    all: ChainFigures
    chains: dict[str, ChainFigures]
    """By name, of every version; the one with the most runs first."""
    looked_at: int
    """Runs these figures are of."""
    complete: bool
    """Whether the store has no others."""
    tokens_of: int
    """Runs whose tokens are counted, the newest of them."""
    backlog: int
    """Units that are ready and that nobody works on."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)
