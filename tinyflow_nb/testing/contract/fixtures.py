"""What the tests of a store and of a scheduler are given."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from tinyflow_nb.clock import ManualClock, SystemClock
from tinyflow_nb.model.events import Event
from tinyflow_nb.testing.contract.house import Counted, House, StoreFactory, ended

__all__ = ["all_events", "brief", "counted", "finish", "house", "own_user", "still", "wait_until"]


@pytest.fixture(autouse=True)
def own_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees or changes the user's settings or keys."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user-data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user-config"))


@pytest.fixture
async def house(store_factory: StoreFactory) -> AsyncIterator[House]:
    """On the system's clock."""
    async with AsyncExitStack() as stack:
        yield House(store_factory, SystemClock(), stack)


@pytest.fixture
async def still(store_factory: StoreFactory) -> AsyncIterator[House]:
    """On a clock that only the test moves: `still.clock.advance(seconds)`."""
    async with AsyncExitStack() as stack:
        yield House(store_factory, ManualClock(), stack)


@pytest.fixture
def finish() -> Callable[..., Any]:
    """`state = await finish(executor, run)`: wait for any end."""
    return ended


@pytest.fixture
def counted() -> type[Counted]:
    return Counted


@pytest.fixture
def brief() -> Callable[[list[Event]], list[str]]:
    """Events as short words: `a.started`, `chain.finished`."""
    return lambda events: [f"{e.node}.{e.type.partition('.')[2]}" if e.node else str(e.type) for e in events]


@pytest.fixture
def all_events() -> Callable[..., Any]:
    async def read(executor: Any, run: str, after: int = 0) -> list[Event]:
        return [event async for event in executor.events(run, after)]

    return read


class WaitUntil(Protocol):
    async def __call__(
        self, predicate: Callable[[], Any | Awaitable[Any]], timeout: float = 60.0, every: float = 0.01
    ) -> Any: ...


@pytest.fixture
def wait_until() -> WaitUntil:
    """`value = await wait_until(predicate)`: the first true value, or a failure after `timeout` seconds."""

    async def wait(
        predicate: Callable[[], Any | Awaitable[Any]], timeout: float = 60.0, every: float = 0.01
    ) -> Any:
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while True:
            value = predicate()
            if inspect.isawaitable(value):
                value = await value
            if value:
                return value
            if loop.time() > end:
                pytest.fail(f"not true within {timeout:g} s: {inspect.getsource(predicate).strip()}")
            await asyncio.sleep(every)

    return wait
