"""Workers of a fleet, as they tell of themselves."""

from __future__ import annotations

from typing import NamedTuple


class WorkerInfo(NamedTuple):
    """What a worker of a fleet tells of itself."""

    name: str
    host: str
    pid: int
    started_at: float
    """Unix seconds of the store's clock, as all times here."""
    seen_at: float
    tags: tuple[str, ...]
    capacity: int
    """Units it works on at once."""
    busy: int
    """Of them, those at work now."""
    version: str
    """Of tinyflow-nb."""
    python: str
    scheduler: str
    unfit: dict[str, str]
    """By definition hash, why it can't execute that chain's runs (SEMANTICS 23)."""
