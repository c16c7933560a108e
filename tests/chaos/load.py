"""The runs: started, answered and stopped by a client that executes nothing, and that outlives it all."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.chaos.shapes import Shape, children
from tinyflow_nb import ChainExecutor
from tinyflow_nb.errors import (
    ChainCancelled,
    ChainFailed,
    ChainSuspended,
    ChainTimeout,
    StoreError,
)

T = TypeVar("T")
ANSWER = "by the program"
AWAY_WITHIN = 60.0
"""Seconds the store may be away for a client that keeps on trying."""


@dataclass
class Run:
    id: str
    shape: Shape
    status: str = ""
    """"" while it has not ended."""
    result: Any = None
    error: dict[str, Any] = field(default_factory=dict)
    """Its own, of a FAILED one."""


class Load:
    def __init__(
        self, client: ChainExecutor, ledger: Path, next_shape: Callable[[], Shape], seed: int
    ) -> None:
        self.runs: list[Run] = []
        self.ended = 0
        """Of a steady load."""
        self.ended_otherwise: list[Run] = []
        """The same."""
        self._numbers = itertools.count()
        self._client = client
        self._ledger = ledger
        self._next_shape = next_shape
        self._dice = random.Random(f"load {seed}")

    async def publish(self) -> None:
        """What the chains call; before the first is started."""
        for child in children():
            await self._client.publish(child)

    async def keep_up(self, at_once: int, enough: Callable[[int], bool], patience: float) -> None:
        """Start runs, so that `at_once` are on their way, until there are enough; then wait for all.

        Args:
            enough: told how many have been started.
            patience: seconds each may take.
        """
        places = asyncio.Semaphore(at_once)
        async with asyncio.TaskGroup() as group:
            while True:
                await places.acquire()
                if enough(len(self.runs)):
                    return
                task = group.create_task(self.one(patience))
                task.add_done_callback(lambda _: places.release())

    async def steady(self, rate: float, seconds: float, patience: float) -> None:
        """Start `rate` runs a second for a while, whatever becomes of them; then wait for all.

        Of those that ended as they must only the number is kept.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for number in itertools.count():
                wait = began + number / rate - loop.time()
                if began + number / rate > began + seconds:
                    return
                await asyncio.sleep(max(0.0, wait))
                group.create_task(self._counted(patience))

    async def _counted(self, patience: float) -> None:
        run = await self.one(patience)
        self.runs.remove(run)
        self.ended += 1
        if run.status != run.shape.status:
            self.ended_otherwise.append(run)

    async def one(self, patience: float) -> Run:
        """One run, from its start to its end."""
        shape = self._next_shape()
        run = Run(f"{shape.name}-{next(self._numbers)}", shape)
        self.runs.append(run)
        wait = self._dice.uniform(0.2, 2.0)
        inputs = {"ledger": str(self._ledger), **shape.inputs}
        await insist(lambda: self._client.execute_async(shape.definition, inputs, run_id=run.id))
        if shape.act == "answer":
            await self._answer(run, wait, patience)
        elif shape.act == "stop":
            await asyncio.sleep(wait)
            await insist(lambda: self._client.stop(run.id))
        try:
            run.result = await insist(lambda: self._client.wait(run.id, timeout=patience))
            run.status = "SUCCEEDED"
        except ChainCancelled:
            run.status = "CANCELLED"
        except ChainFailed:
            run.status = "FAILED"
            run.error = (await insist(lambda: self._client.state(run.id))).error or {}
        except ChainTimeout:  # the checks tell
            pass
        return run

    async def _answer(self, run: Run, wait: float, patience: float) -> None:
        try:
            await insist(lambda: self._client.wait(run.id, timeout=patience, people=False))
        except ChainSuspended:
            await asyncio.sleep(wait)
            await insist(lambda: self._client.resume_async(run.id, ANSWER, answer_id=f"answer-{run.id}"))
        except (ChainFailed, ChainTimeout):  # told when its end is waited for
            pass


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Again and again while the store is away: every call of an executor may be repeated."""
    loop = asyncio.get_running_loop()
    end = loop.time() + AWAY_WITHIN
    while True:
        try:
            return await call()
        except StoreError:
            if loop.time() > end:
                raise
            await asyncio.sleep(0.2)
