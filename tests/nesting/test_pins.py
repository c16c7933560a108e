"""SEMANTICS 45: what a run's references mean is looked up once, all of it in one and the same registry."""

from __future__ import annotations

from typing import Any

import pytest

from tinyflow_nb.engine.pins import pin_all
from tinyflow_nb.errors import CycleError
from tinyflow_nb.testing.contract.house import House

TOP = """
@chain("a")
def first(): ...

@chain("b")
def second(): ...
"""


def one(value: int) -> str:
    return f"def own() -> int:\n    return {value}\n"


@pytest.mark.parametrize("house", ["memory"], indirect=True)
async def test_45_pins_are_of_one_epoch_though_others_publish_meanwhile(house: House) -> None:
    executor = await house.open()
    registry = executor.registry
    for name in "ab":
        await executor.publish(house.define(one(1), name))
    submit = registry.submit

    async def submit_and_publish(chain: Any) -> Any:
        found = await submit(chain)
        registry.submit = submit
        for name in "ab":
            await executor.publish(house.define(one(2), name))
        return found

    registry.submit = submit_and_publish
    top = house.define(TOP, "top")
    pins = await pin_all(registry, top, top.short_ref, {})
    assert {ref: pin.chain for ref, pin in pins.items()} == {"a": "a@2", "b": "b@2"}


@pytest.mark.parametrize("house", ["memory"], indirect=True)
async def test_45_a_circle_that_never_was_refuses_nothing(house: House) -> None:
    """`a` stops calling `b` just before `b` begins to call `a`, and a run of `top` starts between."""
    executor = await house.open()
    registry = executor.registry
    await executor.publish(house.define(one(1), "b"))
    await executor.publish(house.define('@chain("b")\ndef below(): ...\n', "a"))
    submit = registry.submit

    async def submit_and_publish(chain: Any) -> Any:
        found = await submit(chain)
        registry.submit = submit
        await executor.publish(house.define(one(2), "a"))
        await executor.publish(house.define('@chain("a")\ndef below(): ...\n', "b"))
        return found

    top = house.define('@chain("a")\ndef below(): ...\n', "top")
    registry.submit = submit_and_publish
    pins = await pin_all(registry, top, top.short_ref, {})
    assert {ref: pin.chain for ref, pin in pins.items()} == {"a": "a@2"}
    with pytest.raises(CycleError, match=r"b@2 > a@3 > b@2|a@3 > b@2 > a@3"):
        await executor.publish(
            house.define('@chain("b")\ndef below(): ...\n\ndef c() -> int:\n    return 1\n', "a")
        )
