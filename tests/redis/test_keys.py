"""What is in Redis: what a node costs, what expires, what is due."""

from __future__ import annotations

import re

import pytest

from tinyflow_nb import ChainDefinition
from tinyflow_nb.clock import ManualClock
from tinyflow_nb.model.commit import Commit, Reopen
from tinyflow_nb.stores.redis.store import key_of, shard_of

BIG = """
def a(n: int) -> str:
    yield "x"
    yield "y" * 40_000

@confirm
def ask(a) -> bool:
    "Go?"
"""


async def keys(store):
    found = await store._servers.call("", "KEYS", "*")
    return {key: await store._servers.call(key, "TTL", key) for key in found}


async def test_22_every_key_of_a_finished_run_expires_and_none_of_a_live_one(bench, address):
    store = await bench.store(address, retention=5000.0)
    executor = await bench.executor(address)
    big = ChainDefinition.from_source(BIG, "big")
    run = await executor.execute_async(big, {"n": 1})
    with pytest.raises(Exception, match="ask"):
        await executor.wait(run, people=False, timeout=60)
    await executor._streams.drain()
    mine = {key: ttl for key, ttl in (await keys(store)).items() if run in key}
    assert {key.removeprefix(key_of(run)) for key in mine} == {"", ":ev", ":ch", ":big"}
    assert set(mine.values()) == {-1}
    await executor.resume_async(run, True)
    await executor.wait(run, timeout=60)
    mine = {key: ttl for key, ttl in (await keys(store)).items() if run in key}
    assert all(600_000 < ttl <= 604_800 for ttl in mine.values()), mine
    rest = [re.sub(r"\{s\d\d\}", "{s}", key) for key, ttl in (await keys(store)).items() if ttl == -1]
    assert set(rest) == {"tf:{s}:runs", "tf:{s}:done", "tf:{s}:definitions", "tf:{reg}:schema"}
    assert await executor._store.expire(0.0, 1e9) == []
    left = {re.sub(r"\{s\d\d\}", "{s}", key) for key in await keys(store) if ":d:" not in key}
    assert left <= {"tf:{reg}:schema", "tf:{s}:definitions"}


async def test_22_a_retry_takes_the_ttl_away_again(bench, address):
    executor = await bench.executor(address, overrides={"b": _fails})
    run = await executor.execute_async(bench.line, {"n": 1})
    with pytest.raises(Exception, match="not today"):
        await executor.wait(run, timeout=60)
    store = await bench.store(address)
    assert (await keys(store))[key_of(run)] > 0
    assert await store.commit(Commit(run, 1, (Reopen("reopen"),))) is not None
    assert {ttl for key, ttl in (await keys(store)).items() if run in key} == {-1}


async def _fails(a):
    raise ValueError("not today")


SOME = 30
"""Looks at what lasts: on a machine that hiccups there are some more. Fewer than one for each node."""


async def test_25_a_line_of_nodes_costs_one_call_each(bench, address, redis_server):
    source = "async def n0() -> int:\n    return 0\n" + "".join(
        f"async def n{i}(n{i - 1}: int) -> int:\n    return n{i - 1} + 1\n" for i in range(1, 50)
    )
    executor = await bench.executor(address)
    line = ChainDefinition.from_source(source, "fifty")
    await executor.execute(line, timeout=60)
    before = await _calls(executor)
    assert await executor.execute(line, timeout=60) == 49
    most = 51 + SOME
    assert await _calls(executor) - before <= most, "create, 50 commits, and who waits looks 4 times"


async def test_25_a_fan_of_a_hundred_costs_one_call_each_and_nobody_tries_again(bench, address):
    leaves = [f"leaf{i}" for i in range(100)]
    source = "async def source(n: int) -> int:\n    return n\n" + "".join(
        f"async def {leaf}(source: int) -> int:\n    return source\n" for leaf in leaves
    )
    source += f"async def total({', '.join(leaves)}) -> int:\n    return sum(({', '.join(leaves)}))\n"
    executor = await bench.executor(address)
    fan = ChainDefinition.from_source(source, "fan")
    await executor.execute(fan, {"n": 1}, timeout=60)
    before = await _calls(executor)
    run = await executor.execute_async(fan, {"n": 2})
    assert await executor.wait(run, timeout=60) == 200
    assert await _calls(executor) - before <= 1 + 102 + SOME, "create, a commit for each, and some looks"
    nodes = (await executor.state(run)).nodes
    assert {node.attempts for node in nodes.values()} == {1}


async def _calls(executor):
    told = await executor._store._servers.call("", "INFO", "commandstats")
    return int(re.search(r"cmdstat_fcall:calls=(\d+)", told)[1])


async def test_27_what_is_due_is_found_by_anybody_and_not_again_at_once(bench, address):
    clock = ManualClock()
    store = await bench.store(address, clock=clock)
    await store.create(bench.new("unclaimed")._replace(worker="", want=0), bench.shape)
    (claim,) = (await store.create(bench.new("claimed"), bench.shape)).claims
    await store.create(bench.new("late", deadline=clock.now() + 500), bench.shape)
    other = await bench.store(address, clock=clock)
    assert await other.due(older=5.0) == []
    clock.advance(6)
    (trigger,) = await other.due(older=5.0, again=10.0)
    assert (trigger.run, trigger.unit, trigger.kind) == ("unclaimed", "a", "run")
    assert await store.due(older=5.0, again=10.0) == []
    clock.advance(15)
    assert await store.due(older=5.0) == [trigger]
    assert await store.claim(trigger, "w", 1000.0)
    clock.advance(9)  # the leases of 30 s are over
    found = {(t.run, t.kind, t.unit) for t in await store.due()}
    assert found == {("claimed", "lease", "a"), ("late", "lease", "a")}
    assert store.renew([("claimed", "a", claim.token)], 600.0) == []
    clock.advance(480)
    assert {(t.run, t.kind) for t in await store.due()} == {("late", "lease")}
    clock.advance(1000)
    assert {(t.run, t.kind) for t in await store.due()} == {
        ("unclaimed", "lease"), ("claimed", "lease"), ("late", "lease"),
    }  # fmt: skip


async def test_28_a_run_s_keys_share_a_slot_and_runs_spread_over_the_shards(bench, address):
    store = await bench.store(address)
    for number in range(200):
        await store.create(bench.new(f"run{number}"), bench.shape)
    assert len({shard_of(f"run{number}") for number in range(200)}) > 50
    assert all(re.match(r"tf:\{(s\d\d|reg)\}:", key) for key in await keys(store))


async def test_runs_are_listed_newest_first_over_all_shards_page_by_page(bench, address):
    store = await bench.store(address)
    for number in range(120):
        await store.create(bench.new(f"run{number:03}"), bench.shape)
    seen: list[str] = []
    cursor = ""
    while True:
        page = await store.runs(limit=50, cursor=cursor)
        seen += [r.id for r in page.runs]
        cursor = page.next
        if not cursor:
            break
    assert seen == [f"run{number:03}" for number in reversed(range(120))]
    assert (await store.runs(chain="line@1", limit=3)).runs[0].id == "run119"
    assert (await store.runs(chain="nope")).runs == []


async def test_who_changes_a_run_wakes_the_others_and_not_himself(bench, address):
    one, two = await bench.store(address), await bench.store(address)
    outcome = await one.create(bench.new("r"), bench.shape)
    seen = {"r": outcome.seq}
    assert await one.watch(seen, 0.0) == set()
    assert await two.watch({"r": outcome.seq}, 0.0) == set()
    outcome = await one.commit(bench.done(outcome.claims[0]))
    assert await two.watch({"r": 2}, 60.0) == {"r"}
    seen["r"] = outcome.seq
    assert await one.watch(seen, 0.05) == set()
    await two.commit(bench.done(outcome.claims[0]))
    assert await one.watch(seen, 60.0) == {"r"}
