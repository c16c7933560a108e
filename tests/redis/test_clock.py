"""SEMANTICS 20: now is the store's clock, whatever somebody does to the one of this machine."""

from __future__ import annotations

import time

import pytest

from tinyflow_nb.stores.redis.server_time import ServerTime


@pytest.mark.parametrize("moved", [-3_600.0, 3_600.0])
async def test_20_a_clock_that_is_set_while_a_store_is_open_changes_nothing(
    bench, address, monkeypatch, moved
):
    store = await bench.store(address)
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() + moved)
    assert abs(store.now() - true()) < 60


async def test_20_an_answer_tells_that_the_server_s_clock_was_set(bench, address):
    store = await bench.store(address)
    store._time._ahead += 3_600
    (claim,) = (await store.create(bench.new("r"), bench.shape)).claims
    assert abs(store.now() - time.time()) < 60
    store._time._ahead -= 3_600
    assert await store.commit(bench.done(claim))
    assert abs(store.now() - time.time()) < 60


def test_20_an_answer_that_took_long_tells_little(monkeypatch):
    monotonic = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: monotonic)
    monkeypatch.setattr(time, "time", lambda: 5_000.0)
    ours = ServerTime()
    monotonic = 1_010.0  # this process was stopped meanwhile
    ours.told(5_002.0, sent=1_000.0)
    assert ours.now() == 5_010.0
    ours.told(5_002.0, sent=1_009.0)
    assert ours.now() == 5_002.5
