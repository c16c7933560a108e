"""Sentinels that make a replica the master, and changes that wait for replicas (SEMANTICS 28)."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb import connect
from tinyflow_nb.stores.redis.store import key_of


@pytest.fixture
async def pair(own_redis: Any, wait_until: Any) -> tuple[Any, Any]:
    """A master and its replica, in step."""
    master = own_redis("--repl-diskless-sync-delay", "0")
    replica = own_redis("--replicaof", f"127.0.0.1 {master.port}")
    await wait_until(lambda: "master_link_status:up" in replica.ask_all("INFO", "replication"))
    return master, replica


def patient(monkeypatch) -> None:
    """Whatever a busy machine does, a change waits until its replicas have it."""
    monkeypatch.setattr("tinyflow_nb.stores.redis.channel.SILENCE_SECONDS", 60.0)
    monkeypatch.setattr("tinyflow_nb.stores.redis.channel.REPLICAS_SECONDS", 30.0)


async def test_28_a_change_waits_for_its_replicas_and_says_if_they_lag(bench, pair, monkeypatch, caplog):
    master, replica = pair
    address = f"{master.address}?wait_replicas=1"
    patient(monkeypatch)
    store = await bench.store(address)
    (a,) = (await store.create(bench.new("r"), bench.shape)).claims
    assert replica.ask("EXISTS", key_of("r")) == ":1"
    assert "replicas" not in caplog.text
    monkeypatch.setattr("tinyflow_nb.stores.redis.channel.REPLICAS_SECONDS", 0.2)
    hasty = await bench.store(address)
    os.kill(replica._process.pid, signal.SIGSTOP)
    try:
        caplog.clear()
        assert await hasty.commit(bench.done(a)) is not None, "it is done on the master"
        assert "a change is on 0 replicas, not on 1" in caplog.text
    finally:
        os.kill(replica._process.pid, signal.SIGCONT)


async def test_28_runs_go_on_on_the_master_that_sentinels_name_next(
    bench, pair, own_redis, tmp_path: Path, wait_until, monkeypatch
):
    """The sentinel gives up nobody before the master is stopped."""
    patient(monkeypatch)
    master, replica = pair
    config = tmp_path / "sentinel.conf"
    config.write_text(
        f"sentinel monitor house 127.0.0.1 {master.port} 1\n"
        "sentinel down-after-milliseconds house 600000\n"
        "sentinel failover-timeout house 3000\n"
    )
    sentinel = own_redis(str(config), "--sentinel")
    await wait_until(lambda: any("slaves=1" in line for line in sentinel.ask_all("INFO", "sentinel")))
    address = f"redis+sentinel://127.0.0.1:{sentinel.port}/house"
    async with connect(address) as worker, connect(address, execute=False) as client:
        assert await client.execute(bench.line, {"n": 1}, timeout=60) == 4
        store = await bench.store(f"{address}?wait_replicas=1")
        (a,) = (await store.create(bench.new("r"), bench.shape)).claims
        later = await bench.store(address)
        master.stop()
        assert sentinel.ask("SENTINEL", "SET", "house", "down-after-milliseconds", "300") == "+OK"
        assert [c.unit for c in (await later.commit(bench.done(a))).claims] == ["b"]
        assert "master" in replica.ask_all("ROLE")
        assert await later.header("r") is not None
        assert later.renew([("r", "a", 99)], 30.0) == [("r", "a", 99)]
        assert await client.execute(bench.line, {"n": 2}, timeout=60) == 5
        assert (await worker.runs()).runs
