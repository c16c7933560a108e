"""Threads for `def` nodes. A thread can't be killed (SEMANTICS 19), so they are daemons: one that
never returns keeps its place in the pool, and does not keep the process from ending."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any

_Job = tuple[Callable[[], Any], contextvars.Context, asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class ThreadPool:
    """At most `size` threads, made when they are first needed."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._threads = 0
        self._idle = 0
        self._lock = threading.Lock()

    def submit(self, function: Callable[[], Any]) -> asyncio.Future[Any]:
        """Run in a thread, with a copy of the caller's context variables."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        with self._lock:
            if self._idle <= 0 and self._threads < self._size:
                self._threads += 1
                threading.Thread(target=self._work, name="tinyflow-node", daemon=True).start()
            else:
                self._idle -= 1
        self._jobs.put((function, contextvars.copy_context(), loop, future))
        return future

    def close(self) -> None:
        """Let the idle threads go; a busy one goes when its function returns."""
        with self._lock:
            for _ in range(self._threads):
                self._jobs.put(None)
            self._threads = 0

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            function, context, loop, future = job
            result: Any = None
            error: BaseException | None = None
            try:
                if not future.cancelled():  # nobody wants it any more
                    result = context.run(function)
            except StopIteration as e:  # a future can't carry it
                error = RuntimeError(f"StopIteration left the node: {e}")
            except BaseException as e:  # noqa: BLE001  it is raised where the result is awaited
                error = e
            with self._lock:
                self._idle += 1
            try:
                loop.call_soon_threadsafe(_deliver, future, result, error)
            except RuntimeError:
                return  # the loop is closed: nobody waits for the result any more
            del job, function, context, future, result, error


def _deliver(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
