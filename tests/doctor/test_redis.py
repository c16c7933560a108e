"""The doctor over real Redis servers, each with something wrong: the trouble is named, and the mend."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conftest import free_port
from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.clock import ManualClock, SystemClock
from tinyflow_nb.doctor import Finding, Report, examine
from tinyflow_nb.model.commit import NewRun
from tinyflow_nb.model.shape import shape_of
from tinyflow_nb.model.trigger import DeadLetter, Trigger
from tinyflow_nb.model.workers import WorkerInfo
from tinyflow_nb.stores.redis import RedisStore

GOOD = ("--appendonly", "yes")
ONE = ChainDefinition.from_source("def one(n: int) -> int:\n    return n + 1\n", "one")


def found(report: Report, check: str) -> Finding:
    """The worst that a check found."""
    findings = [f for f in report.findings if f.check == check]
    assert findings, f"{check} is not among {[f.check for f in report.findings]}"
    return max(findings, key=lambda f: ("ok", "warning", "error").index(f.level))


def assert_only(report: Report, *checks: str) -> None:
    """Nothing else is amiss but that there is no worker."""
    assert {f.check for f in report.of("warning", "error")} == {*checks, "workers.alive"}


async def look(address: str, **options: Any) -> Report:
    return await examine(address, only_fleet=True, **options)


def a_minute_ago() -> ManualClock:
    return ManualClock(time.time() - 60.0)


async def finished_run(address: str) -> str:
    async with connect(address, scheduler="local") as executor:
        run = await executor.execute_async(ONE, {"n": 1})
        assert await executor.wait(run) == 2
        return run


async def test_all_is_well(own_redis: Any) -> None:
    server = own_redis(*GOOD)
    await finished_run(server.address)
    report = await look(server.address)
    assert_only(report)
    assert (report.level, report.exit_code) == ("warning", 1)
    worker = WorkerInfo("w1", "here", 7, 0.0, 0.0, ("gpu",), 4, 1, "0.1.0", "3.11", "redis", {})
    async with contextlib.AsyncExitStack() as stack:
        store = RedisStore(server.address, SystemClock(), retention=60.0)
        await store.start(stack)
        await store.report(worker, 60.0)
    report = await look(server.address)
    assert (report.level, report.exit_code) == ("ok", 0), report.of("warning", "error")
    assert found(report, "workers.alive").what == "1 worker is alive, with room for 3 nodes"
    assert found(report, "workers.alive").why == "w1 gpu"


async def test_nothing_listens_there() -> None:
    port = free_port()
    report = await look(f"redis://someone:hidden@127.0.0.1:{port}/0")
    trouble = found(report, "redis.answers")
    assert trouble.level == "error"
    assert "nothing answers there" in trouble.why
    assert trouble.mend == f"tinyflow-nb services up redis --redis-port {port}"
    assert "hidden" not in str(report)
    assert report.exit_code == 2
    assert "7 more checks of Redis were not made" in report.of("warning")[0].what


async def test_something_else_listens_there(serve: Callable[[bytes], int]) -> None:
    port = serve(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    trouble = found(await look(f"redis://127.0.0.1:{port}/0"), "redis.answers")
    assert trouble.level == "error"
    assert f"see what listens on port {port}" in trouble.mend


@pytest.mark.parametrize("who", ["", "default:wrong@"])
async def test_a_missing_or_wrong_password(own_redis: Any, who: str) -> None:
    server = own_redis("--requirepass", "right")
    report = await look(server.address.replace("://", f"://{who}"))
    trouble = found(report, "redis.answers")
    assert trouble.level == "error"
    assert "password" in trouble.why
    assert "redis://user:password@host" in trouble.mend
    assert "wrong" not in str(report)


async def test_a_user_that_may_not_run_the_scripts(own_redis: Any) -> None:
    server = own_redis(*GOOD)
    server.ask(
        "ACL", "SETUSER", "reader", "on", ">pw", "~tf:*", "&*", "+@read", "+info", "+client", "+time", "+ping"
    )
    report = await look(server.address.replace("://", "://reader:pw@"))
    trouble = found(report, "redis.scripts")
    assert trouble.level == "error"
    assert "ACL SETUSER" in trouble.mend
    persistence = found(report, "redis.persistence")
    assert persistence.level == "ok", "that CONFIG is refused does not hide what INFO tells"


async def test_c28_without_an_append_only_file(own_redis: Any) -> None:
    server = own_redis()
    report = await look(server.address)
    assert_only(report, "redis.persistence")
    trouble = found(report, "redis.persistence")
    assert trouble.level == "error"
    assert f"redis-cli -h 127.0.0.1 -p {server.port} CONFIG SET appendonly yes" in trouble.mend
    server.ask("CONFIG", "SET", "appendonly", "yes")
    assert_only(await look(server.address))


async def test_c28_an_append_only_file_that_is_never_synced(own_redis: Any) -> None:
    trouble = found(await look(own_redis(*GOOD, "--appendfsync", "no").address), "redis.persistence")
    assert trouble.level == "warning"
    assert "CONFIG SET appendfsync everysec" in trouble.mend


async def test_c28_a_redis_that_evicts(own_redis: Any) -> None:
    server = own_redis(*GOOD, "--maxmemory-policy", "allkeys-lru")
    assert found(await look(server.address), "redis.eviction").level == "warning"
    server.ask("CONFIG", "SET", "maxmemory", "100mb")
    report = await look(server.address)
    assert_only(report, "redis.eviction")
    trouble = found(report, "redis.eviction")
    assert (trouble.level, trouble.what) == ("error", "maxmemory-policy is allkeys-lru")
    assert "CONFIG SET maxmemory-policy noeviction" in trouble.mend


async def test_a_redis_that_is_nearly_full(own_redis: Any) -> None:
    server = own_redis(*GOOD)
    used = next(line for line in server.ask_all("INFO", "memory") if line.startswith("used_memory:"))
    server.ask("CONFIG", "SET", "maxmemory", str(int(int(used.partition(":")[2]) * 1.05)))
    trouble = found(await look(server.address), "redis.memory")
    assert trouble.level == "warning"
    assert "tinyflow-nb cleanup" in trouble.mend


async def test_a_replica(own_redis: Any) -> None:
    master = own_redis(*GOOD)
    replica = own_redis(*GOOD, "--replicaof", "127.0.0.1", str(master.port))
    trouble = found(await look(replica.address), "redis.writable")
    assert trouble.level == "error"
    assert "name the master" in trouble.mend


class Ahead(SystemClock):
    def now(self) -> float:
        return super().now() + 90.0


async def test_a_clock_that_is_wrong(own_redis: Any) -> None:
    server = own_redis(*GOOD)
    await finished_run(server.address)
    report = await look(server.address, clock=Ahead())
    assert_only(report, "redis.clock")
    trouble = found(report, "redis.clock")
    told = re.fullmatch(r"Redis is ([\d.]+) s behind this machine", trouble.what)
    assert told is not None, trouble.what
    assert 60 < float(told[1]) < 120, "the longer an answer took, the less it tells"
    assert "timedatectl" in trouble.mend


async def test_data_of_a_newer_version(own_redis: Any) -> None:
    server = own_redis(*GOOD)
    server.ask("SET", "tf:{reg}:schema", "99")
    trouble = found(await look(server.address), "runs.schema")
    assert trouble.level == "error"
    assert "schema 99" in trouble.what
    assert trouble.mend == "pip install -U tinyflow-nb"


async def test_a_finished_runs_key_without_a_time_to_live(own_redis: Any) -> None:
    server = own_redis(*GOOD)
    run = await finished_run(server.address)
    keys = [line for line in server.ask_all("KEYS", f"tf:*:r:{run}*") if line.startswith("tf:")]
    server.ask("PERSIST", keys[0])
    report = await look(server.address)
    assert_only(report, "runs.times_to_live")
    trouble = found(report, "runs.times_to_live")
    assert keys[0] in trouble.why
    assert f"tinyflow-nb delete {run}" in trouble.mend


async def test_b23_units_that_nobody_takes_and_no_worker(own_redis: Any, wait_until: Any) -> None:
    server = own_redis(*GOOD)
    async with connect(server.address, execute=False, clock=a_minute_ago()) as client:
        run = await client.execute_async(ONE, {"n": 1})
    report = await look(server.address)
    assert_only(report, "runs.unclaimed")
    trouble = found(report, "runs.unclaimed")
    assert trouble.what == f"1 unit waits for a worker, one of {run} the longest"
    assert f"tinyflow-nb worker --store {server.address}" in trouble.mend
    assert found(report, "workers.alive").mend == f"tinyflow-nb worker --store {server.address}"


async def test_b23_a_unit_whose_tags_nobody_carries(own_redis: Any) -> None:
    server = own_redis(*GOOD)
    source = '@node(tags=["gpu", "eu"])\ndef one(n: int) -> int:\n    return n\n'
    async with connect(server.address, execute=False, clock=a_minute_ago()) as client:
        run = await client.execute_async(ChainDefinition.from_source(source, "one"), {"n": 1})
    trouble = found(await look(server.address), "runs.unclaimed")
    assert trouble.what == f"1 unit waits for a worker, one of {run} the longest"
    assert trouble.mend.endswith("--tags gpu,eu")


async def test_c20_a_lease_that_nobody_renews(own_redis: Any) -> None:
    server = own_redis(*GOOD)
    async with contextlib.AsyncExitStack() as stack:
        store = RedisStore(server.address, a_minute_ago(), retention=60.0)
        await store.start(stack)
        async with connect(server.address, execute=False) as client:
            await client.publish(ONE)
        new = NewRun("held", ONE.hash, "one@1", '{"n":1}', worker="dead", want=1, lease=1.0)
        assert await store.create(new, shape_of(ONE)) is not None
    report = await look(server.address)
    assert_only(report, "runs.leases")
    trouble = found(report, "runs.leases")
    assert "one of held" in trouble.why
    assert "tinyflow-nb worker" in trouble.mend


async def test_a_dead_letter(own_redis: Any) -> None:
    server = own_redis(*GOOD)
    async with contextlib.AsyncExitStack() as stack:
        store = RedisStore(server.address, SystemClock(), retention=60.0)
        await store.start(stack)
        await store.bury(DeadLetter(Trigger("torn", 1, "one", 1, "run", 0.0), "its data is damaged", 0.0))
    report = await look(server.address)
    assert_only(report, "runs.dead_letters")
    assert "tinyflow-nb dead --requeue torn" in found(report, "runs.dead_letters").mend


async def test_a_worker_that_is_full_unfit_or_of_another_version(own_redis: Any) -> None:
    server = own_redis(*GOOD)
    full = WorkerInfo(
        "w1", "one", 1, 0.0, 0.0, (), 2, 2, "0.1.0", "3.11", "redis", {ONE.hash: "pandas is missing"}
    )
    async with contextlib.AsyncExitStack() as stack:
        store = RedisStore(server.address, SystemClock(), retention=60.0)
        await store.start(stack)
        await store.report(full, 60.0)
        await store.report(full._replace(name="w2", host="two", version="0.2.0", unfit={}), 60.0)
    told = [f.what for f in (await look(server.address)).of("warning")]
    assert told == [
        "every worker is full", "workers of versions 0.1.0, 0.2.0",
        f"w1 can't execute #{ONE.hash[:8]}: pandas is missing",
    ]  # fmt: skip


async def test_a_cluster_is_looked_at_node_by_node(redis_cluster: Any) -> None:
    redis_cluster.ask("FLUSHALL")
    report = await look(redis_cluster.address)
    assert found(report, "redis.answers").why == "3 servers"
    assert found(report, "redis.persistence").level == "error"


async def test_an_address_that_is_none() -> None:
    trouble = found(await look("redis://:pw@127.0.0.1:port/0"), "redis.answers")
    assert trouble.level == "error"
    assert "pw@" not in str(trouble)


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], int]]:
    """`port = serve(answer)`: says that to whoever connects."""
    servers: list[socket.socket] = []

    def start(answer: bytes) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def talk() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(1000)
                        connection.sendall(answer)

        threading.Thread(target=talk, daemon=True).start()
        return int(server.getsockname()[1])

    yield start
    for server in servers:
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
