"""What models used adds up through the levels, and is not looked for where there are none."""

from __future__ import annotations

from typing import Any

import pytest

from tinyflow_nb.engine.node_types import installed
from tinyflow_nb.ports import NodeCall, Produced
from tinyflow_nb.testing.contract.house import Counted, House

SPEAK = '''
@llm("fake")
def speak(n) -> str:
    """{{ n }}"""
'''
BELOW = """
@chain("level{level}")
def below(n) -> str: ...
"""
DOUBLE = """
def double(n: int) -> int:
    return n * 2
"""


class Fake:
    timeout = 600.0

    async def execute(self, call: NodeCall) -> Produced:
        return Produced("well", {"usage": {"model": "fake", "requests": 1, "output_tokens": 3}})


async def test_usage_adds_up_through_chains_without_a_model_of_their_own(house: House) -> None:
    executor = await house.open(nodes={**installed(), "llm": Fake()})
    await executor.publish(house.define(SPEAK, "level0"))
    await executor.publish(house.define(SPEAK + BELOW.format(level=0), "level1"))
    await executor.publish(house.define(BELOW.format(level=1), "level2"))
    run = await executor.execute_async(house.define(BELOW.format(level=2), "top"), {"n": 4})
    await executor.wait(run)
    usage = (await executor.state(run)).nodes["below"].usage
    assert usage is not None
    assert {name: usage[name] for name in ("requests", "output_tokens")} == {
        "requests": 2,
        "output_tokens": 6,
    }


@pytest.mark.parametrize("house", ["memory"], indirect=True)
async def test_no_state_is_read_where_no_model_is_asked(house: House) -> None:
    counted: list[Counted] = []

    def count(store: Any) -> Counted:
        counted.append(Counted(store))
        return counted[-1]

    executor = await house.open(wrap=count)
    await executor.publish(house.define(DOUBLE, "level0"))
    for level in range(3):
        await executor.publish(
            house.define(BELOW.format(level=level).replace("str", "int"), f"level{level + 1}")
        )
    assert await executor.execute("level3", {"n": 4}) == 8
    assert "state" not in counted[0].calls
