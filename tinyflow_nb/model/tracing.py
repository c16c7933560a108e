"""Tracing: what the spans of a run are made from."""

from __future__ import annotations

from typing import NamedTuple


class TracedRun(NamedTuple):
    """What the spans of a run follow from."""

    run: str
    chain: str
    generation: int
    root: str
    parent: str
    """The run whose child it is, or ""."""
    traceparent: str
    """Of the span the root's start was in; "" if it was in none."""
    worker: str
    """Who tells."""
