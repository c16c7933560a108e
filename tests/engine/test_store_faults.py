"""A store file that can't be used: said plainly at once, and left untouched."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.clock import ManualClock
from tinyflow_nb.errors import SettingsError, StoreError

SOURCE = "def a(text: str) -> str:\n    return text\n"


def address(path: Path, options: str = "") -> str:
    return f"sqlite:///{path}{options}"


def fingerprint(folder: Path) -> dict[str, str]:
    """Of every file there, but for the empty ones SQLite lays beside a file it only looks at."""
    files = [f for f in folder.iterdir() if not f.name.endswith("-shm") and f.stat().st_size]
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


async def opened(path: Path, options: str = "") -> None:
    async with connect(address(path, options)) as executor:
        await executor.runs()


@pytest.fixture
async def used(tmp_path: Path) -> Path:
    """A store with a run in it, in a folder of its own."""
    path = tmp_path / "store" / "runs.db"
    async with connect(address(path)) as executor:
        definition = ChainDefinition.from_source(SOURCE, "demo")
        for i in range(3):
            await executor.execute(definition, {"text": "x" * 3000}, run_id=f"r{i}", timeout=60)
    return path


async def test_it_opens_again_with_what_was_in_it(used):
    async with connect(address(used)) as executor:
        assert [r.id for r in (await executor.runs()).runs] == ["r2", "r1", "r0"]
        assert (await executor.state("r0")).result == "x" * 3000


@pytest.mark.parametrize("options", ["", "?synchronous=FULL"])
async def test_a_file_that_is_no_database(tmp_path, options):
    path = tmp_path / "store" / "notes.txt"
    path.parent.mkdir()
    path.write_text("My notes.\n" * 500)
    before = fingerprint(path.parent)
    with pytest.raises(StoreError, match=r"notes\.txt is not a SQLite file"):
        await opened(path, options)
    assert fingerprint(path.parent) == before


async def test_another_programs_database(tmp_path):
    path = tmp_path / "store" / "other.db"
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE mine(x)")
    db.commit()
    db.close()
    before = fingerprint(path.parent)
    with pytest.raises(StoreError, match="another program's SQLite file"):
        await opened(path)
    assert fingerprint(path.parent) == before


async def test_a_file_of_a_newer_version(used):
    db = sqlite3.connect(used)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.execute(f"PRAGMA user_version = {version + 1}")
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    before = fingerprint(used.parent)
    with pytest.raises(StoreError, match=r"newer tinyflow-nb .*upgrade.*not touched"):
        await opened(used)
    assert fingerprint(used.parent) == before


def damage(path: Path, start: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xff" * size)


async def test_a_file_whose_head_is_damaged(used):
    damage(used, 0, 100)
    before = fingerprint(used.parent)
    with pytest.raises(StoreError, match=r"is not a SQLite file|is damaged"):
        await opened(used)
    assert fingerprint(used.parent) == before


async def test_a_file_whose_body_is_damaged_says_so_when_it_is_met(used):
    damage(used, 1024, used.stat().st_size - 1024)
    before = hashlib.sha256(used.read_bytes()).hexdigest()
    with pytest.raises(StoreError, match="is damaged: restore it from a copy"):
        async with connect(address(used)) as executor:
            await executor.state("r0")
    assert hashlib.sha256(used.read_bytes()).hexdigest() == before


async def test_a_truncated_file(used):
    with used.open("r+b") as file:
        file.truncate(used.stat().st_size // 2)

    async def read_all() -> None:
        async with connect(address(used)) as executor:
            for i in range(3):
                await executor.state(f"r{i}")

    with pytest.raises(StoreError, match=r"is damaged|is not a SQLite file"):
        await read_all()


async def test_a_read_only_file(used, monkeypatch):
    """As root everything is writable: what the system would answer is put in its place."""
    used.chmod(0o444)
    before = fingerprint(used.parent)
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(StoreError, match=r"runs\.db is read-only.*permissions"):
        await opened(used)
    assert fingerprint(used.parent) == before


async def test_a_path_that_can_not_be(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="can't be opened"):
        await opened(tmp_path / "file" / "runs.db")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match="folder"):
        await opened(tmp_path / "folder")


@pytest.mark.parametrize("options", ["", "?synchronous=FULL"])
async def test_a_full_disk_is_told_and_nothing_is_changed(used, options):
    definition = ChainDefinition.from_source(SOURCE, "demo")
    async with connect(address(used, options)) as executor:
        db = executor._store._database.db
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + 2}")
        before = [await executor.state(f"r{i}") for i in range(3)]
        with pytest.raises(StoreError, match="disk is full; nothing was changed"):
            await executor.execute_async(definition, {"text": "y" * 30_000}, run_id="big")
        assert [await executor.state(f"r{i}") for i in range(3)] == before
        assert {r.id for r in (await executor.runs()).runs} == {"r0", "r1", "r2"}
        db.execute("PRAGMA max_page_count = 1073741823")
        text = await executor.execute(definition, {"text": "y" * 30_000}, run_id="big", timeout=60)
        assert text == "y" * 30_000, "once there is room again, it goes on"


async def test_a_disk_that_fills_up_while_a_node_runs_is_survived(used, wait_until):
    """The commit fails, the unit is taken up again once there is room: nothing is lost, nothing twice."""
    definition = ChainDefinition.from_source(
        "def a(text: str) -> str:\n    return text * 9\ndef b(a: str) -> int:\n    return len(a)\n", "demo"
    )
    calls, clock = [], ManualClock()

    async def a(text):
        calls.append(1)
        if len(calls) == 1:
            (pages,) = db.execute("PRAGMA page_count").fetchone()
            db.execute(f"PRAGMA max_page_count = {pages}")
        else:
            db.execute("PRAGMA max_page_count = 1073741823")
        return text * 9

    async with connect(address(used), overrides={"a": a}, clock=clock) as executor:
        db = executor._store._database.db
        run = await executor.execute_async(definition, {"text": "z" * 3000})
        await wait_until(lambda: calls and not executor._worker.busy)
        clock.advance(31.0)  # its lease is over
        await executor._recovery.of(run)
        assert await executor.wait(run, timeout=60) == 27_000
        assert len(calls) == 2
        events = await executor.recorded(run)
        assert [e.seq for e in events] == list(range(1, len(events) + 1))


@pytest.mark.parametrize("options", ["", "?synchronous=FULL"])
async def test_a_file_another_process_keeps_locked(used, options, monkeypatch):
    monkeypatch.setattr("tinyflow_nb.stores.sqlite.database.BUSY_SECONDS", 0.1)
    definition = ChainDefinition.from_source(SOURCE, "demo")
    other = sqlite3.connect(used, isolation_level=None)
    async with connect(address(used, options)) as executor:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"locked by another process for too long; nothing was changed"):
            await executor.execute_async(definition, {"text": "x"}, run_id="late")
        assert (await executor.state("r0")).status == "SUCCEEDED", "reading needs no lock"
        other.execute("ROLLBACK")
        other.close()
        assert await executor.execute(definition, {"text": "x"}, run_id="late", timeout=60) == "x"


async def test_a_file_of_an_older_version_is_migrated(tmp_path):
    """Version 0 is an empty file; each later one gets a test of its own with the first release."""
    path = tmp_path / "store" / "runs.db"
    path.parent.mkdir()
    path.touch()
    await opened(path)
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone()[0] >= 1
    db.close()


async def test_a_copied_store_is_a_store(used, tmp_path):
    copy = tmp_path / "copy.db"
    shutil.copy(used, copy)
    async with connect(address(copy)) as executor:
        assert (await executor.state("r1")).status == "SUCCEEDED"


@pytest.mark.parametrize(
    "wrong",
    [
        "sqlite://runs.db", "sqlite:///", "sqlite:///x.db?mode=ro", "sqlite:///x.db?synchronous=OFF",
        "postgres://x", "memory", "redis://localhost/x", "",
    ],
)  # fmt: skip
def test_an_address_that_is_not_understood(wrong, monkeypatch):
    if not wrong:
        monkeypatch.setenv("TINYFLOW_STORE", "nonsense")
    with pytest.raises(SettingsError):
        connect(wrong)
    with pytest.raises(SettingsError, match="rocketmq"):
        connect("memory://", scheduler="rocketmq://127.0.0.1:8081")
