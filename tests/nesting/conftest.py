"""Stores that several executors share, as several processes would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb.clock import SystemClock
from tinyflow_nb.stores.memory import MemoryStore
from tinyflow_nb.stores.redis import RedisStore
from tinyflow_nb.stores.sqlite import SqliteStore
from tinyflow_nb.testing.contract.house import House


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    clock = SystemClock()
    memory = MemoryStore(clock)
    factories: dict[str, Any] = {
        "memory": lambda clock: memory,
        "sqlite": lambda clock: SqliteStore(str(tmp_path / "runs.db"), clock),
    }
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
        server.ask("FLUSHALL")
        factories["redis"] = lambda clock: RedisStore(server.address, clock, retention=604_800.0)
    async with AsyncExitStack() as stack:
        yield House(factories[request.param], clock, stack)
