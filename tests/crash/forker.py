# ruff: noqa: ASYNC240  (nothing else runs on these loops)
"""Starts real processes that work on one run and are killed, until one of them finishes it.

Run as: forker.py STORE LEDGER SNAPSHOTS POINT TIME KILLS FULL. It imports once and forks, so that a process
costs little. The first KILLS processes are killed the TIME-th time they pass POINT.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from pathlib import Path

from tinyflow_nb import ChainDefinition, ChainExecutor, UnknownRun
from tinyflow_nb.clock import SystemClock
from tinyflow_nb.engine.node_types import installed
from tinyflow_nb.schedulers.local import LocalScheduler
from tinyflow_nb.stores.sqlite import SqliteStore
from tinyflow_nb.testing import FaultInjector, kill_at

RUN = "the-run"
MOST_PROCESSES = 60

CELL = '''
import os

def _entry(path, text):
    with open(path, "a") as ledger:
        ledger.write(text + "\\n")

def first(ledger: str, ctx: ExecutionContext) -> str:
    """Streams, too: its chunks are no part of its commit."""
    for i in range(3):
        yield str(i)
    _entry(ledger, ctx.node)

@node(each="x in [1, 2, 3]", max_concurrency=2)
async def each_item(x: int, first: str, ledger: str, ctx: ExecutionContext) -> int:
    _entry(ledger, f"{ctx.node}[{ctx.item}]")
    return x * 10

@node(when="each_item | length == 3")
async def judged(each_item: list[int], ledger: str, ctx: ExecutionContext) -> int:
    _entry(ledger, ctx.node)
    return sum(each_item)

@node(when="judged > 100")
async def skipped(judged: int) -> int:
    return 1

@node(retry=Retry(max=1, wait=0.001))
async def again(judged: int, ledger: str, ctx: ExecutionContext) -> int:
    _entry(ledger, f"{ctx.node} attempt {ctx.attempt}")
    if ctx.attempt == 1:
        raise ValueError("once more")
    return judged + 1

@node(until="rounds >= 2")
async def rounds(again: int, ledger: str, ctx: ExecutionContext) -> int:
    _entry(ledger, f"{ctx.node} round {ctx.round}")
    return ctx.round

async def last(again: int, rounds: int, ledger: str, ctx: ExecutionContext, skipped: int = 5) -> int:
    _entry(ledger, ctx.node)
    return again + rounds + skipped
'''


async def work(path: str, ledger: Path, snapshots: Path, point: str, time: int, full: bool) -> None:
    act = kill_at(point, time)
    store = SqliteStore(path, SystemClock(), full=full)
    append = store._append

    def append_and_act(held: object, row: str) -> None:
        append(held, row)  # type: ignore[arg-type]
        if row.startswith('["commit"'):
            act("commit.inside")

    store._append = append_and_act  # type: ignore[method-assign]
    faulty = FaultInjector(store, act)
    executor = ChainExecutor(
        faulty, faulty, LocalScheduler(SystemClock()), nodes=installed(), clock=SystemClock(), lease=30.0
    )
    definition = ChainDefinition.from_source(CELL, "crashing")
    async with executor:
        try:
            await executor.attach(RUN)
        except UnknownRun:
            await executor.execute_async(definition, {"ledger": str(ledger)}, run_id=RUN)
        else:
            # What is committed when this process comes must not be run again.
            settled = [e.node for e in await store.events(RUN) if e.type in ("node.finished", "node.skipped")]
            entries = len(ledger.read_text().splitlines()) if ledger.exists() else 0
            with snapshots.open("a") as file:
                file.write(json.dumps({"settled": settled, "entries": entries}) + "\n")
        result = await executor.wait(RUN, timeout=60)
        assert result == 60 + 1 + 2 + 5, result


def main() -> None:
    path, ledger, snapshots, point, time, kills, full = sys.argv[1:]
    ChainDefinition.from_source(CELL, "crashing")
    killed = 0
    for number in range(MOST_PROCESSES):
        here = point if number < int(kills) else ""
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                asyncio.run(work(path, Path(ledger), Path(snapshots), here, int(time), full == "full"))
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        _, ended = os.waitpid(pid, 0)
        if os.WIFSIGNALED(ended):
            killed += 1
            continue
        print(json.dumps({"killed": killed, "status": os.WEXITSTATUS(ended)}))
        return
    print(json.dumps({"killed": killed, "status": -1}))


main()
