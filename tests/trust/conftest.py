"""Two users and a store between them."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, ChainExecutor
from tinyflow_nb.clock import SystemClock
from tinyflow_nb.engine.node_types import installed
from tinyflow_nb.language import module
from tinyflow_nb.schedulers.local import LocalScheduler
from tinyflow_nb.settings import TrustSettings
from tinyflow_nb.stores.memory import MemoryStore
from tinyflow_nb.stores.redis import RedisStore
from tinyflow_nb.stores.sqlite import SqliteStore
from tinyflow_nb.trust import UserTrust

HOSTILE = """
from pathlib import Path

folder: str

def _note(word):
    with Path({ledger!r}).open("a") as ledger:
        ledger.write(word)

LOADED = _note("loaded ")

def one(folder: str) -> str:
    _note("executed ")
    return "done"
"""
"""Whoever loads its module leaves a trace, and whoever executes its node another."""


class Ledger:
    """What happened to definitions that must not be touched."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def lines(self) -> list[str]:
        return self.file.read_text().split() if self.file.exists() else []

    def forget(self) -> None:
        """Of what was loaded here until now, nothing is at hand any more."""
        module._modules.clear()
        self.file.unlink(missing_ok=True)

    def source(self) -> str:
        return HOSTILE.format(ledger=str(self.file))

    def define(self, name: str = "evil", change: str = "") -> ChainDefinition:
        """A definition whose making, which loads it, is forgotten."""
        definition = _define(self.source() + change, name)
        self.forget()
        return definition


def _define(source: str, name: str = "demo") -> ChainDefinition:
    return ChainDefinition.from_source(textwrap.dedent(source), name=name)


@pytest.fixture
def define() -> Callable[..., ChainDefinition]:
    return _define


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def user(tmp_path: Path) -> Callable[..., UserTrust]:
    """`alice = user("alice")`: somebody with a key and a list of their own."""

    def make(name: str, **settings: Any) -> UserTrust:
        return UserTrust(TrustSettings(author=f"{name}@there", **settings), tmp_path / f"trust-of-{name}")

    return make


class House:
    """One store, and executors of several users on it."""

    def __init__(self, kind: str, folder: Path, redis: Any, stack: AsyncExitStack) -> None:
        self.kind, self.path, self.redis = kind, folder / "runs.db", redis
        self._memory = MemoryStore()
        self._stack = stack

    def store(self) -> Any:
        if self.kind == "memory":
            return self._memory
        if self.kind == "redis":
            return RedisStore(self.redis.address, SystemClock(), retention=604_800.0)
        return SqliteStore(str(self.path), SystemClock())

    async def open(self, trust: UserTrust, **options: Any) -> ChainExecutor:
        executor = _executor_on(self.store(), trust, **options)
        return await self._stack.enter_async_context(executor)


def _executor_on(store: Any, trust: UserTrust, **options: Any) -> ChainExecutor:
    scheduler = LocalScheduler(SystemClock())
    return ChainExecutor(store, store, scheduler, nodes=installed(), trust=trust, **options)


@pytest.fixture
def executor_on() -> Callable[..., ChainExecutor]:
    return _executor_on


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    redis = None
    if request.param == "redis":
        redis = request.getfixturevalue("redis_server")
        redis.ask("FLUSHALL")
    async with AsyncExitStack() as stack:
        yield House(request.param, tmp_path, redis, stack)
