"""The four ways to submit, as docs/fleet.md shows them, executed by a real worker."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition
from tinyflow_nb.errors import ChainTimeout

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "fleet.md"
SECTION = DOCUMENT.read_text("utf-8").partition("## Submitting\n")[2].partition("\n## ")[0]
SETUP, *WAYS = map(textwrap.dedent, re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL))


async def run(code: str, names: dict[str, Any]) -> None:
    compiled = compile(code, str(DOCUMENT), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(compiled, names)
    if inspect.isawaitable(running):
        await running


def test_there_are_four() -> None:
    assert len(WAYS) == 4


async def test_each_way_is_executed_by_a_worker_and_not_here(
    redis_address: str, scheduler: str, start_worker: Any
) -> None:
    worker = start_worker()
    names: dict[str, Any] = {}
    address = 'connect("redis://127.0.0.1:6379/0",'
    assert address in SETUP
    await run(SETUP.replace(address, f'connect("{redis_address}", scheduler="{scheduler}",'), names)
    executor = names["executor"]
    try:
        for way in WAYS:
            names.pop("result", None)
            await run(way, names)
            assert names["result"] == "HELLO", way
        assert names["reference"] == "shout@1"
        runs = (await executor.runs()).runs
        assert [run.chain.partition("@")[2][0] for run in runs] == ["1", "1", "#", "#"]
        for found in runs:
            state = await executor.state(found.id)
            assert str(worker.process.pid) in state.nodes["shout"].worker
    finally:
        await executor.__aexit__(None, None, None)


@pytest.mark.parametrize("scheduler", ["redis"], indirect=True)
async def test_b14_the_waiting_ends_and_the_run_goes_on(
    client: Any, wait_until: Any, start_worker: Any
) -> None:

    one = ChainDefinition.from_source("def one(n: int) -> int:\n    return n + 1\n", "one")
    with pytest.raises(ChainTimeout) as told:
        await client.execute(one, {"n": 1}, timeout=0.05)
    run = told.value.run_id
    assert (await client.state(run)).status == "RUNNING"
    assert await client.execute_async(one, {"n": 1}, run_id=run) == run, "submitted again it is the same run"
    start_worker()
    assert await client.wait(run, timeout=60) == 2
    assert await client.cleanup(older=3600.0) == 0
    assert await client.cleanup(older=-1.0, chain="one") == 1
    assert (await client.runs()).runs == []
