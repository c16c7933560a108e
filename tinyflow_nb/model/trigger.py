"""Trigger: the order to look at one unit of work. A wake-up, never the truth (SEMANTICS 27)."""

from __future__ import annotations

import hashlib
from typing import Literal, NamedTuple

TriggerKind = Literal["run", "retry", "timeout", "lease", "deadline", "child", "parent", "children"]
"""`run`: a unit is ready. `retry`: its backoff is over. `timeout`: a form's time to answer, or a
child's time to end, is over. `lease`: the holder's lease may have expired. `deadline`: the run's own.
`child`: a unit has delegated to a child run, which may not be there yet. `parent`: the run's parent is
to be told where it stands. `children`: those whose units do not wait for them any more are to end."""

BETWEEN_RUNS = frozenset({"child", "parent", "children"})
"""Kinds that concern two runs: whoever sees one acts at once, and claims nothing."""


class Trigger(NamedTuple):
    """Names exactly one state of one unit; if the unit has moved on, the trigger is dropped."""

    run: str
    generation: int
    unit: str
    """`approval[3]#2`, or "" for the run itself."""
    attempt: int = 0
    kind: TriggerKind = "run"
    due: float = 0.0
    """Unix seconds by the store's clock: of a unit that is ready, since when it is."""
    tags: tuple[str, ...] = ()

    def wait(self, now: float) -> float:
        """Seconds until it may be brought, 0 at least. What is ready is, whichever clock said so.

        Args:
            now: the store's time.
        """
        return 0.0 if self.kind == "run" else max(0.0, self.due - now)


class DeadLetter(NamedTuple):
    """A trigger that nobody could accept, of a run that could not be ended for it."""

    trigger: Trigger
    why: str
    at: float


def unit_name(node: str, item: int | None = None, round: int = 1) -> str:
    """`draft`, `draft[3]`, `draft[3]#2`: node, item from 0, round from 1 (SEMANTICS 7)."""
    if item is not None:
        node = f"{node}[{item}]"
    return f"{node}#{round}" if round > 1 else node


def child_run_id(run: str, unit: str, round: int) -> str:
    """Of the child a unit delegates to: the same whenever it is asked for, so that a delivery that comes
    again finds the child instead of making another."""
    digest = hashlib.sha256(f"{run}/{unit_name(unit, None, round)}".encode()).hexdigest()
    return f"{node_of(unit)}-{digest[:20]}"


def node_of(unit: str) -> str:
    """The node id of a unit."""
    return unit.partition("#")[0].partition("[")[0]


def item_of(unit: str) -> int | None:
    """The item index of a unit, if it is one item of an `each`."""
    _, bracket, rest = unit.partition("[")
    return int(rest.partition("]")[0]) if bracket else None
