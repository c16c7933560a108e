"""A fleet in a real browser: three notebooks on one Redis, two worker processes that execute."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import WAIT_SECONDS, OpenNotebook

GATED = 4
CHAIN = """%%tinyflow fleet -i count=12 gate="{gate}"
import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

async def _until(gate: str, name: str) -> None:
    while not (Path(gate) / name).exists():
        await asyncio.sleep(0.05)

async def left(count: int, gate: str) -> AsyncIterator[str]:
    for number in range(count):
        yield f"left{{number}} "
        if number < {gated}:
            await _until(gate, f"left{{number}}")

async def right(count: int, gate: str) -> AsyncIterator[str]:
    for number in range(count):
        yield f"right{{number}} "
        if number < {gated}:
            await _until(gate, f"right{{number}}")

@confirm
def go_on(left, right) -> bool:
    "Go on for long?"

async def long(go_on: bool) -> AsyncIterator[str]:
    for number in range(10_000):
        yield f"more{{number}} "
        await asyncio.sleep(0.1)
"""
Workers = Callable[..., set[int]]


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    """`pids = workers(address, scheduler)`: two processes with room for one node each, at work."""
    started: list[subprocess.Popen[bytes]] = []

    def start(address: str, scheduler: str) -> set[int]:
        command = [sys.executable, "-c", "from tinyflow_nb.cli import app; app()", "worker"]
        command += ["--store", address, "--scheduler", scheduler, "--concurrency", "1"]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        logs = [tmp_path / f"worker{number}.log" for number in range(2)]
        for log in logs:
            with log.open("wb") as file:
                started.append(subprocess.Popen(command, stderr=file, env=env))
        end = time.monotonic() + WAIT_SECONDS
        while not all("worker.started" in log.read_text() for log in logs):
            assert time.monotonic() < end, [log.read_text() for log in logs]
            time.sleep(0.05)
        return {process.pid for process in started}

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(params=["redis", "rocketmq"])
def fleet(request: pytest.FixtureRequest) -> tuple[str, str]:
    """(store, scheduler)"""
    if request.param == "redis":
        return request.getfixturevalue("redis_server").address, "redis"
    services = request.getfixturevalue("real_services")
    return services.redis, services.rocketmq


def test_b21_started_here_resumed_there_stopped_from_a_third_and_executed_by_two_workers(
    open_notebook: OpenNotebook, workers: Workers, fleet: tuple[str, str], tmp_path: Path
) -> None:
    store, scheduler = fleet
    pids = workers(store, scheduler)
    name = f"fleet-{scheduler.partition('://')[0]}"
    own_key = f"import os\nos.environ['XDG_DATA_HOME'] = {str(tmp_path / 'user-data')!r}\n"
    connect = f"{own_key}%tinyflow connect {store} --scheduler {scheduler}"

    gate = tmp_path / "gate"
    gate.mkdir()
    chain = CHAIN.format(gate=gate, gated=GATED)
    first = open_notebook(f"{name}-first", [connect, chain, "print(fleet.last.id)"])
    first.run_all()
    for number in range(GATED):
        first.word_by_word(gate, [f"left{number}", f"right{number}"])
        if number == GATED // 2:
            first.page.locator(".tf-live").scroll_into_view_if_needed()
            first.screenshot(f"{name}-streaming")
    first.page.locator(".tf-form").wait_for()
    first.screenshot(f"{name}-suspended")
    assert "2 workers are alive" in first.text(1)
    assert "this notebook executes nothing" in first.text(1)
    run = first.text(3).strip()

    second = open_notebook(f"{name}-second", [connect, f"%tinyflow attach {run}"])
    second.run_all()
    form = second.page.locator(".tf-form")
    form.wait_for()
    second.until("document.body.innerText.includes('left11') && document.body.innerText.includes('right11')")
    form.get_by_role("button", name="Yes").click()
    send = form.get_by_role("button", name="Send answer")
    if send.count():
        send.click()
    for page in (first, second):
        page.until("seen.statuses.includes('long RUNNING')")
        page.until("seen.texts.some((text) => text.includes('more3'))")
    second.screenshot(f"{name}-resumed")

    state = "{n.worker.split(':')[1] for n in run.state.nodes.values() if n.worker}"
    third = open_notebook(
        f"{name}-third", [connect, f"run = %tinyflow attach {run}\nprint(sorted({state}))", "run.stop()"]
    )
    third.run_all()
    third.until_executed(3)
    executed_by = {int(pid) for pid in re.findall(r"\d+", third.text(2))}
    assert executed_by == pids, "left and right ran at once, in workers with room for one node each"
    for page, cell in ((first, 2), (second, 2)):
        picture = page.last_picture(cell)
        statuses = re.findall(r'class="tf-node" data-status="(\w+)"', picture["image/svg+xml"])
        assert sorted(statuses) == ["CANCELLED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]
    first.screenshot(f"{name}-stopped")
