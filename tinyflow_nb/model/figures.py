"""Figures: how the runs of a store have been doing, for people to look at."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Stretch:
    """What happened in one stretch of time."""

    ended: dict[str, int] = field(default_factory=dict)
    """How many runs ended in it, by status; only what occurs."""
    seconds_p50: float | None = None
    """As in ChainFigures, of the runs that ended in it."""
    seconds_p95: float | None = None
    input_tokens: int | None = None
    """Of the nodes that ended in it; None before the first run whose tokens are counted."""
    output_tokens: int | None = None
    cost: float | None = None
    """As in ChainFigures."""


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
    cost: float | None = None
    """What nodes said that they cost (`cost` of their usage), in its currency; None if none did."""
    series: list[Stretch] = field(default_factory=list)
    """Stretches of time side by side, oldest first; the last one is not over."""


@dataclass(slots=True)
class Backlog:
    """What is there to be done."""

    ready: int = 0
    """Units that are ready and that nobody works on."""
    running: int = 0
    """Units that are worked on."""
    suspended: int = 0
    """Runs that wait for a person; those of chains in chains count with the run above them."""
    timers: int = 0
    """Retries, times to answer and deadlines that are set."""
    overdue: int = 0
    """Those of them whose time has come and that nobody has acted on yet."""
    complete: bool = True
    """Whether all live runs were looked into, not only the newest."""


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
    backlog: Backlog
    began: float = 0.0
    """When the series begin, in Unix seconds."""
    step: float = 0.0
    """Seconds of each of their stretches."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)
