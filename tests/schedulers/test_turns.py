"""A fleet looks at what is due about as often however many workers it has (SEMANTICS 27)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from tinyflow_nb.errors import StoreError
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.model.workers import WorkerInfo
from tinyflow_nb.schedulers import sweep as sweeping
from tinyflow_nb.schedulers.turns import LOOKERS, Turns


def worker(number: int, tags: tuple[str, ...] = (), busy: int = 0) -> WorkerInfo:
    name = f"w{number}"
    return WorkerInfo(name, "host", number, 0.0, 0.0, tags, 4, busy, "0", "3.11", "redis", {})


class Fleet:
    """A roster, and a due index that counts who looks."""

    def __init__(self, workers: list[WorkerInfo]) -> None:
        self.alive = workers
        self.looked = asyncio.Event()

    async def report(self, worker: WorkerInfo, ttl: float) -> None:
        raise NotImplementedError

    async def workers(self) -> list[WorkerInfo]:
        if not self.alive:
            raise StoreError("away")
        return self.alive

    def now(self) -> float:
        return 0.0

    async def due(
        self, older: float = 0.0, again: float = 10.0, limit: int = 100, tags: Sequence[str] = ()
    ) -> list[Trigger]:
        self.looked.set()
        return []

    async def deadlines(self, older: float = 0.0, again: float = 10.0) -> list[Trigger]:
        return []

    async def between(self, older: float = 0.0, again: float = 10.0, limit: int = 100) -> list[Trigger]:
        return []

    async def backlog(self) -> int:
        return 0


async def share(fleet: list[WorkerInfo], tags: Sequence[str] = (), draws: int = 4000) -> float:
    turns = Turns(Fleet(fleet), tags)
    await turns.count()
    return sum(turns.is_mine() for _ in range(draws)) / draws


@pytest.fixture(autouse=True)
def lots() -> None:
    random.seed(7)


@pytest.mark.parametrize("count", [0, 1, LOOKERS])
async def test_27_a_few_workers_look_at_every_turn(count):
    assert await share([worker(n) for n in range(count)]) == 1.0


async def test_27_many_workers_share_the_turns_of_two():
    assert await share([worker(n) for n in range(50)]) * 50 == pytest.approx(LOOKERS, rel=0.3)


async def test_27_busy_workers_and_those_without_the_tags_look_for_nobody():
    fleet = [worker(n) for n in range(30)] + [worker(30 + n, ("gpu",)) for n in range(10)]
    assert await share(fleet, ("gpu",)) * 10 == pytest.approx(LOOKERS, rel=0.3)
    assert await share([w._replace(busy=4) for w in fleet[1:]] + fleet[:1]) == 1.0


async def test_27_whose_fleet_can_not_be_counted_looks():
    turns = Turns(Fleet([worker(n) for n in range(50)]), ())
    await turns.count()
    turns._roster.alive = []
    await turns.count()
    assert all(turns.is_mine() for _ in range(100))


async def test_27_a_sweep_looks_when_it_is_its_turn(monkeypatch):
    monkeypatch.setattr(sweeping, "EVERY", 0.0)
    fleet = Fleet([worker(n) for n in range(50)])

    async def accept(trigger: Trigger) -> bool:
        return False

    async def room() -> int:
        return 1

    monkeypatch.setattr(random, "random", lambda: 0.9)
    task = asyncio.create_task(sweeping.sweep(fleet, accept, room))
    for _ in range(200):
        await asyncio.sleep(0)
    assert not fleet.looked.is_set()
    monkeypatch.setattr(random, "random", lambda: 0.01)
    async with asyncio.timeout(60):
        await fleet.looked.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
