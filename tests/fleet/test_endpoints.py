"""What a worker process tells over HTTP and in its log."""

from __future__ import annotations

import asyncio
import json
import re
import textwrap
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, ChainExecutor
from tinyflow_nb.errors import ChainFailed

redis_only = pytest.mark.parametrize("scheduler", ["redis"])  # nothing here asks who carries wake-ups
DOCS = Path(__file__).parents[2] / "docs" / "observability.md"

TWO = """
async def first(n: int) -> int:
    return n + 1

async def second(first) -> int:
    if first < 0:
        raise ValueError("it is negative")
    return first
"""

HELD = """
import asyncio
from pathlib import Path

async def held(go: str) -> int:
    while not Path(go).exists():
        await asyncio.sleep(0.02)
    return 1
"""


def define(source: str, name: str) -> ChainDefinition:
    return ChainDefinition.from_source(textwrap.dedent(source), name=name)


async def get(worker: Any, path: str) -> tuple[int, str]:
    [started] = worker.did("worker.started")

    def ask() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(started["http"] + path, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    return await asyncio.to_thread(ask)


async def metrics(worker: Any) -> dict[str, float]:
    """By name with its labels; none while the worker has no time to answer."""
    status, text = await get(worker, "/metrics")
    if status == 500:
        return {}
    assert status == 200
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


@redis_only
async def test_metrics_of_runs_and_nodes_and_no_label_names_a_run(
    client: ChainExecutor, start_worker: Any, wait_until: Any
) -> None:
    worker = start_worker("--concurrency", "7")
    await wait_until(lambda: worker.did("worker.started"))
    two = define(TWO, "two")
    ids = [await client.execute_async(two, {"n": n}) for n in (1, 2, -5)]
    assert await client.wait(ids[0], timeout=60) == 2
    with pytest.raises(ChainFailed):
        await client.wait(ids[2], timeout=60)
    await client.wait(ids[1], timeout=60)
    await wait_until(lambda: len(worker.did("chain.finished")) == 3)

    async def is_idle() -> bool:
        return (await metrics(worker)).get("tinyflow_busy_units") == 0

    await wait_until(is_idle)
    found = await wait_until(lambda: metrics(worker))
    assert found['tinyflow_runs_total{chain="two",status="SUCCEEDED"}'] == 2
    assert found['tinyflow_runs_total{chain="two",status="FAILED"}'] == 1
    assert found['tinyflow_run_seconds_count{chain="two",status="SUCCEEDED"}'] == 2
    nodes = {"SUCCEEDED": 5, "FAILED": 1}
    for status, count in nodes.items():
        labels = f'{{chain="two",status="{status}",type="code"}}'
        assert found[f"tinyflow_nodes_total{labels}"] == count
        assert found[f"tinyflow_node_seconds_count{labels}"] == count
    assert found["tinyflow_wait_seconds_count"] == 3, "one wake-up a run: a successor needs none"
    assert found["tinyflow_capacity_units"] == 7
    assert found["tinyflow_busy_units"] == 0
    assert found["tinyflow_backlog_units"] == 0
    assert found["tinyflow_lost_leases_total"] == 0
    assert found['tinyflow_messages_total{fate="dropped"}'] == 0
    assert found["process_resident_memory_bytes"] > 0
    assert found["process_cpu_seconds_total"] > 0
    assert not [name for name in found for run in ids if run in name]


@redis_only
async def test_the_backlog_is_the_fleets_and_work_in_hand_is_told(
    client: ChainExecutor, start_worker: Any, wait_until: Any, tmp_path: Path
) -> None:
    worker = start_worker("--concurrency", "1")
    await wait_until(lambda: worker.did("worker.started"))
    held = define(HELD, "held")
    runs = [await client.execute_async(held, {"go": str(tmp_path / "go")}) for _ in range(3)]
    await wait_until(lambda: worker.did("node.started"))

    async def units() -> bool:
        found = await metrics(worker)
        return (found.get("tinyflow_busy_units"), found.get("tinyflow_backlog_units")) == (1, 2)

    await wait_until(units)
    (tmp_path / "go").touch()
    assert [await client.wait(run, timeout=60) for run in runs] == [1, 1, 1]


@redis_only
async def test_a_worker_is_ready_until_it_drains_or_its_store_is_gone(
    client: ChainExecutor, start_worker: Any, wait_until: Any, tmp_path: Path
) -> None:
    worker = start_worker("--drain", "90")
    await wait_until(lambda: worker.did("worker.started"))
    assert await get(worker, "/healthz") == (200, "ok\n")

    async def is_ready() -> bool:
        return await get(worker, "/readyz") == (200, "ok\n")

    await wait_until(is_ready)
    assert (await get(worker, "/"))[0] == 404
    run = await client.execute_async(define(HELD, "held"), {"go": str(tmp_path / "go")})
    await wait_until(lambda: worker.did("node.started"))
    worker.terminate()
    await wait_until(lambda: worker.did("worker.draining"))
    assert await get(worker, "/healthz") == (200, "ok\n")

    async def drains() -> bool:
        return await get(worker, "/readyz") == (503, "it drains: it takes nothing more\n")

    await wait_until(drains)
    (tmp_path / "go").touch()
    assert await client.wait(run, timeout=60) == 1


@redis_only
async def test_http_off_and_an_address_that_is_none(start_worker: Any, wait_until: Any) -> None:
    silent, wrong = start_worker("--http", "off"), start_worker("--http", "nowhere")
    await wait_until(lambda: silent.did("worker.started", http=""))
    await wait_until(lambda: wrong.process.poll() is not None)
    assert wrong.process.returncode == 2
    [line] = wrong.did("worker.refused")
    assert "--http nowhere: use host:port" in line["message"]


async def test_every_documented_field_of_the_log_is_there(
    client: ChainExecutor, start_worker: Any, scheduler: str, wait_until: Any
) -> None:
    worker = start_worker()
    await wait_until(lambda: worker.did("worker.started"))
    two = define(TWO, "two")

    async def failed_by_message() -> Any:
        """Its line; the sweep overtakes a message that is late, and then there is another run."""
        ended = len(worker.did("chain.finished"))
        with pytest.raises(ChainFailed):
            await client.execute(two, {"n": -5}, timeout=60)
        await wait_until(lambda: len(worker.did("chain.finished")) > ended)
        *_, line = worker.did("node.finished", node="second")
        return line if scheduler == "redis" or "message_id" in line else None

    failed = await wait_until(failed_by_message, 120)
    for line in worker.lines():
        assert {"at", "level", "action", "message", "worker"} <= line.keys()
        if line["action"].startswith("node."):
            assert {"run", "chain", "node", "node_type", "attempt"} <= line.keys()
    expected = {
        "level": "info", "chain": two.short_ref, "node": "second", "node_type": "code", "attempt": 1,
        "status": "FAILED", "error": "it is negative", "error_type": "ValueError",
    }  # fmt: skip
    assert {name: failed[name] for name in expected} == expected
    assert failed["duration"] >= 0
    assert "raise ValueError" in failed["traceback"]
    table = DOCS.read_text("utf-8").partition("## Logs")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    written = {name for line in worker.lines() for name in line}
    if scheduler == "redis":  # its wake-ups are no messages
        written.add("message_id")
    else:
        assert failed["message_id"]
    assert written <= documented, "and nothing that is not"
    assert documented - written <= {"reason", "logger", "isolate"}
    assert json.loads(json.dumps(failed)) == failed
