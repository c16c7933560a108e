"""The doctor on one machine: the store's file, settings, models, and checks that can't be made."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.cli import app
from tinyflow_nb.doctor import Report, examine
from tinyflow_nb.doctor.patient import Patient

ONE = ChainDefinition.from_source("def one(n: int) -> int:\n    return n + 1\n", "one")


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """A store with one run."""
    async with connect() as executor:
        assert await executor.execute(ONE, {"n": 1}) == 2
    return tmp_path / "runs.db"


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[2048:6144] = b"\xff" * 4096
    file.write_bytes(bytes(content))


def trouble(report: Report, check: str) -> Any:
    found, *_ = [f for f in report.of("warning", "error") if f.check == check]
    return found


async def test_a_file_that_is_well(file: Path) -> None:
    report = await examine()
    told = {f.check: f for f in report.findings}
    assert {told[c].level for c in ("file.usable", "file.whole", "file.journal", "file.room")} == {"ok"}
    assert f"{file} can be read and written" in told["file.usable"].what


async def test_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    report = await examine(f"sqlite:///{tmp_path}/new/deep.db")
    told = {f.check: f.what for f in report.findings}
    assert told["file.usable"] == f"{tmp_path}/new/deep.db will be made by the first run"
    assert not (tmp_path / "new").exists(), "looking makes nothing"


async def test_a_file_that_is_damaged(file: Path) -> None:
    damage(file)
    found = trouble(await examine(), "file.whole")
    assert found.level == "error"
    assert ".recover" in found.mend


async def test_a_file_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_text("not a database, but long enough to have a header" * 10)
    found = trouble(await examine(), "file.usable")
    assert found.level == "error"
    assert f"mv {tmp_path}/runs.db" in found.mend


async def test_a_file_of_a_newer_version(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")
    found = trouble(await examine(), "file.usable")
    assert (found.level, found.mend) == ("error", "pip install -U tinyflow-nb")


async def test_a_file_without_its_write_ahead_log(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    found = trouble(await examine(), "file.journal")
    assert found.what == "its journal is delete, not a write-ahead log"


async def test_a_file_that_may_not_be_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    found = trouble(await examine(), "file.usable")
    assert found.level == "error"
    assert found.mend.startswith(f"chmod u+w {file}")


async def test_a_disk_that_is_full(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 5_000_000

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    assert trouble(await examine(), "file.room").what.startswith("5 MB free in")


async def test_settings_that_can_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYFLOW_LEASE", "soon")
    report = await examine()
    assert report.level == "error"
    assert "TINYFLOW_LEASE" in report.findings[0].why


async def test_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "rocketmq" else find(name))
    found = trouble(await examine("redis://127.0.0.1:1/0"), "machine.extras")
    assert found.mend == "pip install 'tinyflow-nb[fleet]'"


MODELS = """
default_model = "mine"
[models.mine]
model = "small"
base_url = "http://127.0.0.1:{port}/v1"
[models.keyless]
model = "openai:gpt-4o-mini"
key = "NO_SUCH_KEY"
"""


async def test_models_that_are_away_and_without_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.conftest import free_port

    port = free_port()
    (tmp_path / "tinyflow.toml").write_text(MODELS.format(port=port))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    away, keyless = (await examine()).of("error")
    assert away.what == "model mine can't be reached"
    assert f"http://127.0.0.1:{port}/v1" in away.why
    assert keyless.what == "model keyless lacks its key"
    assert keyless.mend == "export NO_SUCH_KEY=..."


async def test_a_check_that_can_not_be_made_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(_: Any) -> Any:
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr("shutil.disk_usage", no_room)
    found = trouble(await examine(), "file.room")
    assert found.level == "warning"
    assert found.why == "RuntimeError: the disk is gone"


def test_a_patient_takes_the_settings_scheduler_only_for_a_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinyflow_nb.settings import get_settings

    monkeypatch.setenv("TINYFLOW_SCHEDULER", "rocketmq://127.0.0.1:8081")
    settings = get_settings()
    assert Patient("redis://127.0.0.1/0", "", settings).uses_rocketmq
    assert Patient("sqlite:///runs.db", "", settings).scheduler == "local"


def test_the_command_line_has_an_exit_code_and_json() -> None:
    ran = CliRunner().invoke(app, ["doctor"])
    assert ran.exit_code == 0, ran.stdout
    assert "✓ tinyflow-nb" in ran.stdout
    ran = CliRunner().invoke(app, ["doctor", "--store", "redis://127.0.0.1:1/0", "--json"])
    assert ran.exit_code == 2
    document = json.loads(ran.stdout)
    assert document["level"] == "error"
    first = next(f for f in document["findings"] if f["level"] == "error")
    assert first["check"] == "redis.answers"
    assert first["mend"] == "tinyflow-nb services up redis --redis-port 1"


async def test_b44_the_key_that_signs(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    told = {f.check: f for f in (await examine()).findings}["machine.trust"]
    assert told.what.startswith("what is submitted here is signed by SHA256:")
    monkeypatch.setenv("XDG_DATA_HOME", str(file.parent / "nobody"))
    told = {f.check: f for f in (await examine()).findings}["machine.trust"]
    assert told.what == "the key that signs is made by the first run"
    assert not (file.parent / "nobody").exists(), "looking makes none"
    monkeypatch.setenv("TINYFLOW_TRUST__KEY_VARIABLE", "NO_SUCH_KEY")
    found = trouble(await examine(), "machine.trust")
    assert (found.level, found.mend) == ("error", "tinyflow-nb trust key --new")
