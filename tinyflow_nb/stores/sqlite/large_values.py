"""Large values: kept once, beside the journal, and passed on by reference."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from tinyflow_nb.model.commit import (
    VALUES_OF_EVENTS,
    Answer,
    ChildTold,
    Claim,
    Commit,
    Delegate,
    Expand,
    NextRound,
    RawEvent,
    Settle,
    Step,
)

LARGE = 32_768
"""Characters from which a value is kept apart: the journal's rows stay small, and so do images."""
MARK = "\x00"
"""Begins a reference; no JSON text does."""


class LargeValues:
    def __init__(self, execute: Callable[..., Any]) -> None:
        self._execute = execute
        (self.any,) = execute("SELECT EXISTS(SELECT 1 FROM large_values)").fetchone()
        """Whether there are references at all."""

    def look(self, row: str) -> None:
        """A journal row that another process wrote: it may refer to a value that process stored."""
        self.any = self.any or '"\\u0000' in row

    def stored(self, run: str, text: str | None) -> str | None:
        """The text, or the reference it was stored under; the same text of a run is stored once."""
        if text is None or len(text) < LARGE:
            return text
        self.any = True
        hash = hashlib.sha256(text.encode()).hexdigest()
        self._execute("INSERT OR IGNORE INTO large_values VALUES(?,?,?)", (run, hash, text))
        return MARK + hash

    def resolved(self, run: str, value: str | None) -> str | None:
        if value is None or value[:1] != MARK:
            return value
        row = self._execute(
            "SELECT body FROM large_values WHERE run=? AND hash=?", (run, value[1:])
        ).fetchone()
        return str(row[0])

    def commit_stored(self, commit: Commit) -> Commit:
        for step in commit.steps:
            if (
                step[0] == "expand"
                or (
                    isinstance(step, Settle | NextRound | Answer | ChildTold)
                    and len(step.value or "") >= LARGE
                )
                or (isinstance(step, Delegate) and len(step.request) >= LARGE)
            ):
                return commit._replace(steps=tuple(self._step_stored(commit.run, s) for s in commit.steps))
        return commit

    def _step_stored(self, run: str, step: Step) -> Step:
        if isinstance(step, Settle | NextRound | Answer | ChildTold) and step.value is not None:
            return step._replace(value=self.stored(run, step.value) or "")
        if isinstance(step, Delegate):
            return step._replace(request=self.stored(run, step.request) or "")
        if isinstance(step, Expand):
            return step._replace(items=tuple(self.stored(run, item) or "" for item in step.items))
        return step

    def claim_resolved(self, claim: Claim) -> Claim:
        run = claim.run
        return claim._replace(
            values={node: self.resolved(run, value) for node, value in claim.values.items()},
            item=self.resolved(run, claim.item),
            previous=self.resolved(run, claim.previous),
            gather=tuple(self.resolved(run, v) for v in claim.gather) if claim.gather is not None else None,
            child=claim.child and claim.child._replace(value=self.resolved(run, claim.child.value)),
        )

    def events_resolved(self, run: str, events: Sequence[RawEvent]) -> Sequence[RawEvent]:
        return [
            (*event[:4], {**event[4], **{key: self.resolved(run, event[4][key]) for key in apart}})
            if (apart := [key for key in VALUES_OF_EVENTS if (event[4].get(key) or "")[:1] == MARK])
            else event
            for event in events
        ]
