"""Runs submitted by a client that executes nothing, executed by worker processes, over a real Redis."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, ChainExecutor, connect
from tinyflow_nb.errors import ChainSuspended

SPREAD = """
import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from tinyflow_nb import confirm, node

docs: list[int]
folder: str

@node(each="d in docs")
async def part(d: int, folder: str) -> int:
    (Path(folder) / str(os.getpid())).touch()
    while len(list(Path(folder).iterdir())) < 2:
        await asyncio.sleep(0.02)
    return os.getpid()

async def words(part) -> AsyncIterator[str]:
    for i in range(5):
        await asyncio.sleep(0.02)
        yield f"w{i} "

@confirm
def ok(words) -> bool:
    '''Send it?'''

def who(ok, part) -> list[int]:
    return sorted(set(part)) + [os.getpid()]
"""

SLOW = """
import asyncio
import os
from pathlib import Path

folder: str

async def slow(folder: str) -> int:
    with (Path(folder) / "ledger").open("a") as ledger:
        ledger.write(f"{os.getpid()}\\n")
    while not (Path(folder) / "go").exists():
        await asyncio.sleep(0.02)
    return os.getpid()

def after(slow: int) -> int:
    return slow
"""


def define(source: str) -> ChainDefinition:
    return ChainDefinition.from_source(textwrap.dedent(source), name="demo")


def ledger(folder: Any) -> list[int]:
    file = folder / "ledger"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


async def started(wait_until: Any, *workers: Any) -> None:
    for worker in workers:
        await wait_until(lambda w=worker: w.did("worker.started"))


async def test_c27_a_fan_out_is_shared_streamed_to_the_client_and_resumed_from_it(
    client: ChainExecutor, start_worker: Any, wait_until: Any, tmp_path: Path
) -> None:
    """No item ends before both workers have begun one, however long either takes."""
    workers = [start_worker("--concurrency", "4") for _ in range(2)]
    await started(wait_until, *workers)
    (tmp_path / "seen").mkdir()
    inputs = {"docs": list(range(40)), "folder": str(tmp_path / "seen")}
    run = await client.execute_async(define(SPREAD), inputs)
    with pytest.raises(ChainSuspended):
        await client.wait(run, timeout=60, people=False)
    await client.resume_async(run, True)
    *parts, last = await client.wait(run, timeout=60)
    pids = {w.process.pid for w in workers}
    assert set(parts) == pids, "the items of the fan-out run in both workers"
    assert last in pids
    events = [event async for event in client.events(run)]
    assert "".join(e.data["text"] for e in events if e.type == "node.output") == "w0 w1 w2 w3 w4 "
    lifecycle = [e.seq for e in events if e.type not in ("node.output", "node.log")]
    assert lifecycle == list(range(1, len(lifecycle) + 1))
    done = [e.node for e in events if e.type == "node.finished"]
    assert len(done) == len(set(done)) == 44, "each of 40 items and 4 nodes ends once"


async def test_b21_a_client_executes_nothing_and_a_worker_takes_up_what_was_started_before_it(
    client: ChainExecutor, start_worker: Any, wait_until: Any, tmp_path: Any
) -> None:
    (tmp_path / "go").touch()
    run = await client.execute_async(define(SLOW), {"folder": str(tmp_path)})
    state = await client.state(run)
    assert state.nodes["slow"].status == "READY"
    assert not state.nodes["slow"].worker
    worker = start_worker()
    assert await client.wait(run, timeout=60) == worker.process.pid
    await wait_until(lambda: worker.did("chain.finished", run=run, status="SUCCEEDED"))
    assert [line["node"] for line in worker.did("node.finished", run=run)] == ["slow", "after"]


async def test_c27_the_sweep_finds_what_no_message_tells_of(
    client: ChainExecutor, start_worker: Any, wait_until: Any, redis_server: Any, tmp_path: Any
) -> None:
    worker = start_worker()
    await started(wait_until, worker)
    (tmp_path / "go").touch()
    async with connect(redis_server.address, scheduler="local", execute=False) as silent:
        run = await silent.execute_async(define(SLOW), {"folder": str(tmp_path)})
        assert await silent.wait(run, timeout=60) == worker.process.pid


async def test_b23_at_sigterm_a_worker_hands_back_what_it_holds(
    client: ChainExecutor, start_worker: Any, wait_until: Any, tmp_path: Any
) -> None:
    first = start_worker("--drain", "0.1")
    await started(wait_until, first)
    run = await client.execute_async(define(SLOW), {"folder": str(tmp_path)})
    await wait_until(lambda: ledger(tmp_path) == [first.process.pid])
    second = start_worker()
    await started(wait_until, second)
    first.terminate()
    await wait_until(lambda: first.process.poll() is not None)
    assert first.process.returncode == 0
    assert first.did("worker.stopped")
    await wait_until(lambda: ledger(tmp_path) == [first.process.pid, second.process.pid])
    (tmp_path / "go").touch()
    assert await client.wait(run, timeout=60) == second.process.pid
    assert (await client.state(run)).nodes["slow"].attempts == 1, "handing back uses no attempt"


async def test_b23_a_worker_told_to_end_finishes_what_it_can_and_takes_nothing_more(
    client: ChainExecutor, start_worker: Any, wait_until: Any, tmp_path: Any
) -> None:
    first = start_worker("--drain", "20")
    await started(wait_until, first)
    run = await client.execute_async(define(SLOW), {"folder": str(tmp_path)})
    await wait_until(lambda: ledger(tmp_path))
    first.terminate()
    await wait_until(lambda: first.did("worker.draining"))
    (tmp_path / "go").touch()
    await wait_until(lambda: first.process.poll() is not None)
    state = await client.state(run)
    assert state.nodes["slow"].status == "SUCCEEDED"
    assert state.nodes["after"].status == "READY"
    start_worker()
    assert await client.wait(run, timeout=60) == first.process.pid


async def test_b18_what_a_killed_worker_held_is_taken_over_after_its_lease(
    client: ChainExecutor, start_worker: Any, wait_until: Any, tmp_path: Any
) -> None:
    first = start_worker(lease=3.0)
    await started(wait_until, first)
    run = await client.execute_async(define(SLOW), {"folder": str(tmp_path)})
    await wait_until(lambda: ledger(tmp_path))
    second = start_worker()
    await started(wait_until, second)
    first.kill()
    await wait_until(lambda: ledger(tmp_path)[-1] == second.process.pid)
    assert ledger(tmp_path)[0] == first.process.pid
    (tmp_path / "go").touch()
    assert await client.wait(run, timeout=60) == second.process.pid
    state = await client.state(run)
    assert state.nodes["slow"].attempts == 1, "a claim that died with its worker uses no attempt"
    finished = [e.node async for e in client.events(run) if e.type == "node.finished"]
    assert finished == ["slow", "after"]
