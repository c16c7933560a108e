"""SEMANTICS 45: processes that publish at once make no circle, and none is refused without a reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.nesting.publishers import Refusal, problems_of
from tinyflow_nb.model.registry import RegistryEntry

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sqlite", "redis"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'registry.db'}"
    server = request.getfixturevalue("redis_server")
    server.ask("FLUSHALL")
    return str(server.address)


@pytest.mark.timeout(600)
def test_45_sixteen_processes_publish_and_label_what_would_be_circles(address: str) -> None:
    command = [sys.executable, "-m", "tests.nesting.publishers", address, "--rounds", "6", "--seconds", "500"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["problems"] == []
    assert told["refused"] > 0, "nothing would have been a circle: this proved nothing"


def publish(name: str, version: int, *refs: str) -> RegistryEntry:
    return RegistryEntry("publish", name, version, 0.0, hash=f"{name}{version}", refs=refs)


LOG = [publish("c0", 1), publish("c1", 1, "c0")]


@pytest.mark.parametrize(
    ("log", "refused", "told"),
    [
        ([*LOG, publish("c0", 2, "c1")], [], "entry 3 closed a circle"),
        ([*LOG, publish("c1", 3)], [], "c1@3 comes after"),
        (LOG, [Refusal({"name": "c1", "refs": ["c0"]}, 2, 2)], "refused without a reason"),
        (LOG, [], "the last, valid change of c1 is missing"),
    ],
)
def test_what_the_reading_of_the_log_would_find(log: list[Any], refused: list[Refusal], told: str) -> None:
    assert any(problem.startswith(told) for problem in problems_of(log, refused, 2))
