"""House: one store under test, and any number of executors on it, as processes would be."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from tinyflow_nb.engine.executor import ChainExecutor
from tinyflow_nb.engine.node_types import installed
from tinyflow_nb.errors import ChainCancelled, ChainFailed
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.state import ChainState
from tinyflow_nb.ports import Clock
from tinyflow_nb.schedulers.local import LocalScheduler

StoreFactory = Callable[[Clock], Any]

LEASE = 600.0
"""Seconds, far longer than a test waits: what an executor did not do in time, no expired lease and no look
through the outbox, twice a lease, makes up for."""


@functools.cache
def define(source: str, name: str = "demo") -> ChainDefinition:
    return ChainDefinition.from_source(textwrap.dedent(source), name=name)


class House:
    def __init__(self, store_factory: StoreFactory, clock: Clock, stack: AsyncExitStack) -> None:
        """
        Args:
            store_factory: see `contract.stores`.
            stack: closed at the end of the test.
        """
        self.clock: Any = clock
        self.define = define
        self._store_factory = store_factory
        self._stack = stack

    def store(self) -> Any:
        """As another process would open it."""
        return self._store_factory(self.clock)

    async def open(
        self, *, overrides: Mapping[str, Callable[..., Any]] | None = None,
        wrap: Callable[[Any], Any] = lambda store: store, **options: Any,
    ) -> ChainExecutor:  # fmt: skip
        """An executor on the store; `wrap` goes around the store."""
        options.setdefault("lease", LEASE)
        store = wrap(self.store())
        executor = ChainExecutor(
            store, store, options.pop("scheduler", None) or LocalScheduler(self.clock),
            nodes=options.pop("nodes", installed()), clock=self.clock, overrides=overrides, **options,
        )  # fmt: skip
        return await self._stack.enter_async_context(executor)

    async def bare_store(self) -> Any:
        """The store as a port, opened."""
        store = self.store()
        await store.start(self._stack)
        return store

    async def ends(
        self, source: str, inputs: Mapping[str, Any] | None = None, *,
        overrides: Mapping[str, Callable[..., Any]] | None = None, **options: Any,
    ) -> ChainState:  # fmt: skip
        """Run a cell to its end, whatever end that is."""
        executor = await self.open(overrides=overrides, **options)
        run = await executor.execute_async(define(source), inputs)
        return await ended(executor, run)


async def ended(executor: ChainExecutor, run: str) -> ChainState:
    """Wait for any end."""
    try:
        result = await executor.wait(run, timeout=60)
    except (ChainFailed, ChainCancelled):
        return await executor.state(run)
    state = await executor.state(run)
    assert state.result == result, "wait() and state() must agree on the result"
    return state


class Counted:
    """A store that counts calls, and the commits it refused."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.calls: list[str] = []
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name in ("start", "now", "renew", "watch") or not callable(found):
            return found

        async def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            result = await found(*args, **kwargs)
            if name == "commit" and result is None:
                self.refused += 1
            return result

        return counted
