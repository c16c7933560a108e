"""What works in the worker works in a child process too, and alike."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any

from tests.isolation.conftest import define, ends
from tinyflow_nb import connect
from tinyflow_nb.isolation import process
from tinyflow_nb.language import module

CELL = """
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pydantic import BaseModel
from tinyflow_nb import Input, Output
from tinyflow_nb.model.context import ExecutionContext

class Item(BaseModel):
    name: str
    tags: set[str] = set()

n: int = Input(2, ge=1)

def where() -> int:
    return os.getpid()

async def item(n: int) -> Item:
    return Item(name="x" * n, tags={"a"})

def typed(item: Item, where: int) -> str:
    assert isinstance(item, Item)
    assert item.tags == {"a"}
    return item.name

@node(each="i in [1, 2, 3]")
def double(i: int) -> int:
    return i * 2

@node(until="grow > 3")
def grow(grow: int = 0) -> int:
    return grow + 2

@node(when="n > 100")
def never(n: int) -> int:
    return n

def words(typed: str) -> Iterator[str]:
    yield f"{typed} "
    yield "y"

async def counted(never: int | None = None) -> AsyncIterator[int]:
    assert never is None
    for i in range(5):
        yield i
        if i == 2:
            yield Output([i])

def told(ctx: ExecutionContext) -> list[str]:
    print("printed", 1)
    logging.getLogger("mine").warning("logged")
    sys.stderr.write("written\\n")
    os.write(1, b"raw\\n")
    return [ctx.idempotency_key, ctx.chain.partition("@")[0], str(ctx.cancelled), str(len(ctx.call_stack))]
"""


async def test_b33_values_streams_rounds_and_items_are_as_in_the_worker(isolated: Any) -> None:
    executor = await isolated()
    state = await ends(executor, CELL)
    assert state.error is None
    async with connect("memory://") as plain:
        here = await ends(plain, CELL)
    assert here.nodes["where"].output == os.getpid()
    assert state.nodes["where"].output != os.getpid()

    def seen(found: Any) -> Any:
        return {
            id: (node.status, node.output, node.attempts, node.round, node.reason)
            for id, node in found.nodes.items()
            if id not in ("where", "told")
        }

    assert seen(state) == seen(here)
    key = f"{state.id}/told/-/1"
    assert state.nodes["told"].output == [key, "demo", "False", "1"]


async def test_c26_chunks_prints_logs_and_what_is_written_are_the_nodes(isolated: Any) -> None:
    executor = await isolated()
    run = (await ends(executor, CELL)).id
    events = [event async for event in executor.events(run)]
    streamed = [(e.node, e.data.get("text", e.data.get("value"))) for e in events if e.type == "node.output"]
    assert [text for node, text in streamed if node == "words"] == ["xx ", "y"]
    assert [value for node, value in streamed if node == "counted"] == [0, 1, 2]
    logged = {(e.data["level"], e.data["text"].strip()) for e in events if e.type == "node.log"}
    assert {("print", "printed 1"), ("warning", "logged")} <= logged
    assert {("stderr", "written"), ("stderr", "raw")} <= logged


async def test_c26_a_cell_that_closes_its_output_is_not_waited_for(isolated: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(process, "MARK_SECONDS", 600.0)
    source = """
    import os
    import sys

    def a() -> int:
        sys.stderr.write("before")
        sys.stderr.close()
        os.close(1)
        return 1
    """
    executor = await isolated()
    state = await ends(executor, source)
    assert state.result == 1
    logged = [e.data["text"] async for e in executor.events(state.id) if e.type == "node.log"]
    assert logged == ["before\n"]


async def test_b7_an_exception_names_the_cells_line_and_is_retried_and_handled(isolated: Any) -> None:
    source = """
    from tinyflow_nb import Retry, node
    from tinyflow_nb.model.context import ExecutionContext

    def rescue(error: dict) -> str:
        return error["message"]

    @node(retry=Retry(max=2, wait=0, on=ArithmeticError), on_error="rescue")
    def risky(ctx: ExecutionContext) -> str:
        if ctx.attempt < 3:
            return str(1 // 0)
        raise LookupError("gone")
    """
    state = await ends(await isolated(), source)
    risky = state.nodes["risky"]
    assert (risky.status, risky.attempts, state.result) == ("FAILED", 3, "gone")
    error = risky.error
    assert error is not None
    assert (error["type"], error["line"], error["attempt"]) == ("LookupError", 12, 3)
    assert 'line 12, in risky\n    raise LookupError("gone")' in error["traceback"]


async def test_d33_a_value_of_the_wrong_type_is_told_as_in_the_worker(isolated: Any) -> None:
    source = """
    def a() -> int:
        return "many"
    """
    there = await ends(await isolated(), source)
    async with connect("memory://") as plain:
        here = await ends(plain, source)
    assert there.nodes["a"].error == here.nodes["a"].error
    assert there.nodes["a"].error["type"] == "WrongType"  # type: ignore[index]


async def test_d43_a_secret_is_read_in_the_child_and_redacted(isolated: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("MY_PASSWORD", "swordfish-42")
    source = """
    from tinyflow_nb import secret

    def a() -> int:
        value = secret("MY_PASSWORD").get()
        print("it is", value)
        raise ValueError(f"refused: {value}")
    """
    executor = await isolated()
    state = await ends(executor, source)
    assert state.nodes["a"].error["message"] == "refused: [secret MY_PASSWORD]"  # type: ignore[index]
    logged = [e.data["text"] async for e in executor.events(state.id) if e.type == "node.log"]
    assert logged == ["it is [secret MY_PASSWORD]\n"]


async def test_no_address_of_ours_is_in_the_childs_environment_or_arguments(
    isolated: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("TINYFLOW_SCHEDULER", "rocketmq://key:hush-hush@127.0.0.1:1")
    source = """
    import os

    def environment() -> str:
        with open("/proc/self/cmdline") as told:
            return told.read() + str(dict(os.environ))
    """
    told = (await ends(await isolated(), source)).result
    assert "tinyflow_nb.isolation.child" in told
    assert "hush-hush" not in told
    assert "TINYFLOW_" not in told


async def test_a_child_is_used_again_and_there_are_no_more_than_nodes_at_work(isolated: Any) -> None:
    source = """
    import os
    import time

    @node(each="i in [1, 2, 3, 4, 5, 6, 7, 8]")
    def pids(i: int) -> int:
        time.sleep(0.01)
        return os.getpid()
    """
    executor = await isolated(capacity=2)
    first = await ends(executor, source)
    second = await ends(executor, source)
    assert first.error is None
    assert len({*first.result, *second.result}) <= 2


async def test_the_cells_top_level_does_not_run_in_the_worker(
    isolated: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    source = f"""
    import os
    from pathlib import Path

    MARK = Path({str(tmp_path)!r}, str(os.getpid())).touch()

    def a() -> int:
        return 1
    """
    definition = define(source)
    mine = tmp_path / str(os.getpid())
    mine.unlink()  # of the one who submits it
    monkeypatch.setattr(module, "_modules", OrderedDict())
    executor = await isolated()
    assert await executor.execute(definition, timeout=60) == 1
    assert not mine.exists()
    assert len(list(tmp_path.glob("[0-9]*"))) == 1
