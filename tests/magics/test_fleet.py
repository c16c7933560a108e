"""A notebook on a fleet: it submits, watches and answers; workers execute (SEMANTICS 21)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.magics.conftest import Notebook
from tests.magics.test_cell_magic import until
from tinyflow_nb import ChainDefinition
from tinyflow_nb.errors import SettingsError, StoreError
from tinyflow_nb.model.state import ChainState
from tinyflow_nb_magics import session as session_module
from tinyflow_nb_magics.magic_line import MagicError
from tinyflow_nb_magics.session import Session

ASKING = """%%tinyflow asking --wait
import os
def pid() -> int: return os.getpid()
@confirm
def sure(pid: int) -> bool: "Go on?"
def end(pid: int, sure: bool) -> list[int]: return [pid, os.getpid()]
"""
SLOW = """%%tinyflow slow
import asyncio
async def wait() -> str:
    yield "here "
    await asyncio.sleep(60)
"""


@pytest.fixture
def fleet(redis_server: Any) -> str:
    redis_server.ask("FLUSHALL")
    return str(redis_server.address)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Taken, so that nobody else listens there either."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def worker(redis_server: Any, fleet: str, tmp_path: Path) -> Iterator[int]:
    """Its process id, once it is at work and the fleet knows of it."""
    log = tmp_path / "worker.log"
    command = [sys.executable, "-c", "from tinyflow_nb.cli import app; app()", "worker", "--store", fleet]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with ExitStack() as stack:
        process = subprocess.Popen(command, stderr=stack.enter_context(log.open("wb")), env=env)
        stack.callback(process.wait)
        stack.callback(process.kill)
        end = time.monotonic() + 90
        while redis_server.ask("EXISTS", "tf:{roster}:workers") != ":1":
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        yield process.pid


def test_b21_workers_execute_what_the_notebook_starts_answers_and_retries(
    notebook: Notebook, session: Session, fleet: str, worker: int
) -> None:
    told = notebook.ok(f"%tinyflow connect {fleet}").printed
    connected = f"Connected to {fleet}; 1 worker is alive, with room for 32 nodes"
    assert told.splitlines()[0] == f"{connected}; this notebook executes nothing (--execute)"
    ran = notebook.run(ASKING)
    assert type(ran.error).__name__ == "ChainSuspended"
    notebook.ok("asking.last.resume(True)")
    assert notebook.ok("asking.last.result()").value == [worker, worker]
    notebook.ok(SLOW)
    notebook.ok("async for _, _, text in slow.last.stream():\n    break")
    notebook.ok("run = slow.last.id\n%tinyflow stop @run")
    assert notebook.ok("slow.last.status").value == "CANCELLED"
    notebook.ok("%tinyflow retry @run")
    until(lambda: notebook["slow"].last["wait"].status == "RUNNING")
    assert str(worker) in notebook["slow"].last["wait"].state.worker
    notebook.ok("slow.last.stop()")


def test_b21_without_workers_nothing_is_executed_and_the_notebook_warns(
    notebook: Notebook, fleet: str
) -> None:
    told = notebook.ok(f"%tinyflow connect {fleet}").printed
    assert "Warning: no worker is alive: what is started waits until there is one" in told
    assert f"→ tinyflow-nb worker --store {fleet}" in told
    assert "Warning: Redis keeps no append-only file" in told, "what the doctor calls an error is told"
    notebook.ok(ASKING.replace(" --wait", ""))
    assert notebook.ok("asking.last.state.nodes['pid'].status").value == "READY"
    told = notebook.ok(f"%tinyflow connect {fleet} --execute").printed
    assert "this notebook executes too" in told
    notebook.run("asking.last.result()")
    notebook.ok("asking.last.resume(True)")
    assert notebook.ok("asking.last.result()").value == [os.getpid()] * 2


def test_a_wrong_address_is_one_clear_line_and_the_connection_stays(
    notebook: Notebook, session: Session, own_redis: Any, closed_port: int
) -> None:
    notebook.ok("%tinyflow runs")
    ran = notebook.run(f"%tinyflow connect redis://127.0.0.1:{closed_port}/0")
    assert isinstance(ran.error, StoreError)
    assert ran.told.endswith("nothing answers there; start Redis, or mend the address")
    locked = own_redis("--requirepass", "right")
    ran = notebook.run(f"%tinyflow connect redis://:wrong@127.0.0.1:{locked.port}/0")
    assert "refuses the user or the password" in ran.told
    assert len(ran.told.splitlines()) == 1
    assert "wrong" not in ran.told
    right = f"redis://:right@127.0.0.1:{locked.port}/0"
    ran = notebook.run(f"%tinyflow connect {right} --scheduler carrier-pigeon")
    assert isinstance(ran.error, SettingsError)
    assert "known are local, redis and rocketmq" in ran.told
    ran = notebook.run("%tinyflow connect --execute")
    assert isinstance(ran.error, MagicError)
    assert session.address == ""
    told = notebook.ok(f"%tinyflow connect {right}").printed
    assert told.startswith(f"Connected to redis://***@127.0.0.1:{locked.port}/0")
    assert "right" not in told


def test_a_broker_that_is_away_is_a_warning_with_its_mend(
    notebook: Notebook, fleet: str, closed_port: int
) -> None:
    broker = f"127.0.0.1:{closed_port}"
    told = notebook.ok(f"%tinyflow connect {fleet} --scheduler rocketmq://{broker}").printed
    assert told.startswith(f"Connected to {fleet} and rocketmq://{broker}; ")
    assert f"RocketMQ can't be reached: nothing answers at {broker}" in told
    assert f"→ tinyflow-nb services up rocketmq --rocketmq-port {closed_port}" in told


def test_the_doctor_looks_at_what_the_notebook_is_connected_to(notebook: Notebook, fleet: str) -> None:
    assert "runs.db will be made by the first run" in notebook.ok("%tinyflow doctor").printed
    notebook.ok(f"%tinyflow connect {fleet}")
    told = notebook.ok("%tinyflow doctor").printed
    assert f"answers at {fleet}" in told
    assert "✗ Redis keeps no append-only file" in told


async def test_b23_a_run_no_worker_takes_says_why_in_its_live_view(
    fleet: str, monkeypatch: pytest.MonkeyPatch, wait_until: Any
) -> None:
    class View:
        """What a live view is told."""

        def __init__(self) -> None:
            self.waits: list[dict[str, str]] = []

        def replace(self, state: ChainState) -> None:
            self.waits.append(state.stalled())

        def apply(self, events: Any) -> None: ...

    monkeypatch.setattr(session_module, "WHY_SECONDS", 0.05)
    monkeypatch.setattr("tinyflow_nb.engine.stalled.PATIENCE", 0.2)
    definition = ChainDefinition.from_source("def one(n: int) -> int:\n    return n\n", "one")
    session, view = Session(), View()
    try:
        session.connect(fleet)
        run = session.start(definition, {"n": 1}, deadline=None, bindings={}, chains={})
        session.follow(run, view)  # type: ignore[arg-type]
        await wait_until(lambda: {"one": "no worker is alive"} in view.waits)
    finally:
        session.close()
