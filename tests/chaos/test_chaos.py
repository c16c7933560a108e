"""The short form: SEMANTICS 12, 18, 20, 27 and 28 while workers and Redis are killed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.faults import KINDS, plan

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 500
"""Seconds; on a machine with time to spare it is a tenth."""


def run(folder: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("redis-server") is None:
        told = "redis-server is missing: apt-get install redis-server"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    paths = [*sys.path, str(ROOT)]  # elsewhere than in the source folder: that would hide the wheel
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=folder, capture_output=True, text=True, check=False,
        timeout=LONGEST - 20, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip


@pytest.mark.timeout(LONGEST)
def test_a_fleet_loses_nothing_and_does_nothing_twice(tmp_path: Path) -> None:
    done = run(tmp_path, "tests.chaos", "--seed", "1", "--minutes", "0.25", "--workers", "3", "--width", "30")
    assert done.returncode == 0, done.stdout + done.stderr
    figures = done.stdout.strip().splitlines()[-1]
    assert figures.endswith("all well")
    assert "0 lost, 0 committed twice, 0 stuck" in figures
    assert int(re.search(r"(\d+) runs", figures)[1]) >= 24, "that many are on their way at once"
    assert int(re.search(r"(\d+) units committed", figures)[1]) > 100
    assert re.search(r"faults (kill|redis|messages|pause|clock) [1-9]", figures)


@pytest.mark.timeout(LONGEST)
def test_a_steady_load_is_sampled(tmp_path: Path) -> None:
    file = tmp_path / "soak.csv"
    done = run(tmp_path, "tests.chaos.soak", "--minutes", "0.1", "--every", "1", "--csv", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "too short to tell" in done.stdout
    header, *rows = file.read_text().splitlines()
    assert header.startswith("seconds,runs,redis_memory,redis_keys,w1_rss,w1_threads,w1_files,w2_rss")
    assert len(rows) >= 2


def test_a_seed_brings_the_same_faults_and_each_kind_comes_once_first() -> None:
    first, again, other = (plan(seed, KINDS) for seed in (7, 7, 8))
    faults = [next(first) for _ in range(50)]
    assert faults == [next(again) for _ in range(50)]
    assert faults != [next(other) for _ in range(50)]
    assert {fault.kind for fault in faults[: len(KINDS)]} == set(KINDS)
