"""Stalled: why a unit that is ready has been waiting for so long (SEMANTICS 23)."""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow_nb.model.lanes import may_run
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.workers import WorkerInfo
from tinyflow_nb.ports import Roster, StateStore

PATIENCE = 10.0
"""Seconds a unit may wait for a worker before its run says why."""
NAMED = 3
"""Workers that are named, at most."""


async def say_why(state: ChainState, store: StateStore) -> None:
    """Give the units of a fleet's run that nobody has taken for long the `reason` for it."""
    if state.status is not Status.RUNNING or not isinstance(store, Roster):
        return
    now = store.now()
    if now - state.created_at < PATIENCE:
        return
    units = {unit.id: unit for node in state.nodes.values() for unit in (node, *(node.items or ()))}
    if all(unit.status is not Status.READY for unit in units.values()):
        return
    pending = await store.pending(state.id)
    late = [t for t in pending if t.kind in ("run", "retry") and now - t.due >= PATIENCE]
    if not late:
        return
    workers = await store.workers()
    for trigger in late:
        unit: NodeState | None = units.get(trigger.unit)
        if unit is not None and unit.status is Status.READY:
            unit.reason = why_unclaimed(trigger.tags, state.definition_hash, workers)


def why_unclaimed(tags: Sequence[str], definition: str, workers: Sequence[WorkerInfo]) -> str:
    """
    Args:
        tags: a worker must carry.
        definition: the hash of its chain.
        workers: those alive.
    """
    if not workers:
        return "no worker is alive"
    able = [w for w in workers if may_run(tags, w.tags)]
    if not able:
        return f"no worker carries {' and '.join(tags)}"
    fit = [w for w in able if definition not in w.unfit]
    if not fit:
        told = [f"{w.unfit[definition]} on {w.name}" for w in able[:NAMED]]
        more = len(able) - NAMED
        return "; ".join(told) + (f"; and {more} more workers can't run it" if more > 0 else "")
    if all(w.busy >= w.capacity for w in fit):
        return "every worker that may run it is busy"
    return "it waits for a worker's next look"
