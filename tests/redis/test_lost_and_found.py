"""What is lost on the way - a script, an answer, the server - changes nothing twice (SEMANTICS 28)."""

from __future__ import annotations

import asyncio

import pytest

from tinyflow_nb.clock import ManualClock
from tinyflow_nb.errors import StoreError
from tinyflow_nb.model.commit import Commit, End, Reopen
from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.stores.redis.store import RECONNECTING_SECONDS


@pytest.mark.parametrize("forget", ["FUNCTION FLUSH", "SCRIPT FLUSH"])
@pytest.mark.parametrize("old", [False, True])
async def test_scripts_are_loaded_again(bench, address, redis_server, forget, old):
    store = await bench.store(address)
    store._servers.scripts.old = old
    outcome = await store.create(bench.new("r"), bench.shape)
    redis_server.ask(*forget.split())
    outcome = await store.commit(bench.done(outcome.claims[0]))
    assert [c.unit for c in outcome.claims] == ["b"]
    assert (await store.header("r")).seq == outcome.seq


async def test_a_server_without_functions_runs_scripts(bench, own_redis):
    """As Redis 6.2, which does not know the commands."""
    server = own_redis("--rename-command", "FCALL", "", "--rename-command", "FUNCTION", "")
    store = await bench.store(server.address)
    assert await store.create(bench.new("r"), bench.shape) is not None
    assert store._servers.scripts.old
    assert (await store.header("r")).status is Status.RUNNING


async def test_the_lost_answer_of_a_creation_is_given_again(bench, proxy):
    proxy, address = await proxy()
    store = await bench.store(address)
    proxy.deaf_after = 1
    outcome = await store.create(bench.new("r"), bench.shape)
    assert proxy.lost == 1
    assert [(c.unit, c.token, c.attempt) for c in outcome.claims] == [("a", 1, 1)]
    assert [e[1] for e in outcome.events] == ["chain.started", "node.started"]
    assert await store.create(bench.new("r"), bench.shape) is None, "another operation finds it taken"


async def test_the_lost_answer_of_a_commit_is_given_again(bench, proxy):
    proxy, address = await proxy()
    store = await bench.store(address)
    (a,) = (await store.create(bench.new("r"), bench.shape)).claims
    proxy.deaf_after = 1
    outcome = await store.commit(bench.done(a, "41"))
    assert proxy.lost == 1
    (b,) = outcome.claims
    assert (b.unit, b.values, b.attempt) == ("b", {"a": "41"}, 1)
    assert [(e[1], e[2]) for e in outcome.events] == [("node.finished", "a"), ("node.started", "b")]
    assert await store.commit(bench.done(a, "41")) is None, "another operation comes too late"
    (c,) = (await store.commit(bench.done(b))).claims
    proxy.deaf_after = 1
    assert (await store.commit(bench.done(c))).status is Status.SUCCEEDED
    assert [e.seq for e in await store.events("r")] == list(range(1, 9))


async def test_the_lost_answer_of_a_claim_is_given_again(bench, proxy):
    proxy, address = await proxy()
    store = await bench.store(address)
    await store.create(bench.new("r")._replace(worker="", want=0), bench.shape)
    proxy.deaf_after = 1
    outcome = await store.claim(Trigger("r", 1, "a"), "w", 30.0)
    assert proxy.lost == 1
    assert [(c.unit, c.token) for c in outcome.claims] == [("a", 1)]
    assert await store.claim(Trigger("r", 1, "a"), "w", 30.0) is None


async def test_the_lost_answers_of_an_end_and_a_retry_are_given_again(bench, proxy):
    proxy, address = await proxy()
    store = await bench.store(address)
    await store.create(bench.new("r"), bench.shape)
    proxy.deaf_after = 1
    assert (await store.commit(Commit("r", 1, (End("end", Status.CANCELLED),)))).status is Status.CANCELLED
    proxy.deaf_after = 1
    outcome = await store.commit(Commit("r", 1, (Reopen("reopen"),), "w", 9))
    assert [(c.unit, c.generation) for c in outcome.claims] == [("a", 2)]
    assert proxy.lost == 2
    assert (await store.commit(bench.done(outcome.claims[0]))).claims[0].unit == "b"


async def test_the_lost_answer_of_chunks_keeps_them_once(bench, proxy):
    proxy, address = await proxy()
    store = await bench.store(address)
    chunk = Event(1, EventType.NODE_OUTPUT, "a", 0.0, {"text": "x"})
    await store.append_chunks("r", [chunk])
    proxy.deaf_after = 1
    await store.append_chunks("r", [chunk, chunk])
    assert proxy.lost == 1
    assert await store.chunks("r") == ([chunk] * 3, 3)


async def test_a_whole_run_over_a_line_that_keeps_breaking(bench, proxy):
    proxy, address = await proxy()
    executor = await bench.executor(address)
    for every in (1, 2, 3):
        proxy.deaf_after = every
        run = await executor.execute_async(bench.line, {"n": 1})
        proxy.deaf_after = proxy.deaf_after or every
        assert await executor.wait(run, timeout=60) == 4
        events = [e.seq for e in await executor.recorded(run)]
        assert events == list(range(1, 9))
    assert proxy.lost >= 3


async def test_a_restart_of_the_server_loses_nothing(bench, own_redis):
    server = own_redis("--appendonly", "yes", "--appendfsync", "always")
    executor = await bench.executor(server.address)
    store = await bench.store(server.address)
    (a,) = (await store.create(bench.new("r"), bench.shape)).claims
    run = await executor.execute_async(bench.line, {"n": 1})
    assert await executor.wait(run, timeout=60) == 4
    server.stop()
    later = asyncio.ensure_future(store.commit(bench.done(a)))
    await asyncio.sleep(0)
    server.start()
    assert [c.unit for c in (await later).claims] == ["b"]
    assert await executor.execute(bench.line, {"n": 2}, timeout=60) == 5
    assert (await store.state(run)).result == 4


async def test_20_a_lease_that_ran_out_while_the_server_was_away_is_its_holders_for_a_while(
    bench, own_redis, wait_until
):
    """Nobody could renew it: that is no death of a worker (SEMANTICS 18). It is left a third of a lease, in
    which its holder renews it."""
    server = own_redis("--appendonly", "yes", "--appendfsync", "always")
    clock = ManualClock(1000.0)
    store = await bench.store(server.address, clock=clock)
    await store.create(bench.new("r", lease=1.0), bench.shape)
    clock.advance(2)
    (lost,) = await store.due()
    (a,) = (await store.claim(lost, "w", 6.0)).claims
    grace = 2 + RECONNECTING_SECONDS
    server.stop()
    look = asyncio.ensure_future(store.due())
    await wait_until(lambda: store._servers._since > 0)
    server.start()
    assert await look == []
    clock.advance(6 + grace - 0.5)
    assert await store.due() == []
    assert store.renew([("r", "a", a.token)], 6.0) == []
    clock.advance(6 + grace - 0.5)
    assert await store.due() == []
    clock.advance(1)
    assert [(t.unit, t.kind) for t in await store.due()] == [("a", "lease")]


async def test_20_an_expired_lease_is_anybodys_at_once_if_the_server_was_there(bench, address):
    clock = ManualClock(1000.0)
    store = await bench.store(address, clock=clock)
    await store.create(bench.new("r", lease=5.0), bench.shape)
    clock.advance(5.5)
    assert [(t.unit, t.kind) for t in await store.due()] == [("a", "lease")]


async def test_leases_are_renewed_over_a_connection_that_broke_and_a_server_that_forgot(bench, own_redis):
    server = own_redis("--appendonly", "yes", "--appendfsync", "always")
    store = await bench.store(server.address)
    (a,) = (await store.create(bench.new("r"), bench.shape)).claims
    (other,) = (await store.create(bench.new("s"), bench.shape)).claims
    held = [("r", "a", a.token), ("s", "a", other.token), ("s", "a", 99)]
    assert store.renew(held, 30.0) == held[2:]
    server.ask("FUNCTION", "FLUSH")
    assert store.renew(held, 30.0) == held[2:]
    server.stop()
    with pytest.raises(StoreError, match="nothing answers there"):
        store.renew(held, 30.0)
    server.start()
    assert store.renew(held, 30.0) == held[2:]


async def test_patience_with_a_server_that_is_gone_is_shared(bench, own_redis, monkeypatch):
    monkeypatch.setattr("tinyflow_nb.stores.redis.servers.PATIENCE_SECONDS", 0.2)
    server = own_redis()
    store = await bench.store(server.address)
    server.stop()
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(StoreError, match="nothing answers there"):
        await store.header("r")
    assert loop.time() - began >= 0.2
    tries: list[None] = []
    look_again = store._servers._places.look_again
    monkeypatch.setattr(store._servers._places, "look_again", lambda: (tries.append(None), look_again()))
    for _ in range(20):
        with pytest.raises(StoreError, match="nothing answers there"):
            await store.header("r")
    assert len(tries) == 20, "the others need not wait as long again"
    server.start()
    assert await store.header("r") is None
