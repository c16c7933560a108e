"""Every test of a scheduler: `from tinyflow_nb.testing.contract.schedulers import *`.

It needs a fixture `scheduler_factory`: a function that is given a DueIndex and a Clock and gives a
TriggerScheduler or SharedScheduler that was not started. Each call in one test is another process's.
What others left in a queue does no harm: each test looks at its own run only.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tinyflow_nb.clock import SystemClock
from tinyflow_nb.model.trigger import Trigger, TriggerKind
from tinyflow_nb.ports import SharedScheduler
from tinyflow_nb.testing.contract.fixtures import own_user, wait_until

__all__ = [
    "opened", "own_user", "test_27_a_trigger_that_fails_harms_no_other", "test_27_many_come_all",
    "test_27_nothing_comes_before_it_is_due", "test_27_what_is_scheduled_is_brought",
    "test_27_what_no_message_brings_is_found_in_the_index",
    "test_b21_a_worker_is_brought_only_what_its_tags_allow",
    "test_b23_what_was_taken_and_not_accepted_goes_to_others", "test_nothing_is_taken_without_room",
    "wait_until",
]  # fmt: skip

LONG = 30.0
"""Seconds that a busy machine may take."""


class Index:
    """A due index with what a test puts there."""

    def __init__(self) -> None:
        self.found: list[Trigger] = []

    def now(self) -> float:
        return SystemClock.now()

    async def due(self, *_: Any, **__: Any) -> list[Trigger]:
        found, self.found = self.found, []
        return found

    async def deadlines(self, *_: Any, **__: Any) -> list[Trigger]:
        return []

    async def between(self, *_: Any, **__: Any) -> list[Trigger]:
        return []

    async def backlog(self) -> int:
        return len(self.found)


class Process:
    """One process's scheduler, and what it was brought of this test's run."""

    def __init__(self, scheduler: Any, index: Index) -> None:
        self.run = ""
        self.index = index
        self.scheduler = scheduler
        self.brought: list[Trigger] = []
        self.fails: Callable[[Trigger], bool] = lambda trigger: False
        self.at_work = asyncio.Event()
        self.at_work.set()
        self.has_room = asyncio.Event()
        self.has_room.set()
        self.asked_for_room = asyncio.Event()
        self.closing = AsyncExitStack()

    async def accept(self, trigger: Trigger) -> bool:
        if trigger.run != self.run:
            return False
        self.brought.append(trigger)
        if self.fails(trigger):
            raise ValueError("it can't be accepted")
        await self.at_work.wait()
        return True

    async def room(self) -> int:
        self.asked_for_room.set()
        await self.has_room.wait()
        return 8

    def names(self) -> set[str]:
        return {trigger.unit for trigger in self.brought}


class Opened:
    """Processes that share one scheduler's queues, and this test's run."""

    def __init__(self, factory: Callable[..., Any], stack: AsyncExitStack) -> None:
        self.run = f"contract-{os.urandom(6).hex()}"
        self._factory = factory
        self._stack = stack
        self.is_shared = isinstance(factory(Index(), SystemClock()), SharedScheduler)

    async def process(self, *, tags: Sequence[str] = (), prepare: Callable[[Process], None] = id) -> Process:
        index = Index()
        process = Process(self._factory(index, SystemClock()), index)
        process.run = self.run
        prepare(process)
        await self._stack.enter_async_context(process.closing)
        if self.is_shared:
            await process.scheduler.open(process.closing)
            consuming = await process.closing.enter_async_context(AsyncExitStack())
            await process.scheduler.consume(consuming, process.accept, process.room, tags)
        else:
            await process.scheduler.start(process.closing, process.accept)
        return process

    def trigger(self, unit: str, kind: TriggerKind = "run", due: float = 0.0, **more: Any) -> Trigger:
        return Trigger(self.run, 1, unit, 0, kind, due, **more)


@pytest.fixture
async def opened(scheduler_factory: Callable[..., Any]) -> AsyncIterator[Opened]:
    async with AsyncExitStack() as stack:
        yield Opened(scheduler_factory, stack)


async def test_27_what_is_scheduled_is_brought(opened, wait_until):
    process = await opened.process()
    trigger = opened.trigger("draft[3]#2")._replace(attempt=2, kind="retry", generation=3)
    process.scheduler.schedule([trigger])
    await wait_until(lambda: process.brought, LONG)
    assert process.brought[0] == trigger


async def test_27_many_come_all(opened, wait_until):
    process = await opened.process()
    triggers = [opened.trigger(f"part[{number}]") for number in range(200)]
    process.scheduler.schedule(triggers[:150])
    for trigger in triggers[150:]:
        process.scheduler.schedule([trigger])
    await wait_until(lambda: len(process.names()) == 200, LONG)


@pytest.mark.parametrize("wait", [0.3, 1.3])
async def test_27_nothing_comes_before_it_is_due(opened, wait_until, wait):
    process = await opened.process()
    now = process.index.now()
    too_early = []
    process.fails = lambda trigger: too_early.append(trigger) if process.index.now() < trigger.due else False
    process.scheduler.schedule(
        [opened.trigger("later", "retry", now + wait), opened.trigger("past", "retry", now - 60)]
    )
    await wait_until(lambda: process.names() == {"later", "past"}, LONG)
    assert not too_early


async def test_27_a_trigger_that_fails_harms_no_other(opened, wait_until, caplog):
    process = await opened.process(prepare=lambda p: setattr(p, "fails", lambda t: t.unit == "bad"))
    process.scheduler.schedule([opened.trigger("bad"), opened.trigger("good")])
    await wait_until(lambda: process.names() == {"bad", "good"}, LONG)
    process.scheduler.schedule([opened.trigger("another")])
    await wait_until(lambda: "another" in process.names(), LONG)


async def test_27_what_no_message_brings_is_found_in_the_index(opened, wait_until):
    if not opened.is_shared:
        return
    process = await opened.process()
    process.index.found = [opened.trigger("lost")]
    await wait_until(lambda: process.names() == {"lost"}, LONG)


async def test_b23_what_was_taken_and_not_accepted_goes_to_others(opened, wait_until):
    """At a drain nothing waits for a lease to be over."""
    if not opened.is_shared:
        return
    first = await opened.process(prepare=lambda p: p.at_work.clear())
    first.scheduler.schedule([opened.trigger("kept")])
    await wait_until(lambda: first.brought, LONG)
    await first.closing.aclose()
    second = await opened.process()
    await wait_until(lambda: second.names() == {"kept"}, LONG)


async def test_nothing_is_taken_without_room(opened, wait_until):
    if not opened.is_shared:
        return
    full = await opened.process(prepare=lambda p: p.has_room.clear())
    await full.asked_for_room.wait()
    full.scheduler.schedule([opened.trigger(f"u{number}") for number in range(20)])
    free = await opened.process()
    await wait_until(lambda: len(free.names()) == 20, LONG)
    assert not full.brought


async def test_b21_a_worker_is_brought_only_what_its_tags_allow(opened, wait_until):
    if not opened.is_shared:
        return
    plain = await opened.process()
    plain.scheduler.schedule([opened.trigger("train", tags=("gpu",)), opened.trigger("any")])
    await wait_until(lambda: plain.names() == {"any"}, LONG)
    strong = await opened.process(tags=("eu", "gpu"))
    await wait_until(lambda: "train" in strong.names(), LONG)
    assert plain.names() == {"any"}
