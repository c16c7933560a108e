"""Starts real processes that work on chains in chains and are killed between two runs, until one finishes.

Run as: nested.py STORE LEDGER POINT KILLS. It imports once and forks, so that a process costs little. The
first KILLS processes are killed when they pass POINT.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from tinyflow_nb import ChainDefinition, ChainExecutor
from tinyflow_nb.clock import SystemClock
from tinyflow_nb.engine.node_types import installed
from tinyflow_nb.schedulers.local import LocalScheduler
from tinyflow_nb.schedulers.redis import RedisScheduler
from tinyflow_nb.stores.redis import RedisStore
from tinyflow_nb.stores.sqlite import SqliteStore
from tinyflow_nb.testing import kill_at

RUN = "the-run"
MOST_PROCESSES = 12
BOTTOM = """
def _entry(path, text):
    with open(path, "a") as ledger:
        ledger.write(text + "\\n")

async def begin(n: int, ledger: str) -> int:
    _entry(ledger, "begin")
    return n + 1

async def end(begin: int, ledger: str) -> int:
    _entry(ledger, "end")
    return begin * 10
"""
LEVEL = """
def _entry(path, text):
    with open(path, "a") as ledger:
        ledger.write(text + "\\n")

@chain("{below}")
def below(n, ledger) -> int: ...

async def after(below: int, ledger: str) -> int:
    _entry(ledger, "after {below}")
    return below + 1
"""
NAMES = ("bottom", "middle")


class BetweenRuns:
    """Wraps a store: acts at points that only chains in chains have."""

    def __init__(self, store: Any, act: Any) -> None:
        self._store = store
        self._act = act

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def create(self, new: Any, shape: Any) -> Any:
        point = "child's creation" if "parent" in new.context else "root's creation"
        self._act(f"before {point}")
        outcome = await self._store.create(new, shape)
        self._act(f"after {point}")
        return outcome

    async def commit(self, commit: Any) -> Any:
        kinds = {"child": "the parent is told", "told": "it is noted", "delegate": "delegation"}
        points = [kinds[step[0]] for step in commit.steps if step[0] in kinds]
        for point in points:
            self._act(f"before {point}")
        outcome = await self._store.commit(commit)
        if outcome is not None and outcome.status.terminal and commit.run != RUN and not points:
            points = ["child's end"]
        for point in points:
            self._act(f"after {point}")
        return outcome


async def work(address: str, ledger: Path, point: str) -> None:
    clock = SystemClock()
    act = kill_at(point)
    store: Any
    scheduler: Any
    if address.startswith("redis"):
        store = RedisStore(address, clock, retention=604_800.0)
        scheduler, lease = RedisScheduler(address, store, clock), 5.0  # the next one has to wait for it
    else:
        store, scheduler, lease = SqliteStore(address, clock), LocalScheduler(clock), 30.0
    faulty = BetweenRuns(store, act)
    executor = ChainExecutor(faulty, faulty, scheduler, nodes=installed(), clock=clock, lease=lease)
    async with executor:
        await executor.publish(ChainDefinition.from_source(BOTTOM, "bottom"))
        await executor.publish(ChainDefinition.from_source(LEVEL.format(below="bottom"), "middle"))
        top = ChainDefinition.from_source(LEVEL.format(below="middle"), "top")
        inputs = {"n": 4, "ledger": str(ledger)}
        await executor.execute_async(top, inputs, run_id=RUN)
        assert await executor.wait(RUN, timeout=100) == 52


def main() -> None:
    address, ledger, point, kills = sys.argv[1:]
    for name in NAMES:  # what is compiled now is not compiled by each process
        ChainDefinition.from_source(BOTTOM, name)
    killed = 0
    for number in range(MOST_PROCESSES):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                asyncio.run(work(address, Path(ledger), point if number < int(kills) else ""))
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
