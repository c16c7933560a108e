"""SEMANTICS 18, 20, 21: real processes, really killed; another goes on, and nothing counts twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tinyflow_nb.clock import SystemClock
from tinyflow_nb.stores.sqlite import SqliteStore

HERE = Path(__file__).parent
UNITS = [
    "first",
    "each_item",
    "each_item[0]",
    "each_item[1]",
    "each_item[2]",
    "judged",
    "again",
    "rounds",
    "last",
]

POINTS = {
    "put.before": (1, 1), "put.after": (1, 1), "create.before": (1, 1), "create.after": (1, 1),
    "claim.before": (2, 1), "claim.after": (2, 1),
    "append_chunks.before": (1, 1), "append_chunks.after": (1, 1),
    "commit.before": (9, 2), "commit.inside": (9, 2), "commit.after": (6, 2),
}  # fmt: skip
"""With how many processes are killed there, one after the other, and at which time each passes it: the
second commit, so that each gets one commit further."""


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        capture_output=True, text=True, timeout=280, check=False, env={**os.environ},
    )  # fmt: skip


async def events_of(path: Path, run: str):
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        store = SqliteStore(str(path), SystemClock())
        await store.start(stack)
        return await store.events(run), await store.state(run)


COMMITS = [point for point in POINTS if point.startswith("commit")]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("point", "mode"), [*((p, "normal") for p in POINTS), *((p, "full") for p in COMMITS)]
)
async def test_b18_killed_at_every_point_and_finished_by_others(tmp_path, point, mode):
    path, ledger, snapshots = tmp_path / "runs.db", tmp_path / "ledger", tmp_path / "snapshots"
    kills, time = POINTS[point]
    done = run("forker.py", path, ledger, snapshots, point, time, kills, mode)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["status"] == 0, done.stderr
    assert told["killed"] == kills, f"{point} was passed too seldom to prove anything"

    events, state = await events_of(path, "the-run")
    assert state.status == "SUCCEEDED"
    assert [e.seq for e in events] == list(range(1, len(events) + 1)), "nothing lost, nothing twice"
    settled = Counter(e.node for e in events if e.type in ("node.finished", "node.skipped"))
    assert settled == Counter({**dict.fromkeys(UNITS, 1), "skipped": 1})
    assert [e.type for e in events].count("chain.finished") == 1
    assert [e.type for e in events].count("node.retrying") == 1, "a death uses no attempt"

    entries = ledger.read_text().splitlines()
    assert {e.partition(" ")[0] for e in entries} == set(UNITS) - {"each_item"}, "at least once"
    if snapshots.exists():
        for line in snapshots.read_text().splitlines():
            seen = json.loads(line)
            later = {e.partition(" ")[0] for e in entries[seen["entries"] :]}
            assert not later & set(seen["settled"]), "what was committed ran again"
    extra = len(entries) - (len(UNITS) - 1 + 2)  # two attempts of one node, two rounds of another
    assert 0 <= extra <= told["killed"] * 2, "only what was in flight runs again"
