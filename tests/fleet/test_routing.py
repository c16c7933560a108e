"""Which worker a unit goes to: the one that carries its tags, and that has what its code needs."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, ChainExecutor
from tinyflow_nb.engine import stalled
from tinyflow_nb.errors import ChainFailed

TAGGED = """
import os
from tinyflow_nb import node

docs: list[int]

def plan(docs: list[int]) -> list[int]:
    return docs

@node(each="d in plan", tags="gpu")
def part(d: int) -> int:
    return os.getpid()

@node(tags=("eu", "gpu"))
def both(part) -> int:
    return os.getpid()

def after(both, part: list[int]) -> list[int]:
    return [*sorted(set(part)), both]
"""

NEEDY = """
import os
import tinyflow_test_wheels

def turn() -> int:
    return os.getpid()

def again(turn: int) -> int:
    return os.getpid()
"""

BUSY = """
import asyncio
from pathlib import Path

folder: str

async def waits(folder: str) -> int:
    (Path(folder) / "there").touch()
    while not (Path(folder) / "go").exists():
        await asyncio.sleep(0.02)
    return 1
"""

LOOP = """
import os
from pathlib import Path

folder: str

def spins(folder: str) -> int:
    (Path(folder) / str(os.getpid())).touch()
    while True:
        pass
"""


def define(source: str) -> ChainDefinition:
    return ChainDefinition.from_source(textwrap.dedent(source), name="demo")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run says why it waits as soon as it does."""
    monkeypatch.setattr(stalled, "PATIENCE", 0.0)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a package that is importable here."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "tinyflow_test_wheels.py").write_text("ROUND = True\n")
    monkeypatch.syspath_prepend(str(folder))
    return folder


async def test_b21_a_node_runs_where_its_tags_are_carried(
    client: ChainExecutor, start_worker: Any, wait_until: Any
) -> None:
    plain = start_worker()
    gpu, both = start_worker("--tags", "gpu"), start_worker("--tags", "eu,gpu")
    for worker in (plain, gpu, both):
        await wait_until(lambda w=worker: w.did("worker.started"))
    *parts, where = await client.execute(define(TAGGED), {"docs": list(range(30))}, timeout=60)
    assert set(parts) <= {gpu.process.pid, both.process.pid}
    assert where == both.process.pid
    assert plain.process.poll() is None


async def test_b23_a_run_says_that_no_worker_is_alive_or_carries_its_tags(
    client: ChainExecutor, start_worker: Any, wait_until: Any, soon: None
) -> None:
    run = await client.execute_async(define(TAGGED), {"docs": [1]})
    assert (await client.state(run)).stalled() == {"plan": "no worker is alive"}
    worker = start_worker("--tags", "eu")

    async def waits_for_a_gpu() -> bool:
        return (await client.state(run)).stalled() == {"part": "no worker carries gpu"}

    await wait_until(waits_for_a_gpu)
    start_worker("--tags", "gpu,eu,large")
    *_, where = await client.wait(run, timeout=60)
    assert where != worker.process.pid
    assert (await client.state(run)).stalled() == {}


async def test_b23_a_worker_without_a_package_leaves_the_run_to_one_that_has_it(
    client: ChainExecutor, start_worker: Any, wait_until: Any, soon: None, package: Path
) -> None:
    without = start_worker(hidden=package)
    await wait_until(lambda: without.did("worker.started"))
    run = await client.execute_async(define(NEEDY))

    async def told() -> Any:
        return "tinyflow_test_wheels" in (await client.state(run)).nodes["turn"].reason

    await wait_until(told)
    reason = (await client.state(run)).nodes["turn"].reason
    assert reason.startswith("tinyflow_test_wheels is missing on "), reason
    assert f":{without.process.pid}:" in reason
    has_it = start_worker()
    assert await client.wait(run, timeout=60) == has_it.process.pid
    state = await client.state(run)
    assert [n.attempts for n in state.nodes.values()] == [1, 1], "handing back uses no attempt"
    second = await client.execute_async(define(NEEDY))
    assert await client.wait(second, timeout=60) == has_it.process.pid
    refused = [line for line in without.lines() if "can't be executed here" in line["message"]]
    assert len(refused) == 1, "it does not take up that chain again"
    assert without.process.poll() is None


async def test_b14_a_worker_without_room_passes_deadlines_still(
    client: ChainExecutor, start_worker: Any, wait_until: Any, tmp_path: Path
) -> None:
    worker = start_worker("--concurrency", "1")
    await wait_until(lambda: worker.did("worker.started"))
    busy = await client.execute_async(define(BUSY), {"folder": str(tmp_path)})
    await wait_until(lambda: (tmp_path / "there").exists())
    late = await client.execute_async(define(BUSY), {"folder": str(tmp_path)}, deadline=0.5)
    with pytest.raises(ChainFailed, match="deadline"):
        await client.wait(late, timeout=60)
    assert (await client.state(busy)).status == "RUNNING"
    (tmp_path / "go").touch()
    assert await client.wait(busy, timeout=60) == 1


async def test_b19_an_isolating_worker_survives_its_nodes_and_says_what_it_lacks(
    client: ChainExecutor, start_worker: Any, wait_until: Any, soon: None, package: Path
) -> None:
    worker = start_worker("--isolate", hidden=package)
    run = await client.execute_async(define("import os\n\ndef gone() -> int:\n    os._exit(7)\n"))
    with pytest.raises(ChainFailed, match="ProcessDied: its process ended with exit code 7"):
        await client.wait(run, timeout=60)
    needy = await client.execute_async(define(NEEDY))

    async def told() -> Any:
        return "tinyflow_test_wheels is missing on" in (await client.state(needy)).nodes["turn"].reason

    await wait_until(told)
    children = start_worker("--isolate")
    pid = await client.wait(needy, timeout=60)
    assert pid not in (worker.process.pid, children.process.pid)
    children.terminate()
    await wait_until(lambda: children.process.poll() == 0)
    await wait_until(lambda: not Path(f"/proc/{pid}").exists())
    await client.execute_async(define(LOOP), {"folder": str(package)})
    (child,) = await wait_until(lambda: [p.name for p in package.glob("[0-9]*")])
    worker.kill()
    await wait_until(lambda: not Path(f"/proc/{child}").exists())
