"""One fixture over every store: the contract suite says nothing about which store it is on."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb import ChainCancelled, ChainDefinition, ChainExecutor, ChainFailed, ChainState
from tinyflow_nb.clock import ManualClock, SystemClock
from tinyflow_nb.engine.node_types import installed
from tinyflow_nb.model.events import Event
from tinyflow_nb.ports import Clock
from tinyflow_nb.schedulers.local import LocalScheduler
from tinyflow_nb.stores.memory import MemoryStore
from tinyflow_nb.stores.redis import RedisStore
from tinyflow_nb.stores.sqlite import SqliteStore

STORES = ("memory", "sqlite", "sqlite-full", "redis", "redis-cluster")
REDIS = {"redis": "redis_server", "redis-cluster": "redis_cluster"}


@functools.cache
def define(source: str, name: str = "demo") -> ChainDefinition:
    return ChainDefinition.from_source(textwrap.dedent(source), name=name)


class House:
    """One store of the kind under test, and any number of executors on it, as processes would be."""

    def __init__(
        self, kind: str, folder: Path, clock: Clock, stack: AsyncExitStack, redis: str = ""
    ) -> None:  # fmt: skip
        self.kind = kind
        self._redis = redis
        self.path = folder / "runs.db"
        self.clock: Any = clock
        self._stack = stack
        self._memory = MemoryStore(clock)
        self.define = define

    def store(self) -> Any:
        if self.kind == "memory":
            return self._memory
        if self._redis:
            return RedisStore(self._redis, self.clock, retention=604_800.0)
        return SqliteStore(str(self.path), self.clock, full=self.kind == "sqlite-full")

    async def open(
        self, *, overrides: Mapping[str, Callable[..., Any]] | None = None,
        wrap: Callable[[Any], Any] = lambda store: store, **options: Any,
    ) -> ChainExecutor:  # fmt: skip
        """An executor on the store, closed at the end of the test; `wrap` goes around the store."""
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
    try:
        result = await executor.wait(run, timeout=8)
    except (ChainFailed, ChainCancelled):
        return await executor.state(run)
    state = await executor.state(run)
    assert state.result == result, "wait() and state() must agree on the result"
    return state


async def _house(request: pytest.FixtureRequest, folder: Path, clock: Clock) -> AsyncIterator[House]:
    redis = ""
    if request.param.startswith("redis"):
        server = request.getfixturevalue(REDIS[request.param])
        server.ask("FLUSHALL")
        redis = server.address
    async with AsyncExitStack() as stack:
        yield House(request.param, folder, clock, stack, redis)


@pytest.fixture(params=STORES)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """On the system's clock."""
    async for house in _house(request, tmp_path, SystemClock()):
        yield house


@pytest.fixture(params=STORES)
async def still(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """On a clock that only the test moves: `still.clock.advance(seconds)`."""
    async for house in _house(request, tmp_path, ManualClock()):
        yield house


@pytest.fixture
def finish() -> Callable[..., Any]:
    """`state = await finish(executor, run)`: wait for any end."""
    return ended


class Counted:
    """A store that counts calls, and remembers what commits and claims gave."""

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


@pytest.fixture
def counted() -> type[Counted]:
    return Counted


@pytest.fixture
def brief() -> Callable[[list[Event]], list[str]]:
    """Events as short words: `a.started`, `chain.finished`."""
    return lambda events: [f"{e.node}.{e.type.partition('.')[2]}" if e.node else str(e.type) for e in events]


@pytest.fixture
def all_events() -> Callable[..., Any]:
    async def read(executor: ChainExecutor, run: str, after: int = 0) -> list[Event]:
        return [event async for event in executor.events(run, after)]

    return read
