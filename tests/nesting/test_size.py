"""SEMANTICS 46: how deep and how wide chains in chains go on a worker of little capacity."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb.errors import ChainFailed
from tinyflow_nb.model.registry import RegistryEntry
from tinyflow_nb.testing.contract.house import House

DOUBLE = """
def double(n: int) -> int:
    return n * 2
"""
BELOW = """
@chain("level{level}")
def below(n): ...
"""
MANY = """
ns: list[int]

@chain("level0", each="n in ns")
def below(n: int) -> int: ...
"""
CHILDREN = 1000


async def tower(house: House, executor: Any, depth: int) -> str:
    await executor.publish(house.define(DOUBLE, "level0"))
    for level in range(depth):
        await executor.publish(house.define(BELOW.format(level=level), f"level{level + 1}"))
    return f"level{depth}"


def resident_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


@pytest.mark.timeout(300)
async def test_46_200_levels_on_a_worker_of_two_units_need_no_more_threads(house: House) -> None:
    executor = await house.open(capacity=2, threads=2, depth=200)
    top = await tower(house, executor, 199)
    threads = threading.active_count()
    assert await executor.execute(top, {"n": 4}, timeout=280) == 8
    assert threading.active_count() <= threads + 2, "those that `def` nodes run in"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("house", ["sqlite", "redis"], indirect=True)
async def test_46_1000_children_on_a_worker_of_two_units_leave_nothing_behind(
    house: House, wait_until: Any
) -> None:
    executor = await house.open(capacity=2, threads=2)
    await executor.publish(house.define(DOUBLE, "level0"))
    many = house.define(MANY, "many")
    sizes, threads = [], []
    tasks, before = len(asyncio.all_tasks()), threading.active_count()
    for _ in range(2):
        result = await executor.execute(many, {"ns": list(range(CHILDREN))}, timeout=280)
        assert result == [n * 2 for n in range(CHILDREN)]
        sizes.append(resident_mb())
        threads.append(threading.active_count())
    assert sizes[1] - sizes[0] < 5, f"MB after the first and the second thousand: {sizes}"
    assert max(threads) <= before + 3, "those that `def` nodes run in, and that of the leases"
    await wait_until(lambda: len(asyncio.all_tasks()) <= tasks + 2)


@pytest.mark.parametrize("house", ["memory"], indirect=True)
@pytest.mark.parametrize("levels", [50, 300, 600])
async def test_46_what_never_ends_is_refused_with_its_path(house: House, levels: int) -> None:
    """600 levels are more than Python's own stack would bear."""
    executor = await house.open()
    entries = []
    for level in range(levels + 1):
        source, refs = (BELOW.format(level=level - 1), (f"level{level - 1}",)) if level else (DOUBLE, ())
        definition = house.define(source, f"level{level}")
        await executor.registry.vetting.submit(definition)
        entries.append(RegistryEntry("publish", f"level{level}", 1, 0.0, hash=definition.hash, refs=refs))
    assert await executor.registry.append(entries, 0)
    with pytest.raises(ChainFailed) as failed:
        await executor.execute(f"level{levels}", {"n": 4}, timeout=100)
    error = failed.value.error
    assert error["type"] == "DepthExceeded"
    refused = levels - 50
    assert error["message"] == (
        f"level{refused}@1 would be 50 chains deep, 50 are the most (setting max_depth):"
        f" level{levels}@1 > level{levels - 1}@1 > level{levels - 2}@1 > ..."
        f" > level{refused + 2}@1 > level{refused + 1}@1 > level{refused}@1"
    )
    assert len(error["path"]) == 49, "the failure goes up to the top with its whole path"
    assert len((await executor.runs(children=True, limit=100)).runs) == 50
