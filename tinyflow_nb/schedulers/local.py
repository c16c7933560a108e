"""The local scheduler: triggers of this process, brought back to it when they are due."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import Clock
from tinyflow_nb.schedulers.timers import Timers

log = logging.getLogger(__name__)


class LocalScheduler:
    """A queue for what is ready and the clock's timers for what is due later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._units = _Lane()
        self._deadlines = _Lane()  # a run's deadline must not wait until a worker has room for a unit
        self._timers = Timers(clock, clock.now, lambda trigger: self.schedule([trigger]))

    async def start(self, stack: AsyncExitStack, accept: Callable[[Trigger], Awaitable[bool]]) -> None:
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(lane.bring(accept)) for lane in (self._units, self._deadlines)]

        async def stop() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._timers.close()

        stack.push_async_callback(stop)

    def schedule(self, triggers: Sequence[Trigger]) -> None:
        for trigger in triggers:
            if trigger.wait(self._clock.now()):
                self._timers.set(trigger)
            else:
                (self._deadlines if trigger.kind == "deadline" else self._units).put(trigger)

    def forget(self, run: str) -> None:
        self._timers.forget(run)


class _Lane:
    """Triggers brought one after another, each once however often it is put."""

    def __init__(self) -> None:
        self._ready: dict[Trigger, None] = {}
        self._wake = asyncio.Event()

    def put(self, trigger: Trigger) -> None:
        self._ready[trigger] = None
        self._wake.set()

    async def bring(self, accept: Callable[[Trigger], Awaitable[bool]]) -> None:
        while True:
            while self._ready:
                trigger = next(iter(self._ready))
                del self._ready[trigger]
                try:
                    await accept(trigger)
                except Exception:  # it is still in the outbox: recovery brings it again
                    log.exception("a trigger of run %s could not be accepted", trigger.run)
            self._wake.clear()
            await self._wake.wait()
