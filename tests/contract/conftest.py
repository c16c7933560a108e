"""Our stores, as the contract suite is given them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb.ports import Clock
from tinyflow_nb.stores.memory import MemoryStore
from tinyflow_nb.stores.redis import RedisStore
from tinyflow_nb.stores.sqlite import SqliteStore
from tinyflow_nb.testing.contract.fixtures import *  # noqa: F403

STORES = ("memory", "sqlite", "sqlite-full", "redis", "redis-cluster")
SERVERS = {"redis": "redis_server", "redis-cluster": "redis_cluster"}


@pytest.fixture(params=STORES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store_factory(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Clock], Any]:
    if kind == "memory":
        seen_by_all: list[MemoryStore] = []

        def memory(clock: Clock) -> MemoryStore:
            seen_by_all.append(seen_by_all[0] if seen_by_all else MemoryStore(clock))
            return seen_by_all[0]

        return memory
    if kind in SERVERS:
        server = request.getfixturevalue(SERVERS[kind])
        server.ask("FLUSHALL")
        return lambda clock: RedisStore(server.address, clock, retention=604_800.0)
    return lambda clock: SqliteStore(str(tmp_path / "runs.db"), clock, full=kind == "sqlite-full")
