"""SEMANTICS B 23, C 27: who is alive, and since when a unit waits for a worker."""

from __future__ import annotations

from tinyflow_nb.model.commit import NewRun
from tinyflow_nb.model.shape import shape_of
from tinyflow_nb.model.workers import WorkerInfo
from tinyflow_nb.ports import Roster
from tinyflow_nb.trust import UserTrust

LINE = """
def a() -> int:
    return 1

def b(a: int) -> int:
    return a + 1
"""


def worker(name: str, **facts) -> WorkerInfo:
    given = {
        "name": name, "host": "h", "pid": 1, "started_at": 1.5, "seen_at": 2.5, "tags": ("eu", "gpu"),
        "capacity": 4, "busy": 1, "version": "1", "python": "3.12", "scheduler": "redis",
        "unfit": {"abc": "pandas is missing"},
    }  # fmt: skip
    return WorkerInfo(**{**given, **facts})


async def roster(still):
    """An embedded store has none: its runs are one process's."""
    store = await still.bare_store()
    return store if isinstance(store, Roster) else None


async def test_b23_a_worker_counts_until_its_time_is_over(still):
    if (store := await roster(still)) is None:
        return
    await store.report(worker("b"), 10)
    await store.report(worker("a"), 20)
    assert await store.workers() == [worker("a"), worker("b")]
    still.clock.advance(10)
    assert [w.name for w in await store.workers()] == ["a"]
    await store.report(worker("a", busy=0, unfit={}), 20)
    still.clock.advance(15)
    assert await store.workers() == [worker("a", busy=0, unfit={})]


async def test_b23_a_worker_that_goes_is_gone_at_once(still):
    if (store := await roster(still)) is None:
        return
    await store.report(worker("a"), 10)
    await store.report(worker("a"), 0)
    assert await store.workers() == []


async def test_c27_a_ready_units_trigger_says_since_when_it_is(still):
    definition = still.define(LINE)
    store = await still.bare_store()
    await store.put(definition, UserTrust().sign(definition))
    before = still.clock.now()
    outcome = await store.create(NewRun("r", definition.hash, "demo", "{}"), shape_of(definition))
    assert [(t.unit, t.kind, t.due) for t in outcome.triggers] == [("a", "run", before)]
    still.clock.advance(5)
    (pending,) = await store.pending("r")
    assert (pending.due, pending.wait(before - 1)) == (before, 0), "whatever another clock says, it is ready"
