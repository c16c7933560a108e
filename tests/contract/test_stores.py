"""The contract of a store, over every store of ours: exactly what others run on theirs."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb.ports import DueIndex, Roster
from tinyflow_nb.testing.contract.stores import *  # noqa: F403


def test_what_only_a_fleet_has(kind: str, house: Any) -> None:
    """An embedded store's runs are one process's."""
    store = house.store()
    assert isinstance(store, DueIndex) is kind.startswith("redis")
    assert isinstance(store, Roster) is not kind.startswith("sqlite")


@pytest.mark.parametrize("kind", ["sqlite", "sqlite-full"])
async def test_09_sqlite_keeps_a_large_value_once_and_apart(kind: str, house: Any, tmp_path: Path) -> None:
    source = "def big() -> str:\n    return 'x' * 100_000\ndef same(big: str) -> str:\n    return big\n"
    assert (await house.ends(source)).status == "SUCCEEDED"
    db = sqlite3.connect(tmp_path / "runs.db")
    (largest,) = db.execute("SELECT max(length(body)) FROM journal").fetchone()
    (copies,) = db.execute("SELECT count(*) FROM large_values").fetchone()
    db.close()
    assert largest < 50_000
    assert copies == 1
