"""docs/deploy.md: its commands take the options it gives them, and its health checks answer."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.conftest import free_port
from tinyflow_nb.cli import app
from tinyflow_nb.settings import load_settings

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "deploy.md").read_text("utf-8")


@pytest.fixture
def scheduler() -> str:
    return "redis"


def test_every_variable_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in re.findall(r"^(TINYFLOW_\w+)=(.*)$", TEXT, re.MULTILINE):
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.scheduler == "rocketmq://rocketmq.internal:8081"
    assert settings.trust.keys == {"ci": "ssh-ed25519 AAAA..."}


def test_the_worker_takes_the_options() -> None:
    unit = re.search(r"^ExecStart=\S+tinyflow-nb worker (.*)$", TEXT, re.MULTILINE)
    entry = re.search(r"^ENTRYPOINT (\[.*\])$", TEXT, re.MULTILINE)
    assert unit is not None
    assert entry is not None
    worker = typer.main.get_command(app).commands["worker"]  # type: ignore[attr-defined]
    for options in (shlex.split(unit[1].replace("%i", "1")), json.loads(entry[1])[2:]):
        assert worker.make_context("worker", options).params["drain"] == 60.0
    stop = re.search(r"^TimeoutStopSec=(\d+)$", TEXT, re.MULTILINE)
    assert stop is not None
    assert int(stop[1]) >= 60 + 10, "longer than the drain"


async def exit_code(command: list[str]) -> int:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()


async def test_the_containers_health_check(start_worker: Any, wait_until: Any) -> None:
    check = re.search(r'CMD \["python", "-c", "(.*)"\]', TEXT)
    assert check is not None
    port = free_port()
    command = [sys.executable, "-c", check[1].replace(":9464/", f":{port}/")]
    assert await exit_code(command) != 0
    worker = start_worker("--http", f"127.0.0.1:{port}")
    await wait_until(lambda: worker.did("worker.started"))
    assert await exit_code(command) == 0
