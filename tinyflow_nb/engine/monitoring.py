"""Monitoring: runs' changes on their way to the outside (SEMANTICS 30).

The runs' events are the outbox, and the store knows up to where each run's were sent. So whoever dies on
the way loses nothing: another one sends again what was not noted as sent.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

from pydantic import ValidationError

from tinyflow_nb.errors import TinyflowError
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.monitor import MonitorChange, MonitorError, MonitorMessage, Unsent
from tinyflow_nb.model.status import Status
from tinyflow_nb.ports import MonitorIndex, MonitorOutlet

log = logging.getLogger(__name__)

TOGETHER_SECONDS = 0.1
"""What changes within this time goes out together."""
SWEEP_SECONDS = 2.0
"""Between two looks for what others left, about."""

STATUS = {
    EventType.CHAIN_STARTED: Status.RUNNING,
    EventType.CHAIN_SUSPENDED: Status.SUSPENDED,
    EventType.CHAIN_RESUMED: Status.RUNNING,
    EventType.NODE_STARTED: Status.RUNNING,
    EventType.NODE_RETRYING: Status.READY,
    EventType.NODE_SUSPENDED: Status.SUSPENDED,
    EventType.NODE_SKIPPED: Status.SKIPPED,
}
"""After an event whose data does not say it."""


class Monitoring:
    """Sends what changed here, and every few seconds what other processes left."""

    def __init__(self, index: MonitorIndex, outlet: MonitorOutlet, sender: str) -> None:
        """
        Args:
            sender: this process's name.
        """
        self._index = index
        self._outlet = outlet
        self._sender = sender
        self._changed: dict[str, None] = {}
        self._some = asyncio.Event()
        self._failing = False
        self._one = asyncio.Lock()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._send_changed()), loop.create_task(self._sweep())]

    def notice(self, run: str) -> None:
        """It may have something to tell."""
        self._changed[run] = None
        self._some.set()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._send(list(self._changed))

    async def _send_changed(self) -> None:
        while True:
            await self._some.wait()
            await asyncio.sleep(TOGETHER_SECONDS)
            self._some.clear()
            runs, self._changed = list(self._changed), {}
            await self._send(runs)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS * random.uniform(0.5, 1.5))
            await self._send(None)

    async def _send(self, runs: Sequence[str] | None) -> None:
        """None: whatever waits for a while already."""
        try:
            async with self._one:  # what one of them is at, the store gives the other too
                while runs is None or runs:
                    found = await self._index.unsent(runs, self._sender)
                    runs = await self._tell(found) if found else []
        except TinyflowError as e:
            log.warning("monitor messages could not be looked for; they are sent later: %s", e)

    async def _tell(self, found: Sequence[Unsent]) -> list[str]:
        """Send it, and note that; the runs that have more."""
        messages = [(u.run, message_of(u).model_dump_json(exclude_defaults=True)) for u in found if u.events]
        try:
            if messages:
                await self._outlet.tell(messages)
        except Exception as e:  # a broker's client raises what it likes
            log.debug("monitor messages could not be sent", exc_info=True)
            if not self._failing:
                log.warning("monitor messages could not be sent; they are sent later: %s", e)
            self._failing = True
            await self._index.sent([(u.run, 0) for u in found], self._sender)
            return []
        self._failing = False
        return await self._index.sent([(u.run, u.last) for u in found], self._sender)


def message_of(unsent: Unsent) -> MonitorMessage:
    changes = tuple(map(_change, unsent.events))
    return MonitorMessage(version=1, run=unsent.run, chain=unsent.chain, changes=changes)


async def messages_of(texts: AsyncIterator[str]) -> AsyncIterator[MonitorMessage]:
    """What is none of ours is dropped: anybody may write to a topic."""
    async for text in texts:
        try:
            message = MonitorMessage.model_validate_json(text)
        except ValidationError as e:
            log.warning("dropped, no monitor message: %.80r: %s", text, e.errors(include_url=False)[0]["msg"])
        else:
            yield message


def _change(event: tuple[int, EventType, str, float, dict[str, Any]]) -> MonitorChange:
    seq, type, unit, at, data = event
    return MonitorChange(
        seq=seq, type=type, node=unit, at=at, status=STATUS.get(type) or Status(data["status"]),
        attempt=data.get("attempt") or 0, reason=data.get("reason", ""), error=_error(data.get("error")),
    )  # fmt: skip


def _error(error: dict[str, Any] | None) -> MonitorError | None:
    if error is None:
        return None
    return MonitorError(
        type=error.get("type", ""), message=error.get("message", ""), node=error.get("node", ""),
        line=error.get("line") or 0,
    )  # fmt: skip
