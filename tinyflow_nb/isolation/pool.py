"""The child processes of one worker: made when they are needed, used again, ended when nobody needs them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pydantic import JsonValue

from tinyflow_nb.errors import DefinitionError, MemoryLimit, Problem
from tinyflow_nb.isolation.messages import Failed, Load, Refused
from tinyflow_nb.isolation.process import Child
from tinyflow_nb.model.definition import ChainDefinition

REQUESTS = 1_000
"""After so many a child makes way for a new one: what a cell leaks does not add up."""
IDLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """A definition with its bindings; `key` tells it from others."""

    key: str
    definition: ChainDefinition
    bindings: dict[str, JsonValue] = field(default_factory=dict)


class Pool:
    def __init__(self, most: int, memory: int) -> None:
        """
        Args:
            most: children at work at once.
            memory: bytes each may take.
        """
        self._memory = memory
        self._places = asyncio.Semaphore(most)
        self._idle: list[tuple[float, Child]] = []
        """The one used last at the end, each with the time since when."""
        self._ending: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def child(self, program: Program) -> AsyncIterator[Child]:
        """One that has loaded the program and works for nobody else; ended if its time is over.

        Raises:
            DefinitionError: the program can't be loaded.
            MemoryLimit, ProcessDied: it did not survive loading it.
        """
        async with self._places:
            child = self._take(program) or await Child.start(self._memory)
            try:
                if program.key not in child.loaded:
                    await self._load(child, program)
                yield child
            except MemoryLimit:
                child.kill()  # it may hold on to what it took
                raise
            finally:
                self._give_back(child)

    def out_of_memory(self) -> MemoryLimit:
        most = f"{self._memory / 1024 / 1024:.0f} MB"
        return MemoryLimit(f"it took more memory than the {most} a node may have (setting isolate.memory)")

    async def _load(self, child: Child, program: Program) -> None:
        load = Load(program=program.key, definition=program.definition.to_json(), bindings=program.bindings)
        answer = await child.ask(load)
        if isinstance(answer, Failed):
            raise self.out_of_memory()
        if isinstance(answer, Refused):
            problems = [Problem(*told) for told in answer.problems]
            error = DefinitionError(problems, program.definition.name)
            missing = answer.missing
            raise error from (ModuleNotFoundError(missing, name=missing) if missing else None)
        child.loaded.add(program.key)

    def _take(self, program: Program) -> Child | None:
        self._idle = [(since, child) for since, child in self._idle if child.alive]
        at = next((i for i, (_, child) in enumerate(self._idle) if program.key in child.loaded), -1)
        return self._idle.pop(at)[1] if self._idle else None

    def _give_back(self, child: Child) -> None:
        if not child.alive or child.requests >= REQUESTS:
            self._end(child)
            return
        loop = asyncio.get_running_loop()
        self._idle.append((loop.time(), child))
        loop.call_later(IDLE_SECONDS, self._end_idle)

    def _end_idle(self) -> None:
        """Those nobody has needed for long."""
        since = asyncio.get_running_loop().time() - IDLE_SECONDS
        while self._idle and self._idle[0][0] <= since:
            self._end(self._idle.pop(0)[1])

    def _end(self, child: Child) -> None:
        task = asyncio.get_running_loop().create_task(child.close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End them all; none works for anybody any more."""
        for _, child in self._idle:
            self._end(child)
        self._idle.clear()
        await asyncio.gather(*self._ending)
