"""The command line on a fleet: it starts, follows, answers and stops; workers execute."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tinyflow_nb.cli import app

CHAIN = """
import os

def pid(n: int) -> int:
    return os.getpid()

@confirm
def sure(pid: int) -> bool:
    "Go on?"

def end(pid: int, sure: bool) -> list[int]:
    return [pid, os.getpid()]
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def documents(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def chain(tmp_path: Path) -> str:
    file = tmp_path / "asks.py"
    file.write_text(CHAIN)
    return str(file)


@pytest.fixture
def scheduler() -> str:
    return "redis"


@pytest.fixture
def fleet(redis_address: str) -> list[str]:
    return ["--store", redis_address]


def test_b21_run_and_resume_follow_and_the_worker_executes(
    chain: str, fleet: list[str], start_worker: Any
) -> None:
    worker = start_worker()
    ran = call("run", chain, "-i", "n=1", "--json", *fleet)
    assert ran.exit_code == 3, ran.output
    run = documents(ran)[-1]["run"]
    ran = call("resume", run, "yes", "--json", *fleet)
    assert ran.exit_code == 0, ran.output
    assert documents(ran)[-1]["result"] == [worker.process.pid] * 2


def test_b21_a_detached_run_waits_for_a_worker_is_seen_stopped_retried_and_forgotten(
    chain: str, fleet: list[str], start_worker: Any
) -> None:
    ran = call("run", chain, "-i", "n=1", "--detach", *fleet)
    assert ran.exit_code == 0, ran.output
    run = ran.stdout.strip()
    shown = documents(call("show", run, "--json", *fleet))[0]
    assert (shown["status"], shown["nodes"]["pid"]["status"]) == ("RUNNING", "READY")
    assert call("delete", run, *fleet).exit_code == 2, "it has not ended"
    assert call("stop", run, *fleet).stdout == f"{run} is CANCELLED\n"
    start_worker()
    assert call("retry", run, "--json", *fleet).exit_code == 3, "the worker takes it up to the form"
    call("stop", run, *fleet)
    assert call("cleanup", "--older", "1h", *fleet).stdout == "0 runs were forgotten\n"
    assert call("cleanup", "--older", "0.001", "--chain", "other", *fleet).stdout == "0 runs were forgotten\n"
    assert call("delete", run, *fleet).stdout == f"forgot {run}\n"
    assert "no run" in call("show", run, *fleet).stderr


def test_cleanup_forgets_what_ended(chain: str, fleet: list[str]) -> None:
    runs = [call("run", chain, "-i", "n=1", "--detach", *fleet).stdout.strip() for _ in range(3)]
    for run in runs[:2]:
        call("stop", run, *fleet)
    assert (
        call("cleanup", "--older", "0.001", "--status", "CANCELLED", *fleet).stdout
        == "2 runs were forgotten\n"
    )
    assert [line["id"] for line in documents(call("runs", "--json", *fleet))] == runs[2:]
    assert "--older soon: it takes" in call("cleanup", "--older", "soon", *fleet).stderr


def test_b21_execute_makes_the_shell_a_worker(chain: str, fleet: list[str]) -> None:
    run = documents(call("run", chain, "-i", "n=1", "--execute", "--json", *fleet))[-1]["run"]
    ran = call("resume", run, "yes", "--execute", "--json", *fleet)
    assert documents(ran)[-1]["result"] == [os.getpid()] * 2


def test_detach_needs_a_fleet(chain: str, fleet: list[str]) -> None:
    ran = call("run", chain, "-i", "n=1", "--detach")
    assert ran.exit_code == 2
    assert "--detach leaves the run to the workers of a fleet" in ran.stderr
    assert call("runs").stdout.count("\n") == 1, "nothing was started"


def test_the_settings_name_the_fleet(
    chain: str, fleet: list[str], start_worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYFLOW_STORE", fleet[1])
    monkeypatch.setenv("TINYFLOW_SCHEDULER", "redis")
    start_worker()
    assert call("run", chain, "-i", "n=1", "--json").exit_code == 3


def test_an_interrupt_ends_the_following_and_not_the_run(
    chain: str, fleet: list[str], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", "from tinyflow_nb.cli import app; app()"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [*command, "run", chain, "-i", "n=1", "--json", *fleet], env=env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["type"] == "chain.started"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode != 0
    assert "tinyflow-nb attach asks-" in told
    assert documents(call("runs", "--json", *fleet))[0]["status"] == "RUNNING"


def test_b23_show_says_why_a_run_waits(chain: str, fleet: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tinyflow_nb.engine.stalled.PATIENCE", 0.0)
    run = call("run", chain, "-i", "n=1", "--detach", *fleet).stdout.strip()
    assert "waits: no worker is alive" in call("show", run, *fleet).stdout
