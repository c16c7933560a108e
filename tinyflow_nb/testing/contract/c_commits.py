"""SEMANTICS C 24, 25, 27 and what must hold: triggers, commits, round trips."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest

from tinyflow_nb import ChainSuspended
from tinyflow_nb.model.commit import Commit, End, NewRun, Settle
from tinyflow_nb.model.shape import shape_of
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.testing.contract.cells import Gate
from tinyflow_nb.trust import UserTrust

LEASE = 30.0


def line(length: int) -> str:
    first = "async def n0() -> int:\n    return 0\n"
    return first + "".join(
        f"async def n{i}(n{i - 1}: int) -> int:\n    return n{i - 1} + 1\n" for i in range(1, length)
    )


def fan(width: int) -> str:
    source = "async def root() -> int:\n    return 1\n"
    source += "".join(f"async def b{i}(root: int) -> int:\n    return root + {i}\n" for i in range(width))
    names = ", ".join(f"b{i}: int" for i in range(width))
    return (
        source + f"async def join({names}) -> int:\n    return {' + '.join(f'b{i}' for i in range(width))}\n"
    )


async def counting(house, counted, source, **options):
    stores = []

    def wrap(store):
        stores.append(counted(store))
        return stores[0]

    executor = await house.open(wrap=wrap, **options)
    await executor.registry.submit(house.define(source))  # the definition is kept
    stores[0].calls.clear()
    run = await executor.execute_async(house.define(source))
    result = await executor.wait(run, timeout=60)
    return stores[0], result


async def test_c24_a_join_of_a_hundred_refuses_no_commit_and_tries_none_again(house, counted):
    store, result = await counting(house, counted, fan(100), capacity=256)
    assert result == sum(range(1, 101))
    assert store.refused == 0
    assert store.calls.count("commit") == 102


async def test_c24_a_join_of_a_hundred_over_two_processes(house, counted):
    stores = []

    def wrap(store):
        stores.append(counted(store))
        return stores[-1]

    one = await house.open(wrap=wrap, capacity=3)
    two = await house.open(wrap=wrap, capacity=3)
    run = await one.execute_async(house.define(fan(100)))
    await two.attach(run)
    assert await one.wait(run, timeout=60) == sum(range(1, 101))
    assert sum(s.refused for s in stores) == 0
    assert sum(s.calls.count("commit") for s in stores) == 102


async def test_c24_arrivals_in_any_order_give_the_same_join(house):
    definition = house.define(fan(4))
    store = await house.bare_store()
    await store.put(definition, UserTrust().sign(definition))
    shape = shape_of(definition)
    for number, order in enumerate(itertools.permutations(range(4))):
        run = f"run{number}"
        outcome = await store.create(NewRun(run, definition.hash, "demo@1", "{}", worker="w", want=9), shape)
        (root,) = outcome.claims
        outcome = await store.commit(done(shape, root, "1"))
        claims = {c.unit: c for c in outcome.claims}
        for i in order:
            outcome = await store.commit(done(shape, claims[f"b{i}"], str(i)))
            assert [c.unit for c in outcome.claims] == (["join"] if i == order[-1] else [])
        (join,) = outcome.claims
        assert join.values == {f"b{i}": str(i) for i in range(4)}


def done(shape, claim, value):
    step = Settle(
        "settle", claim.unit, claim.token, Status.SUCCEEDED, value, None, shape.nodes[claim.unit].done
    )
    return Commit(claim.run, claim.generation, (step,), "w", 9, LEASE)


async def test_c24_skips_are_settled_level_by_level_in_batches(house, counted):
    source = '@node(when="1 > 2")\ndef root() -> int:\n    return 1\n'
    source += "".join(f"def b{i}(root: int) -> int:\n    return root\n" for i in range(50))
    source += "".join(f"def c{i}(b{i}: int) -> int:\n    return b{i}\n" for i in range(50))
    store, result = await counting(house, counted, source)
    assert result is None
    assert store.calls.count("commit") == 3, "one commit a level"


async def test_c24_a_commit_is_all_or_nothing(house):
    definition = house.define("def a() -> int:\n    return 1\ndef b() -> int:\n    return 2\n")
    store = await house.bare_store()
    await store.put(definition, UserTrust().sign(definition))
    outcome = await store.create(
        NewRun("r", definition.hash, "demo@1", "{}", worker="w", want=9), shape_of(definition)
    )
    a, b = outcome.claims
    before = await store.state("r")
    good = Settle("settle", "a", a.token, Status.SUCCEEDED, "1")
    stale = Settle("settle", "b", b.token + 100, Status.SUCCEEDED, "1")
    assert await store.commit(Commit("r", 1, (good, stale))) is None
    assert await store.state("r") == before
    assert await store.commit(Commit("r", 2, (good,))) is None, "another generation"
    assert await store.commit(Commit("nope", 1, (good,))) is None
    assert await store.commit(Commit("r", 1, (good,))) is not None
    assert await store.commit(Commit("r", 1, (good,))) is None, "the same again"
    assert [e.seq for e in await store.events("r")] == [1, 2, 3, 4]


async def test_c24_terminal_states_never_change(house):
    definition = house.define("def a() -> int:\n    return 1\ndef b() -> int:\n    return 2\n")
    store = await house.bare_store()
    await store.put(definition, UserTrust().sign(definition))
    outcome = await store.create(
        NewRun("r", definition.hash, "demo@1", "{}", worker="w", want=9), shape_of(definition)
    )
    a, b = outcome.claims
    await store.commit(Commit("r", 1, (End("end", Status.CANCELLED),)))
    before = await store.state("r")
    for step in (
        Settle("settle", "a", a.token, Status.SUCCEEDED, "1"),
        End("end", Status.FAILED, {"message": "x"}),
        End("end", Status.CANCELLED),
    ):
        assert await store.commit(Commit("r", 1, (step,))) is None
    assert await store.claim(Trigger("r", 1, "b", b.attempt, "lease"), "w", LEASE) is None
    assert await store.pending("r") == []
    assert await store.state("r") == before


async def test_c25_a_line_costs_one_round_trip_a_node(house, counted):
    store, result = await counting(house, counted, line(40))
    assert result == 39
    working = [c for c in store.calls if c not in ("header", "values", "state")]  # the one who waits
    assert working == ["create", *["commit"] * 40]


async def test_c25_a_long_line_lets_other_runs_have_their_turn(house, wait_until):
    first = Gate()
    executor = await house.open(overrides={"n0": first.body(0)})
    order: list[str] = []

    async def wait(run):
        await executor.wait(run, timeout=60)
        order.append(run)

    waits = []
    for run, length in (("long", 400), ("short", 3)):
        await executor.execute_async(house.define(line(length)), run_id=run)
        waits.append(asyncio.ensure_future(wait(run)))
        await wait_until(lambda: first.entered == len(waits))
    first.open.set()  # from here on both have all they need
    await asyncio.gather(*waits)
    assert order == ["short", "long"]


LINE_AND_FORM = '''
def a() -> int:
    return 1

@node(each="x in [1, 2, 3]")
def b(a: int, x: int) -> int:
    return a + x

@confirm
def ask(b) -> bool:
    """Go?"""

def c(ask: bool, b: list[int]) -> int:
    return sum(b)
'''


async def test_c27_triggers_twice_late_reordered_or_of_another_generation_change_nothing(
    house, all_events, finish
):
    calls: list[str] = []
    seen: set[Trigger] = set()
    executor = await house.open(overrides={
        "a": told(calls, "a", lambda: 1),
        "b": told(calls, "b", lambda a, x: a + x),
        "c": told(calls, "c", lambda ask, b: sum(b)),
    })  # fmt: skip
    kinds = ("run", "retry", "timeout", "lease", "deadline")
    rng = random.Random(5)

    async def storm(run):
        units = ["", "a", "b", "b[0]", "b[1]", "b[2]", "b[7]", "ask", "c", "nope", "a#2", "b[1]#3"]
        every = [
            Trigger(run, generation, unit, attempt, kind, due)
            for generation in (0, 1, 2, 9) for unit in units for attempt in (0, 1, 2, 5)
            for kind in kinds for due in (0.0, 1e12)
        ]  # fmt: skip
        for trigger in rng.sample(every, 250):
            seen.add(trigger)
            await executor.accept(trigger)
        for trigger in await house_pending(executor, run):
            await asyncio.gather(*(executor.accept(trigger) for _ in range(4)))

    run = await executor.execute_async(house.define(LINE_AND_FORM))
    await storm(run)
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=60)
    before = await executor.state(run)
    await storm(run)
    assert await executor.state(run) == before
    await executor.resume_async(run, True)
    await storm(run)
    assert (await finish(executor, run)).result == 9
    before = await executor.state(run)
    await storm(run)
    assert await executor.state(run) == before
    assert sorted(calls) == ["a", "b", "b", "b", "c"]
    assert [e.seq for e in await all_events(executor, run)] == list(range(1, before.seq + 1))


def told(calls, name, body):
    import inspect

    async def called(*args, **kwargs):
        calls.append(name)
        return body(*args, **kwargs)

    called.__signature__ = inspect.signature(body)
    return called


async def house_pending(executor, run):
    return [t for t in await executor._store.pending(run) if t.kind != "lease"]


async def test_c27_a_duplicate_of_a_trigger_starts_one_attempt(still, wait_until):
    submitter = await still.open(execute=False)
    run = await submitter.execute_async(still.define("def a() -> int:\n    return 1\n"))
    store = await still.bare_store()
    (trigger,) = await store.pending(run)
    entered = []

    async def a():
        entered.append(1)
        return 1

    executors = [await still.open(overrides={"a": a}) for _ in range(3)]
    accepted = await asyncio.gather(*(e.accept(trigger) for e in executors * 5))
    assert accepted.count(True) == 1

    async def ended():
        return (await store.state(run)).status == "SUCCEEDED"

    await wait_until(ended)
    assert entered == [1]


async def test_c27_the_outbox_is_the_truth_a_lost_trigger_is_found_again(still, wait_until):
    """A scheduler that loses everything: recovery brings what the store still has."""

    class Forgetful:
        def __init__(self):
            self.seen = []
            self.accept = None

        async def start(self, stack, accept):
            self.accept = accept

        def schedule(self, triggers):
            self.seen += triggers

        def forget(self, run): ...

    scheduler = Forgetful()
    source = "@node(retry=Retry(max=1, wait=10))\ndef a() -> int:\n    return 1\n"
    calls = []

    async def a():
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("no")
        return 2

    executor = await still.open(overrides={"a": a}, scheduler=scheduler, lease=0.1)
    run = await executor.execute_async(still.define(source))
    await wait_until(lambda: [t for t in scheduler.seen if t.kind == "retry"])
    scheduler.seen.clear()
    await wait_until(lambda: [t for t in scheduler.seen if t.kind == "retry"])
    still.clock.advance(10)
    await scheduler.accept(scheduler.seen[-1])
    assert await executor.wait(run, timeout=60) == 2


async def test_09_max_concurrency_of_a_chain_bounds_its_running_nodes(house):
    running = most = 0

    async def work(x):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return x

    source = """
CHAIN = Chain(max_concurrency=2)

@node(each="x in [0, 1, 2, 3, 4, 5, 6, 7, 8]")
def work(x: int) -> int:
    return x
"""
    state = await house.ends(source, overrides={"work": work})
    assert (state.result, most) == (list(range(9)), 2)


async def test_09_large_values_travel_by_reference_and_arrive_whole(house):
    source = """
def big(text: str) -> str:
    return text * 2

def bigger(big: str) -> list[str]:
    return [big, big]

@node(each="part in bigger")
def sizes(part: str) -> int:
    return len(part)

def end(sizes: list[int], big: str, bigger: list[str]) -> str:
    return f"{sizes} {len(big)} {big == bigger[1]}"
"""
    text = 'é\x00"x' * 20_000
    two = await house.open()  # opened before there is any large value
    executor = await house.open()
    run = await executor.execute_async(house.define(source), {"text": text})
    assert await executor.wait(run, timeout=60) == "[160000, 160000] 160000 True"
    state = await two.state(run)
    assert state.inputs == {"text": text}
    assert state.nodes["big"].output == text * 2
    outputs = {e.node: e.data["output"] for e in await two.recorded(run) if e.type == "node.finished"}
    assert outputs["big"] == text * 2


async def test_09_another_process_goes_on_with_a_large_value(still, finish):
    source = (
        "def big() -> str:\n    return 'x' * 100_000\n"
        "@confirm\ndef ask(big) -> bool:\n    'Go?'\n"
        "def end(big: str, ask: bool) -> int:\n    return len(big)\n"
    )
    two = await still.open()
    one = await still.open()
    run = await one.execute_async(still.define(source))
    with pytest.raises(ChainSuspended):
        await one.wait(run, people=False, timeout=60)
    await two.resume_async(run, True)
    assert (await finish(two, run)).result == 100_000
