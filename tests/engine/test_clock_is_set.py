"""SEMANTICS 19: a lease is renewed also after somebody has set this machine's clock back."""

from __future__ import annotations

import asyncio

from tinyflow_nb import ChainDefinition, ChainExecutor
from tinyflow_nb.clock import ManualClock
from tinyflow_nb.engine.node_types import installed
from tinyflow_nb.schedulers.local import LocalScheduler
from tinyflow_nb.stores.memory import MemoryStore


class Renewed(MemoryStore):
    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.renewed: set[str] = set()

    def renew(self, claims, lease):
        self.renewed |= {unit for _, unit, _ in claims}
        return super().renew(claims, lease)


async def test_b19_leases_are_renewed_after_the_clock_was_set_back(wait_until):
    clock = ManualClock()
    store = Renewed(clock)
    at_work, go = asyncio.Event(), asyncio.Event()

    async def slow() -> int:
        at_work.set()
        await go.wait()
        return 1

    cell = ChainDefinition.from_source("async def slow() -> int:\n    return 0\n", "slow")
    executor = ChainExecutor(
        store, store, LocalScheduler(clock), nodes=installed(), clock=clock, lease=0.05,
        overrides={"slow": slow},
    )  # fmt: skip
    async with executor:
        run = await executor.execute_async(cell)
        await at_work.wait()
        clock.advance(-60.0)
        await wait_until(lambda: "slow" in store.renewed)
        go.set()
        assert await executor.wait(run, timeout=60) == 1
