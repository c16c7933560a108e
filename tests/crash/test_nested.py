"""SEMANTICS 13, 18, 28: a process is killed between two runs; the next one goes on, and nothing counts
twice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb.clock import SystemClock
from tinyflow_nb.model.trigger import child_run_id
from tinyflow_nb.stores.redis import RedisStore
from tinyflow_nb.stores.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parents[2]
RUN = "the-run"
MIDDLE = child_run_id(RUN, "below", 1)
BOTTOM = child_run_id(MIDDLE, "below", 1)
NODES = {RUN: ("below", "after"), MIDDLE: ("below", "after"), BOTTOM: ("begin", "end")}
POINTS = [
    "before delegation", "after delegation", "before child's creation", "after child's creation",
    "after child's end", "before the parent is told", "after the parent is told", "before it is noted",
    "after it is noted",
]  # fmt: skip


ON_REDIS = ("after delegation", "after child's creation", "after child's end", "after the parent is told")
"""Nobody misses a process there for seconds; once each is enough."""
CASES = [*(("sqlite", point, 2) for point in POINTS), *(("redis", point, 1) for point in ON_REDIS)]


@pytest.fixture
def store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if kind == "sqlite":
        return SqliteStore(str(tmp_path / "runs.db"), SystemClock())
    server = request.getfixturevalue("redis_server")
    server.ask("FLUSHALL")
    return RedisStore(server.address, SystemClock(), retention=604_800.0)


@pytest.fixture
def address(store: Any, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if isinstance(store, SqliteStore):
        return str(tmp_path / "runs.db")
    return str(request.getfixturevalue("redis_server").address)


def in_processes(address: str, ledger: Path, point: str, kills: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.crash.nested", address, str(ledger), point, str(kills)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("kind", "point", "kills"), CASES)
async def test_28_killed_between_two_runs_and_finished_by_the_next(
    store: Any, address: str, tmp_path: Path, point: str, kills: int
) -> None:
    ledger = tmp_path / "ledger"
    done = in_processes(address, ledger, point, kills)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == {"killed": kills, "status": 0}, done.stderr
    async with AsyncExitStack() as stack:
        await store.start(stack)
        for run, nodes in NODES.items():
            state, events = await store.state(run), await store.events(run)
            assert state.status == "SUCCEEDED"
            assert [e.seq for e in events] == list(range(1, len(events) + 1)), "nothing lost, nothing twice"
            settled = Counter(e.node for e in events if e.type == "node.finished")
            assert settled == Counter(nodes), run
            assert {state.nodes[node].attempts for node in nodes} == {1}, "a death uses no attempt"
            assert [e.type for e in events].count("chain.finished") == 1
        assert len((await store.runs(children=True)).runs) == 3, "no child was made twice"
    entries = Counter(ledger.read_text().splitlines())
    assert set(entries) == {"begin", "end", "after bottom", "after middle"}
    assert sum(entries.values()) <= 4 + kills, "only what was in flight runs again"
