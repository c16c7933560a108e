"""A fleet: real worker processes over a real Redis, and a client here that executes nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RealServices
from tinyflow_nb import ChainExecutor, connect

RUN = "from tinyflow_nb.cli import app; app()"
LEASE = 600.0
"""Seconds: what is taken up while a test waits was handed back."""


class WorkerProcess:
    """One `tinyflow-nb worker`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged; a line it is still writing is left out, and what libraries in C print."""
        *whole, _ = self._log.read_bytes().split(b"\n")
        return [json.loads(line) for line in whole if line.startswith(b"{")]

    def did(self, action: str, **facts: Any) -> list[dict[str, Any]]:
        return [line for line in self.lines() if {**line, **facts, "action": action} == line]

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)


@pytest.fixture
def redis_address(redis_server: Any) -> str:
    redis_server.ask("FLUSHALL")
    return str(redis_server.address)


@pytest.fixture
def rocketmq_address(real_services: RealServices) -> str:
    """A real broker of this test session's own."""
    return real_services.rocketmq


@pytest.fixture(params=["redis", "rocketmq"])
def scheduler(request: pytest.FixtureRequest) -> str:
    """The same tests for each."""
    return request.getfixturevalue("rocketmq_address") if request.param == "rocketmq" else request.param


StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def start_worker(redis_address: str, scheduler: str, tmp_path: Path) -> Iterator[StartWorker]:
    started: list[WorkerProcess] = []

    def start(*options: str, lease: float = LEASE, hidden: Path | None = None) -> WorkerProcess:
        """A worker that can import what is importable here, but for a `hidden` folder's."""
        log = tmp_path / f"worker{len(started)}.log"
        command = [sys.executable, "-c", RUN, "worker", "--store", redis_address]
        command += ["--scheduler", scheduler, *options]
        path = os.pathsep.join(folder for folder in sys.path if folder != str(hidden))
        env = {**os.environ, "TINYFLOW_LEASE": str(lease), "PYTHONPATH": path}
        with log.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=env)
        started.append(WorkerProcess(process, log))
        return started[-1]

    yield start
    for worker in started:
        with contextlib.suppress(ProcessLookupError):
            worker.kill()


@pytest.fixture
async def client(redis_address: str, scheduler: str) -> AsyncIterator[ChainExecutor]:
    async with connect(redis_address, scheduler=scheduler, execute=False) as executor:
        yield executor
