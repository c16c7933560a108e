"""SEMANTICS 45: what a store edited by hand can do to chains in chains, and what it can't."""

from __future__ import annotations

import pytest

from tinyflow_nb.errors import ChainFailed, CycleError
from tinyflow_nb.model.registry import RegistryEntry
from tinyflow_nb.testing.contract.house import House

CALLS = """
@chain("{below}")
def below(n): ...
"""
DOUBLE = """
def double(n: int) -> int:
    return n * 2
"""


async def written(house: House, *chains: tuple[str, str]) -> None:
    """Version 1 of chains, in the log as nobody checked it."""
    executor = await house.open(execute=False)
    entries = []
    for name, below in chains:
        definition = house.define(CALLS.format(below=below), name)
        await executor.registry.vetting.submit(definition)
        entries.append(RegistryEntry("publish", name, 1, 0.0, hash=definition.hash, refs=(below,)))
    assert await executor.registry.append(entries, (await executor.registry.index()).epoch)


@pytest.mark.parametrize("below", ["a", "a@1"])
async def test_45_a_circle_in_the_log_is_refused_before_anything_runs(house: House, below: str) -> None:
    await written(house, ("a", "b"), ("b", "c@1"), ("c", below))
    executor = await house.open()
    with pytest.raises(CycleError, match="a@1 > b@1 > c@1 > a@1"):
        await executor.execute("a", {"n": 1})
    with pytest.raises(CycleError, match="b@1 > c@1 > a@1 > b@1"):
        await executor.execute(house.define(CALLS.format(below="b"), "top"), {"n": 1})
    assert (await executor.runs(children=True)).runs == []


async def test_45_a_label_moved_by_hand_closes_no_circle_either(house: House) -> None:
    executor = await house.open()
    await executor.publish(house.define(DOUBLE, "a"))
    await executor.label("a@1", "prod")
    await executor.publish(house.define(CALLS.format(below="a@prod"), "b"))
    await executor.publish(house.define(CALLS.format(below="b"), "a"))
    with pytest.raises(CycleError, match="a@2 > b@1 > a@2"):
        await executor.label("a@2", "prod")
    moved = RegistryEntry("label", "a", 2, 0.0, label="prod")
    assert await executor.registry.append([moved], (await executor.registry.index()).epoch)
    with pytest.raises(CycleError, match="a@2 > b@1 > a@2"):
        await executor.execute("a", {"n": 1})
    assert await executor.execute("a@1", {"n": 1}) == 2, "what is not part of the circle runs"
    with pytest.raises(CycleError, match="a@2 > b@1 > a@2"):
        await executor.execute(await executor.publish(house.define(CALLS.format(below="a"), "c")), {"n": 1})
    assert await executor.publish(house.define(DOUBLE, "d")) == "d@1"


async def test_36_pins_written_by_hand_do_not_let_a_chain_call_itself_again(house: House) -> None:
    """Whoever edits a run's context can make references mean anything; the call stack is looked at too."""
    executor = await house.open()
    await executor.publish(house.define(DOUBLE, "c"))
    await executor.publish(house.define(CALLS.format(below="c"), "b"))
    await executor.publish(house.define(CALLS.format(below="b"), "a"))
    begin = executor._begin

    async def begin_edited(new, definition):
        if "parent" not in new.context:
            pins = {**new.context["pins"]}
            version = await executor.registry.version("a")
            pins["c"] = (version.hash, version.ref, {})
            new = new._replace(context={**new.context, "pins": pins})
        return await begin(new, definition)

    executor._begin = begin_edited
    with pytest.raises(ChainFailed) as failed:
        await executor.execute("a", {"n": 1}, timeout=60)
    assert failed.value.error["type"] == "CycleError"
    assert failed.value.error["message"].endswith("circle: a@1 > b@1 > a@1")
    assert [step["chain"] for step in failed.value.error["path"]] == ["b@1"]
    assert len((await executor.runs(children=True)).runs) == 2
