"""Two real processes on one SQLite file: they alternate, they share, one is frozen past its lease."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb.clock import ManualClock, SystemClock
from tinyflow_nb.stores.sqlite import SqliteStore

PUPPET = Path(__file__).parent / "puppet.py"
LEASE = 30.0
"""Seconds; longer than a process stands still by chance."""
SHORT = 6.0
"""The same, where one is renewed."""


class Puppet:
    def __init__(self, address: str, lease: float, ahead: float = 0.0) -> None:
        """
        Args:
            ahead: seconds its clock is ahead of everybody else's.
        """
        self._process = subprocess.Popen(
            [sys.executable, str(PUPPET), address, str(lease), str(ahead)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.pid = 0

    def ready(self) -> Puppet:
        self.pid = self.hears()["pid"]
        return self

    def told(self, method: str, **arguments: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([method, arguments]) + "\n")
        self._process.stdin.flush()

    def hears(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def does(self, method: str, **arguments: Any) -> Any:
        self.told(method, **arguments)
        answer = self.hears()
        assert "result" in answer, answer
        return answer["result"]

    def fails(self, method: str, **arguments: Any) -> str:
        self.told(method, **arguments)
        return str(self.hears()["error"])

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@pytest.fixture
def puppets(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Puppet, Puppet]]:
    """Both are there all the time, so each must see what the other did meanwhile."""
    options, ahead = getattr(request, "param", ("", 0.0))
    address = f"sqlite:///{tmp_path / 'shared.db'}{options}"
    both = [Puppet(address, LEASE), Puppet(address, LEASE, ahead)]
    try:
        yield both[0].ready(), both[1].ready()
    finally:
        for puppet in both:
            puppet.close()


async def read(path: Path, run: str) -> tuple[list[Any], Any]:
    async with AsyncExitStack() as stack:
        store = SqliteStore(str(path), SystemClock())
        await store.start(stack)
        return await store.events(run), await store.state(run)


FORMS = 6


def forms() -> str:
    source = ""
    for i in range(FORMS):
        before = f"work{i - 1}, " if i else ""
        source += f'@confirm\ndef ask{i}({before.rstrip(", ")}) -> int:\n    "number {i}?"\n'
        source += f"def work{i}({before}ask{i}: int) -> int:\n"
        source += f"    return ask{i}{f' + work{i - 1}' if i else ''}\n"
    return source


@pytest.mark.parametrize("puppets", [("", 0.0), ("?synchronous=FULL", 0.0)], indirect=True)
async def test_two_executors_alternate_on_one_run(tmp_path, puppets):
    cell = tmp_path / "cell.py"
    cell.write_text(forms())
    run = puppets[0].does("start", file=str(cell))
    nodes = [f"{kind}{n}" for n in range(FORMS) for kind in ("ask", "work")]
    for i in range(FORMS):
        mine, other = puppets[i % 2], puppets[1 - i % 2]
        mine.told("wait", run_id=run, people=False, timeout=60)
        assert mine.hears()["error"] == "ChainSuspended"
        assert list(other.does("state", run_id=run)["nodes"]) == nodes
        mine.does("resume_async", run_id=run, answer=i, node=f"ask{i}")
        assert other.fails("resume_async", run_id=run, answer=99, node=f"ask{i}") == "ResumeError"
    total = sum(range(FORMS))
    assert [p.does("wait", run_id=run, timeout=20) for p in puppets] == [total, total]
    events, state = await read(tmp_path / "shared.db", run)
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert Counter(e.node for e in events if e.type == "node.finished") == Counter(
        dict.fromkeys(state.nodes, 1)
    )


SHARED = """
import asyncio, os

def items(n: int) -> list[int]:
    return list(range(n))

@node(each="x in items", max_concurrency=64)
async def work(x: int) -> int:
    await asyncio.sleep(0.001)
    return x

def total(work: list[int]) -> int:
    return sum(work)
"""


async def test_two_executors_share_a_wide_run_and_each_unit_commits_once(tmp_path, puppets):
    cell = tmp_path / "cell.py"
    cell.write_text(SHARED)
    run = puppets[0].does("start", file=str(cell), inputs={"n": 300})
    for puppet in puppets:
        puppet.told("wait", run_id=run, timeout=60)
    assert [p.hears() for p in puppets] == [{"result": sum(range(300))}] * 2
    events, _ = await read(tmp_path / "shared.db", run)
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    finished = Counter(e.node for e in events if e.type == "node.finished")
    assert set(finished.values()) == {1}
    assert len(finished) == 303


FROZEN = """
import os, time
from pathlib import Path

def work(folder: str) -> int:
    \"\"\"The first process stays in here until it is told; a thread, so that nothing can call it off.\"\"\"
    here = Path(folder)
    with (here / "ledger").open("a") as ledger:
        ledger.write(f"{os.getpid()}\\n")
    if len((here / "ledger").read_text().splitlines()) == 1:
        while not (here / "go").exists():
            time.sleep(0.005)
        (here / "late").touch()
    return os.getpid()

@confirm
def hold(work: int) -> bool:
    \"\"\"Keeps the run alive, so that only the token can refuse the late commit.\"\"\"
"""


def freeze(puppet: Puppet, file: Path) -> None:
    """Stop it, but not while it has the file locked: nobody could take over from it then."""
    with closing(sqlite3.connect(file, timeout=60, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        os.kill(puppet.pid, signal.SIGSTOP)
        os.waitpid(puppet.pid, os.WUNTRACED)
        db.execute("ROLLBACK")


@pytest.mark.parametrize("puppets", [("", 2 * LEASE)], indirect=True)
async def test_b20_a_process_frozen_past_its_lease_can_not_commit(tmp_path, puppets, wait_until):
    """Past it by the clock of the second one, which need not wait for it so."""
    one, two = puppets
    cell = tmp_path / "cell.py"
    cell.write_text(FROZEN)
    run = one.does("start", file=str(cell), inputs={"folder": str(tmp_path)})
    ledger = tmp_path / "ledger"
    await wait_until(lambda: ledger.exists() and ledger.read_text() == f"{one.pid}\n")
    freeze(one, tmp_path / "shared.db")
    two.told("wait", run_id=run, people=False, timeout=60)
    assert two.hears()["error"] == "ChainSuspended"
    before, taken = await read(tmp_path / "shared.db", run)
    assert taken.nodes["work"].output == two.pid
    assert ledger.read_text().split() == [str(one.pid), str(two.pid)]
    (tmp_path / "go").touch()
    os.kill(one.pid, signal.SIGCONT)
    await wait_until((tmp_path / "late").exists)
    assert one.does("state", run_id=run)["nodes"]["work"]["output"] == two.pid
    two.does("resume_async", run_id=run, answer=True)
    assert one.does("wait", run_id=run, timeout=20) is True
    events, state = await read(tmp_path / "shared.db", run)
    assert state.nodes["work"].output == two.pid
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert [e.node for e in events if e.type == "node.finished"] == ["work", "hold"]
    assert events[: len(before)] == before


def renewed(file: Path) -> float:
    """Until when the lease of the one claim there is was renewed."""
    with closing(sqlite3.connect(file)) as db:
        return db.execute("SELECT coalesce(max(expires), 0) FROM renewals").fetchone()[0]


@pytest.mark.parametrize("blocks_the_loop", [False, True])
async def test_b20_a_long_node_keeps_its_lease_by_renewing_it(tmp_path, wait_until, blocks_the_loop):
    """A second process that attaches must not take over what the first one is still doing, not even if
    a careless body keeps the first one's loop from turning (rule 19: leases have a thread of their own)."""
    path = tmp_path / "shared.db"
    one, two = Puppet(f"sqlite:///{path}", SHORT), Puppet(f"sqlite:///{path}", SHORT)
    try:
        one.ready(), two.ready()
        cell = tmp_path / "cell.py"
        cell.write_text(FROZEN.replace("def work", "async def work") if blocks_the_loop else FROZEN)
        run = one.does("start", file=str(cell), inputs={"folder": str(tmp_path)})
        ledger = tmp_path / "ledger"
        await wait_until(ledger.exists)
        two.does("attach", run_id=run)
        async with AsyncExitStack() as stack:
            store = SqliteStore(str(path), clock := ManualClock())
            await store.start(stack)
            (lease,) = await store.pending(run)
            clock.advance(lease.due + 0.1 - clock.now())  # the first lease would be over
            await wait_until(lambda: renewed(path) > clock.now())
            assert await store.claim(lease, "a third one", 30.0) is None
        assert ledger.read_text().split() == [str(one.pid)]
        (tmp_path / "go").touch()
        one.told("wait", run_id=run, people=False, timeout=60)
        assert one.hears()["error"] == "ChainSuspended"
        _, state = await read(tmp_path / "shared.db", run)
        assert state.nodes["work"].output == one.pid
    finally:
        one.close()
        two.close()


async def test_b21_a_killed_processs_run_is_listed_as_orphaned_and_can_be_attached(
    tmp_path, puppets, wait_until
):
    one, two = puppets
    cell = tmp_path / "cell.py"
    cell.write_text(FROZEN)
    run = one.does("start", file=str(cell), inputs={"folder": str(tmp_path)})
    await wait_until((tmp_path / "ledger").exists)
    os.kill(one.pid, signal.SIGKILL)
    one._process.wait()
    async with AsyncExitStack() as stack:
        store = SqliteStore(str(tmp_path / "shared.db"), SystemClock())
        await store.start(stack)
        (row,) = (await store.runs()).runs
        assert (row.id, row.orphaned) == (run, True)
    two.does("attach", run_id=run)  # at once: the holder is known to be dead, its lease need not run out
    two.told("wait", run_id=run, people=False, timeout=60)
    assert two.hears()["error"] == "ChainSuspended"
    assert two.does("state", run_id=run)["nodes"]["work"]["output"] == two.pid
