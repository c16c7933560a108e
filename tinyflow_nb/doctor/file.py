"""The SQLite file of an embedded store. It is opened for reading only."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tinyflow_nb.doctor.finding import Finding, error, ok, warning
from tinyflow_nb.doctor.patient import Patient
from tinyflow_nb.errors import StoreError
from tinyflow_nb.stores.sqlite.database import plainly
from tinyflow_nb.stores.sqlite.schema import check_version

LITTLE_ROOM = 200_000_000
LONG_LOG = 100_000_000


async def usable(patient: Patient) -> Finding:
    """It is ours, of a version that is known, and may be written to."""
    path = _path(patient)
    folder = next(p for p in path.absolute().parents if p.exists())
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        why = "nothing can be started, stopped or answered"
        return error(f"{path} can't be written to", why, f"chmod u+w {path} {folder}")
    if not path.exists():
        return ok(f"{path} will be made by the first run")
    try:
        await asyncio.to_thread(_look, path)
    except StoreError as e:
        why = "no run can be read or started"
        mend = f"mv {path} {path}.old begins anew; or restore it from a copy"
        if "newer" in str(e):
            mend = "pip install -U tinyflow-nb"
        return error(f"{path} can't be used", f"{e}: {why}", mend)
    return ok(f"{path} can be read and written", f"{path.stat().st_size / 1e6:.1f} MB")


def _look(path: Path) -> None:
    try:
        with closing(_open(path)) as db:
            check_version(db, str(path))
    except sqlite3.Error as e:
        raise plainly(e, str(path)) from e


def _path(patient: Patient) -> Path:
    return Path(patient.store.partition(":///")[2].partition("?")[0]).expanduser()


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)


async def whole(patient: Patient) -> Finding | list[Finding]:
    """SQLite's own quick check of every page."""
    path = _path(patient)
    if not path.exists():
        return []

    def look() -> str:
        with closing(_open(path)) as db:
            return str(db.execute("PRAGMA quick_check(1)").fetchone()[0])

    try:
        told = await asyncio.to_thread(look)
    except sqlite3.DatabaseError as e:
        told = str(e)
    if told != "ok":
        mend = f"sqlite3 {path} .recover | sqlite3 {path}.mended; or restore it from a copy"
        return error(f"{path} is damaged", told, mend)
    return ok("it is whole", "quick check of every page")


async def journal(patient: Patient) -> Finding | list[Finding]:
    path = _path(patient)
    if not path.exists():
        return []

    def look() -> str:
        with closing(_open(path)) as db:
            return str(db.execute("PRAGMA journal_mode").fetchone()[0])

    mode = await asyncio.to_thread(look)
    if mode != "wal":
        why = "readers and writers wait for each other; something else changed the file"
        return warning(
            f"its journal is {mode}, not a write-ahead log", why, "the next connection sets it again"
        )
    size = _size(Path(f"{path}-wal"))
    if size > LONG_LOG:
        why = "a process that reads for long keeps it from being copied back"
        return warning(f"its write-ahead log is {size / 1e6:.0f} MB", why, "end notebooks that are not used")
    return ok("write-ahead log on")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def room(patient: Patient) -> Finding:
    folder = next(p for p in _path(patient).absolute().parents if p.exists())
    free = shutil.disk_usage(folder).free
    if free < LITTLE_ROOM:
        why = "once the disk is full, no run goes on"
        return warning(f"{free / 1e6:.0f} MB free in {folder}", why, "make room, or --store another disk")
    return ok(f"{free / 1e9:.1f} GB free on its disk")
