"""The event bus of one process: subscribers and listeners. It keeps nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from tinyflow_nb.model.events import Event, EventType

log = logging.getLogger(__name__)

Listener = Callable[[str, Event], Any]
"""Called with the run's id and the event; may be a coroutine function."""

LISTENER_BACKLOG = 10_000
"""Events a slow listener may fall behind before it loses the newest."""


class EventBus:
    """EventManager of this process."""

    def __init__(self) -> None:
        self._subscribers: dict[str, set[asyncio.Queue[Sequence[Event]]]] = {}
        self._listeners: list[tuple[Callable[[Event], bool], asyncio.Queue[tuple[str, Event]]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def wanted(self, run: str) -> bool:
        """Whether anybody would see an event of the run."""
        return bool(self._listeners) or run in self._subscribers or "*" in self._subscribers

    def runs(self) -> set[str]:
        return self._subscribers.keys() - {"*"}

    def publish(self, run: str, events: Sequence[Event]) -> None:
        for key in (run, "*"):
            for queue in self._subscribers.get(key, ()):
                queue.put_nowait(events)
        for wants, inbox in self._listeners:
            for event in events:
                if wants(event):
                    try:
                        inbox.put_nowait((run, event))
                    except asyncio.QueueFull:
                        log.warning("a listener is too slow: it misses %s of run %s", event.type, run)

    async def subscribe(self, run: str) -> AsyncIterator[Sequence[Event]]:
        with self.inbox(run) as queue:
            while True:
                yield await queue.get()

    def inbox(self, run: str) -> _Inbox:
        """`with bus.inbox(run) as queue`: batches from the moment it is entered."""
        return _Inbox(self._subscribers, run)

    def listen(self, wants: Callable[[Event], bool], listener: Listener) -> None:
        """Call the listener in a task of its own, so that it can neither slow nor fail a run."""
        inbox: asyncio.Queue[tuple[str, Event]] = asyncio.Queue(LISTENER_BACKLOG)
        self._listeners.append((wants, inbox))
        self._tasks.add(asyncio.ensure_future(_feed(inbox, listener)))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Inbox:
    def __init__(self, subscribers: dict[str, set[asyncio.Queue[Sequence[Event]]]], run: str) -> None:
        self._subscribers = subscribers
        self._run = run
        self._queue: asyncio.Queue[Sequence[Event]] = asyncio.Queue()

    def __enter__(self) -> asyncio.Queue[Sequence[Event]]:
        self._subscribers.setdefault(self._run, set()).add(self._queue)
        return self._queue

    def __exit__(self, *_: object) -> None:
        left = self._subscribers[self._run]
        left.discard(self._queue)
        if not left:
            del self._subscribers[self._run]


async def _feed(inbox: asyncio.Queue[tuple[str, Event]], listener: Listener) -> None:
    while True:
        run, event = await inbox.get()
        try:
            if asyncio.iscoroutinefunction(listener):
                await listener(run, event)
            else:
                await asyncio.to_thread(listener, run, event)
        except Exception:
            log.exception("a listener failed on %s of run %s", event.type, run)


def is_chain_error(event: Event) -> bool:
    return event.type is EventType.CHAIN_FINISHED and event.data.get("status") == "FAILED"


def is_node_error(event: Event) -> bool:
    return event.type is EventType.NODE_FINISHED and event.data.get("status") == "FAILED"


def is_output(event: Event) -> bool:
    return event.type is EventType.NODE_OUTPUT
