"""The local scheduler: triggers of this process, brought back to it when they are due."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import Clock

log = logging.getLogger(__name__)


class LocalScheduler:
    """A queue for what is ready and the clock's timers for what is due later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: deque[Trigger] = deque()
        self._wake = asyncio.Event()
        self._timers: dict[Trigger, Callable[[], None]] = {}

    async def start(self, stack: AsyncExitStack, accept: Callable[[Trigger], Awaitable[bool]]) -> None:
        task = asyncio.get_running_loop().create_task(self._bring(accept))

        async def stop() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for cancel in self._timers.values():
                cancel()
            self._timers.clear()

        stack.push_async_callback(stop)

    def schedule(self, triggers: Sequence[Trigger]) -> None:
        for trigger in triggers:
            if trigger.due <= self._clock.now():
                self._ready.append(trigger)
            elif trigger not in self._timers:
                self._timers[trigger] = self._clock.call_at(trigger.due, lambda t=trigger: self._due(t))  # type: ignore[misc]
        if self._ready:
            self._wake.set()

    def _due(self, trigger: Trigger) -> None:
        self._timers.pop(trigger, None)
        self._ready.append(trigger)
        self._wake.set()

    async def _bring(self, accept: Callable[[Trigger], Awaitable[bool]]) -> None:
        while True:
            while self._ready:
                trigger = self._ready.popleft()
                try:
                    await accept(trigger)
                except Exception:  # it is still in the outbox: recovery brings it again
                    log.exception("a trigger of run %s could not be accepted", trigger.run)
            self._wake.clear()
            await self._wake.wait()
