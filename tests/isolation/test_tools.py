"""SEMANTICS D 35: a model's tools are code of the cell, so they run in a child process too."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.isolation.conftest import ends
from tests.nodes.test_llm import Model, node, tool_call
from tinyflow_nb.engine.node_types import installed

CELL = '''
import os
from tinyflow_nb import llm

def stock(item: str, size: int = 40) -> dict[str, int]:
    """How many there are."""
    print("looking for", item)
    return {"pid": os.getpid(), "size": size}

async def broken() -> int:
    raise ZeroDivisionError("of the cell")

def ruinous() -> int:
    os._exit(9)

@llm("fake", tools=[stock, broken, ruinous])
def answer() -> str:
    """How many shoes are there?"""
'''


def nodes(model: Model) -> dict[str, Any]:
    return {"code": installed()["code"], "llm": node(fake=model)}


async def test_d35_a_tool_runs_in_a_child_with_its_types_and_its_output(isolated: Any) -> None:
    model = Model(tool_call("stock", '{"item": "shoe", "size": 41}'), "Some.")
    executor = await isolated(nodes=nodes(model))
    state = await ends(executor, CELL)
    assert (state.result, state.error) == ("Some.", None)
    events = [e async for e in executor.events(state.id)]
    (result,) = [e.data["value"]["result"] for e in events if e.data.get("kind") == "tool_result"]
    assert result["size"] == 41
    assert result["pid"] != os.getpid()
    assert [e.data["text"] for e in events if e.type == "node.log"] == ["looking for shoe\n"]
    told = model.infos[0].function_tools[0]
    assert told.description == "How many there are."
    assert set(told.parameters_json_schema["properties"]) == {"item", "size"}


@pytest.mark.parametrize(
    ("tool", "type", "told"),
    [("broken", "ZeroDivisionError", "of the cell"), ("ruinous", "ProcessDied", "exit code 9")],
)
async def test_d35_a_tools_failure_is_the_nodes(isolated: Any, tool: str, type: str, told: str) -> None:
    executor = await isolated(nodes=nodes(Model(tool_call(tool, "{}"), "never asked")))
    error = (await ends(executor, CELL)).nodes["answer"].error
    assert error is not None
    assert error["type"] == type
    assert told in error["message"]
