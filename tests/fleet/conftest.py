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

from tinyflow_nb import ChainExecutor, connect
from tinyflow_nb.errors import MissingExtra, ServiceError

RUN = "from tinyflow_nb.cli import app; app()"
LEASE = 30.0
"""Seconds: what is taken up sooner was handed back."""


class WorkerProcess:
    """One `tinyflow-nb worker`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged; a line it is still writing is left out."""
        found = []
        for line in self._log.read_text("utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                found.append(json.loads(line))
        return found

    def did(self, action: str, **facts: Any) -> list[dict[str, Any]]:
        return [line for line in self.lines() if {**line, **facts, "action": action} == line]

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def redis_address(redis_server: Any) -> str:
    redis_server.ask("FLUSHALL")
    return str(redis_server.address)


@pytest.fixture(scope="session")
def rocketmq_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real broker of this test session's own."""
    folder = tmp_path_factory.mktemp("broker")
    try:
        from tinyflow_nb import services

        address = services.up(("rocketmq",), folder=folder).rocketmq
    except (MissingExtra, ServiceError) as e:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no real RocketMQ here: {e}")
    yield address
    services.down(folder=folder)


@pytest.fixture(params=["redis", pytest.param("rocketmq", marks=pytest.mark.broker)])
def scheduler(request: pytest.FixtureRequest) -> str:
    """The same tests for each."""
    return request.getfixturevalue("rocketmq_address") if request.param == "rocketmq" else request.param


StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def start_worker(redis_address: str, scheduler: str, tmp_path: Path) -> Iterator[StartWorker]:
    started: list[WorkerProcess] = []

    def start(*options: str, lease: float = LEASE) -> WorkerProcess:
        log = tmp_path / f"worker{len(started)}.log"
        command = [sys.executable, "-c", RUN, "worker", "--store", redis_address]
        command += ["--scheduler", scheduler, *options]
        env = {**os.environ, "TINYFLOW_LEASE": str(lease), "PYTHONPATH": os.pathsep.join(sys.path)}
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
