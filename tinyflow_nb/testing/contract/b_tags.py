"""SEMANTICS B 21: a worker executes everything it may - a unit whose tags it carries, however it comes."""

from __future__ import annotations

import pytest

from tinyflow_nb.model.commit import Commit, HandBack, NewRun, Settle
from tinyflow_nb.model.lanes import lane_of, lanes_of
from tinyflow_nb.model.shape import shape_of
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import DueIndex
from tinyflow_nb.trust import UserTrust

CELL = """
@node(tags="gpu")
def embed() -> int:
    return 1

def load() -> int:
    return 1

@node(tags=["gpu", "eu"])
def train(embed: int, load: int) -> int:
    return embed + load

@node(after=["load"])
def free() -> int:
    return 1

@node(tags="gpu")
def tuned(load: int) -> int:
    return 1
"""

FAN = """
docs: list[int]

@node(each="d in docs", tags="gpu")
def part(d: int) -> int:
    return d
"""


class Bench:
    """One run on a bare store, and its moves."""

    def __init__(self, store, definition):
        self.store, self.definition, self.shape = store, definition, shape_of(definition)

    async def create(self, tags, want=9):
        await self.store.put(self.definition, UserTrust().sign(self.definition))
        new = NewRun("r", self.definition.hash, "demo", "{}", worker="w", want=want, tags=tags)
        return await self.store.create(new, self.shape)

    async def settle(self, claim, tags, status=Status.SUCCEEDED, want=9):
        node = self.shape.nodes[claim.unit]
        arrivals = node.done if status is Status.SUCCEEDED else node.skipped
        value = "1" if status is Status.SUCCEEDED else None
        step = Settle("settle", claim.unit, claim.token, status, value, None, arrivals)
        return await self.store.commit(Commit("r", 1, (step,), "w", want, tags=tags))


async def bench(still, source=CELL):
    return Bench(await still.bare_store(), still.define(source))


def units(found):
    return [f.unit for f in found]


@pytest.mark.parametrize(
    ("tags", "claimed"),
    [((), ["load"]), (("eu",), ["load"]), (("gpu",), ["embed", "load"]), (None, ["embed", "load"])],
)
async def test_b21_create_claims_what_its_worker_may_run(still, tags, claimed):
    outcome = await (await bench(still)).create(tags)
    assert units(outcome.claims) == claimed
    left = {t.unit: t.tags for t in outcome.triggers}
    assert left == ({} if "embed" in claimed else {"embed": ("gpu",)})


async def test_b21_a_commit_claims_those_successors_its_worker_may_run(still):
    run = await bench(still)
    (load,) = (await run.create(())).claims
    outcome = await run.settle(load, ())
    assert units(outcome.claims) == ["free"]
    assert [(t.unit, t.tags) for t in outcome.triggers] == [("tuned", ("gpu",))]


async def test_b21_a_wake_up_is_claimed_by_who_carries_every_tag(still):
    run = await bench(still)
    embed, load = (await run.create(None)).claims
    await run.settle(embed, (), want=0)
    await run.settle(load, (), want=0)
    train = next(t for t in await run.store.pending("r") if t.unit == "train")
    assert set(train.tags) == {"eu", "gpu"}
    for trigger in (train, train._replace(tags=())):  # what a message says of tags is not the truth
        for too_few in ((), ("gpu",), ("eu",)):
            assert await run.store.claim(trigger, "w", 30, too_few) is None
    assert units((await run.store.claim(train, "w", 30, ("asia", "eu", "gpu"))).claims) == ["train"]


async def test_b18_an_expired_lease_is_taken_over_by_who_carries_its_tags(still):
    run = await bench(still)
    await run.create(("gpu",))
    still.clock.advance(31)
    lease = next(t for t in await run.store.pending("r") if t.unit == "embed")
    assert (lease.kind, lease.tags) == ("lease", ("gpu",))
    assert await run.store.claim(lease, "other", 30, ()) is None
    assert units((await run.store.claim(lease, "other", 30, ("gpu",))).claims) == ["embed"]


async def test_b21_what_is_only_to_be_skipped_needs_no_tags(still):
    run = await bench(still)
    _, load = (await run.create(None)).claims
    outcome = await run.settle(load, (), Status.SKIPPED, want=0)
    assert [(c.unit, c.skip) for c in outcome.claims] == [("tuned", "load")]


async def test_b21_items_ask_for_their_nodes_tags(still):
    executor = await still.open(execute=False)
    run = await executor.execute_async(still.define(FAN), {"docs": [1, 2]})
    store = await still.bare_store()
    (part,) = await store.pending(run)
    assert part.tags == ("gpu",)
    assert await store.claim(part, "w", 30, ()) is None


async def test_b23_what_is_handed_back_waits_in_its_lane(still):
    run = await bench(still)
    embed, _ = (await run.create(("gpu",))).claims
    handback = HandBack("handback", "embed", embed.token)
    outcome = await run.store.commit(Commit("r", 1, (handback,), "w", 9, tags=()))
    assert [(t.unit, t.tags) for t in outcome.triggers] == [("embed", ("gpu",))], "others are told"
    waits = next(t for t in await run.store.pending("r") if t.unit == "embed")
    assert (waits.tags, waits.kind, waits.attempt) == (("gpu",), "run", 0)


async def test_b21_an_executor_that_is_alone_runs_everything(house):
    state = await house.ends(CELL)
    assert (state.status, state.result) == ("SUCCEEDED", {"train": 2, "free": 1, "tuned": 1})


async def test_c27_the_index_gives_a_worker_what_it_may_run_and_keeps_the_rest_for_others(still):
    """An embedded store has none: its runs are one process's."""
    if not isinstance(await still.bare_store(), DueIndex):
        return
    run = await bench(still)
    await run.create((), want=0)
    still.clock.advance(2)

    async def due(*tags):
        return sorted(units(await run.store.due(older=1.0, again=10.0, tags=tags)))

    assert await due("eu") == ["load"]
    assert await due("eu") == []
    assert await due("gpu", "eu") == ["embed"], "who may not run it did not use up its turn"
    assert await due("gpu", "eu") == []
    still.clock.advance(11)
    assert await due("gpu") == ["embed", "load"]


async def test_b14_deadlines_are_listed_apart(still):
    """They are passed by workers without room."""
    if not isinstance(await still.bare_store(), DueIndex):
        return
    executor = await still.open(execute=False)
    run = await executor.execute_async(still.define(CELL), deadline=100)
    store = await still.bare_store()
    assert await store.deadlines() == []
    still.clock.advance(101)
    over = Trigger(run, 1, "", 0, "deadline", still.clock.now() - 1)
    assert await store.deadlines(again=10.0) == [over]
    assert await store.deadlines() == []
    assert {t.kind for t in await store.due(tags=("gpu",))} == {"run"}
    await executor.stop(run)
    still.clock.advance(11)
    assert await store.deadlines() == []


def test_b21_a_worker_serves_every_lane_whose_tags_are_among_its_own():
    assert lane_of(("gpu", "eu", "gpu")) == "eu+gpu"
    assert lane_of(()) == ""
    assert lanes_of(("gpu", "eu")) == ["", "eu", "gpu", "eu+gpu"]
