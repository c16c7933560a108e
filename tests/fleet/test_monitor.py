"""SEMANTICS 30: what workers tell the outside, read by `tinyflow-nb monitor`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, ChainExecutor
from tinyflow_nb.model.monitor import MonitorMessage
from tinyflow_nb.schedulers.rocketmq_boxes import INVISIBLE_SECONDS

RUN = "from tinyflow_nb.cli import app; app()"
LINE = """
async def a(n: int) -> int:
    return n + 1

async def b(a: int) -> int:
    return a + 1
"""


class Reader:
    """One `tinyflow-nb monitor`."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self.output = output

    def of(self, run: str) -> list[MonitorMessage]:
        *whole, _ = self.output.read_bytes().split(b"\n")  # the last one is still being written
        messages = map(MonitorMessage.model_validate_json, whole)
        return [message for message in messages if message.run == run]

    def told(self, run: str) -> list[str]:
        found = {c.seq: f"{c.type} {c.status}" for message in self.of(run) for c in message.changes}
        return [found[seq] for seq in sorted(found)]


@pytest.fixture
def reader(redis_address: str, scheduler: str, tmp_path: Path) -> Iterator[Callable[..., Reader]]:
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> Reader:
        output = tmp_path / "messages"
        where = ["--store", redis_address, "--scheduler", scheduler, "--from-start"]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with output.open("wb") as file:
            command = [sys.executable, "-c", RUN, "monitor", *where]
            processes.append(subprocess.Popen(command, stdout=file, env=env))
        return Reader(processes[-1], output)

    yield start
    for process in processes:
        process.kill()
        process.wait(60)


async def test_c30_a_run_on_workers_is_told_by_whichever_scheduler_carries_it(
    client: ChainExecutor, start_worker: Any, reader: Callable[..., Reader], wait_until: Any
) -> None:
    workers = [start_worker() for _ in range(2)]
    for worker in workers:
        await wait_until(lambda w=worker: w.did("worker.started"))
    line = ChainDefinition.from_source(LINE, name="line")
    run = await client.execute_async(line, {"n": 1})
    assert await client.wait(run, timeout=60) == 3
    read = reader()
    expected = ["chain.started RUNNING", "chain.finished SUCCEEDED"]
    await wait_until(lambda: read.told(run) == expected, 4 * INVISIBLE_SECONDS)
    assert {message.chain for message in read.of(run)} == {line.short_ref}
    assert json.loads(read.output.read_text().splitlines()[0])["version"] == 1
    read.process.send_signal(signal.SIGINT)
    await wait_until(lambda: read.process.poll() is not None)
    assert read.process.returncode == 0
