"""Redis Cluster and Sentinel: which server a run lives on, and when it moves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from redis.crc import key_slot

from tinyflow_nb.errors import StoreError
from tinyflow_nb.stores.redis.store import key_of


@pytest.fixture
def cluster(redis_cluster):
    redis_cluster.ask("FLUSHALL")
    return redis_cluster


async def test_a_map_that_is_out_of_date_is_asked_for_again(bench, cluster):
    store = await bench.store(cluster.address)
    outcome = await store.create(bench.new("r"), bench.shape)
    slots = store._servers._places._cluster.nodes_manager.slots_cache
    slot = key_slot(key_of("r").encode())
    here = slots[slot]
    slots[slot] = next(nodes for nodes in slots.values() if nodes != here)
    assert (await store.commit(bench.done(outcome.claims[0]))).claims[0].unit == "b"
    assert slots[slot] == here


async def test_a_slot_that_moves_is_followed(bench, cluster):
    store = await bench.store(cluster.address)
    (a,) = (await store.create(bench.new("r"), bench.shape)).claims
    slot = key_slot(key_of("r").encode())
    ids = {node.port: node.ask_all("CLUSTER", "MYID")[1] for node in cluster.nodes}
    here = store._servers._places._cluster.get_node_from_key(key_of("r"))
    source = next(n for n in cluster.nodes if n.port == here.port)
    target = next(n for n in cluster.nodes if n is not source)
    assert target.ask("CLUSTER", "SETSLOT", str(slot), "IMPORTING", ids[source.port]) == "+OK"
    assert source.ask("CLUSTER", "SETSLOT", str(slot), "MIGRATING", ids[target.port]) == "+OK"
    keys = source.ask_all("CLUSTER", "GETKEYSINSLOT", str(slot), "100")[2::2]
    assert key_of("r") in keys
    source.ask("MIGRATE", "127.0.0.1", str(target.port), key_of("r"), "0", "5000")
    commit = asyncio.ensure_future(store.commit(bench.done(a)))
    done, _ = await asyncio.wait([commit], timeout=0.2)
    assert not done, "half of the keys are elsewhere: nothing is changed"
    for key in keys:
        if key != key_of("r"):
            source.ask("MIGRATE", "127.0.0.1", str(target.port), key, "0", "5000")
    for node in (target, source, *cluster.nodes):
        node.ask("CLUSTER", "SETSLOT", str(slot), "NODE", ids[target.port])
    try:
        assert (await commit).claims[0].unit == "b"
        assert (await store.state("r")).nodes["a"].status == "SUCCEEDED"
    finally:
        cluster.ask("FLUSHALL")
        for node in (source, target, *cluster.nodes):
            node.ask("CLUSTER", "SETSLOT", str(slot), "NODE", ids[source.port])


async def test_a_cluster_without_all_slots_says_so(bench, own_redis, monkeypatch):
    monkeypatch.setattr("tinyflow_nb.stores.redis.servers.PATIENCE_SECONDS", 0.1)
    server = own_redis("--cluster-enabled", "yes", "--cluster-port", "0")
    with pytest.raises(StoreError, match="cluster with nodes missing"):
        await bench.store(server.address.replace("redis:", "redis+cluster:").removesuffix("/0"))


@pytest.fixture
def sentinel(own_redis, tmp_path: Path):
    master = own_redis()
    config = tmp_path / "sentinel.conf"
    config.write_text(f"sentinel monitor house 127.0.0.1 {master.port} 1\n")
    return own_redis(str(config), "--sentinel"), master


async def test_sentinels_name_the_master(bench, sentinel):
    watcher, master = sentinel
    nobody = "127.0.0.1:1"
    store = await bench.store(f"redis+sentinel://{nobody},127.0.0.1:{watcher.port}/house")
    assert await store.create(bench.new("r"), bench.shape) is not None
    assert master.ask("EXISTS", key_of("r")) == ":1"
    with pytest.raises(StoreError, match=r"knows the master .*'barn'"):
        await bench.store(f"redis+sentinel://127.0.0.1:{watcher.port}/barn")
