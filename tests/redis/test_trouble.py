"""A Redis that can't do what it is asked says so, in one line with the mend."""

from __future__ import annotations

import pytest
from redis.exceptions import BusyLoadingError, ResponseError

from tinyflow_nb.errors import SettingsError, StoreError
from tinyflow_nb.stores.redis.address import parse
from tinyflow_nb.stores.redis.told import TRANSIENT, has_code, plainly


async def test_nobody_answers(bench, own_redis):
    server = own_redis()
    server.stop()
    with pytest.raises(StoreError, match=r"redis at 127\.0\.0\.1:\d+: nothing answers there; start Redis"):
        await bench.store(server.address)


async def test_a_password_that_is_wrong_or_missing(bench, own_redis):
    server = own_redis("--requirepass", "secret")
    with pytest.raises(StoreError, match="wants a password"):
        await bench.store(server.address)
    wrong = server.address.replace("//", "//:wrong@")
    with pytest.raises(StoreError, match="refuses the user or the password") as told:
        await bench.store(wrong)
    assert "wrong" not in str(told.value).replace("WRONGPASS", "")
    await bench.store(server.address.replace("//", "//:secret@"))


async def test_a_user_of_its_own_that_may_too_little(bench, own_redis):
    server = own_redis()
    server.ask("ACL", "SETUSER", "flow", "on", ">pw", "~tf:*", "&tf:*", "+@all")
    server.ask("ACL", "SETUSER", "poor", "on", ">pw", "~other:*", "+@all")
    store = await bench.store(server.address.replace("//", "//flow:pw@"))
    assert await store.create(bench.new("r"), bench.shape) is not None
    with pytest.raises(StoreError, match="does not allow this user"):
        await bench.store(server.address.replace("//", "//poor:pw@"))


async def test_out_of_memory_is_said_and_nothing_is_half_done(bench, own_redis):
    server = own_redis()
    store = await bench.store(server.address)
    (a,) = (await store.create(bench.new("r"), bench.shape)).claims
    before = await store.state("r")
    server.ask("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreError, match="out of memory: raise its maxmemory"):
        await store.commit(bench.done(a))
    server.ask("CONFIG", "SET", "maxmemory", "0")
    assert await store.state("r") == before
    assert await store.commit(bench.done(a)) is not None


async def test_a_server_that_loads_its_data_is_waited_for_and_then_named(bench, proxy, monkeypatch):
    proxy, address = await proxy()
    store = await bench.store(address)
    proxy.loading = 2
    (a,) = (await store.create(bench.new("r"), bench.shape)).claims
    assert proxy.loading == 0
    monkeypatch.setattr("tinyflow_nb.stores.redis.servers.PATIENCE_SECONDS", 0.1)
    proxy.loading = 1_000
    with pytest.raises(StoreError, match="is still loading its data"):
        await store.commit(bench.done(a))
    proxy.loading = 0
    assert await store.commit(bench.done(a)) is not None, "nothing was half done"


async def test_a_read_only_replica_is_named_as_such(bench, own_redis):
    server = own_redis()
    store = await bench.store(server.address)
    server.ask("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreError, match="read-only replica: name the master"):
        await store.create(bench.new("r"), bench.shape)
    server.ask("REPLICAOF", "NO", "ONE")
    assert await store.create(bench.new("r"), bench.shape) is not None, "nothing was half done"


async def test_data_of_a_newer_schema_are_refused(bench, own_redis):
    server = own_redis()
    server.ask("SET", "tf:{reg}:schema", "2")
    with pytest.raises(StoreError, match=r"newer tinyflow-nb \(schema 2, this one knows 1\): upgrade"):
        await bench.store(server.address)
    assert server.ask("DBSIZE") == ":1"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (BusyLoadingError("Redis is loading", status_code="LOADING"), "is still loading its data"),
        (ResponseError("MISCONF Redis is configured to save RDB snapshots"), "can't write to its disk"),
        (ResponseError("Error running script: 1: -OOM not allowed", status_code="ERR"), "out of memory"),
        (ResponseError("something new", status_code="ERR"), "something new"),
    ],
)
def test_answers_in_plain_words(answer, told):
    assert told in str(plainly("redis at x:1", answer))
    assert has_code(answer, TRANSIENT["single"]) == isinstance(answer, BusyLoadingError)


@pytest.mark.parametrize(
    "wrong",
    [
        "redis://host:port", "redis://host/zero", "redis://host/0/1", "redis://host?ssl=yes",
        "redis+cluster://a,b/1", "redis+sentinel://a,b", "redis+pigeon://a", "rediss://host?ca=/nowhere",
    ],
)  # fmt: skip
def test_an_address_that_is_wrong_is_not_shown_with_its_password(wrong):
    with pytest.raises(SettingsError) as told:
        parse(wrong.replace("//", "//user:hush@"))
    assert "hush" not in str(told.value)


def test_addresses():
    assert parse("redis://").hosts == (("127.0.0.1", 6379),)
    full = parse("rediss://me:p%40ss@h1:1,h2:2/3?verify=none")
    assert (full.hosts, full.database, full.username, full.password) == (
        (("h1", 1), ("h2", 2)),
        3,
        "me",
        "p@ss",
    )
    assert full.tls is not None
    sentinel = parse("redis+sentinel://a,[::1]:7/mymaster/2")
    assert (sentinel.hosts, sentinel.service, sentinel.database) == (
        (("a", 26379), ("::1", 7)),
        "mymaster",
        2,
    )
