"""A store that something can be done to at named points: around each of its operations."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import wraps
from typing import Any

OPERATIONS = ("put", "create", "commit", "claim", "append_chunks", "publish", "delete", "expire")
"""Each has two points: `commit.before`, when nothing has happened yet, and `commit.after`, when it has
and its caller does not know."""


class FaultInjector:
    """Wraps a store; it is the same port, so an executor takes it for one."""

    def __init__(self, store: Any, act: Callable[[str], None]) -> None:
        """
        Args:
            store: a StateStore and DefinitionStore.
            act: called with the name of each point that is passed; it may raise, or end the process.
        """
        self._store = store
        self._act = act

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in OPERATIONS:
            return found

        @wraps(found)
        async def passing(*args: Any, **kwargs: Any) -> Any:
            self._act(f"{name}.before")
            result = await found(*args, **kwargs)
            self._act(f"{name}.after")
            return result

        return passing


def kill_at(point: str, time: int = 1) -> Callable[[str], None]:
    """What kills this process, with no chance to clean up, the `time`-th time it passes a point."""
    passed = 0

    def act(name: str) -> None:
        nonlocal passed
        if name == point:
            passed += 1
            if passed == time:
                os.kill(os.getpid(), signal.SIGKILL)

    return act
