"""What every test may rely on: settings and a store of its own, and a patient `wait_until`."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import inspect
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

WHEEL_UNDER_TEST = os.environ.get("WHEEL_UNDER_TEST", "")
"""Where `make test` installed the built wheel: then nothing may come from the working tree."""


def package_folder() -> Path:
    spec = importlib.util.find_spec("tinyflow_nb.errors")
    if spec is None or spec.origin is None:
        raise pytest.UsageError("tinyflow_nb is not installed: `make setup` does it")
    return Path(spec.origin).parent


def pytest_configure() -> None:
    folder = package_folder()
    if WHEEL_UNDER_TEST and not folder.is_relative_to(WHEEL_UNDER_TEST):
        raise pytest.UsageError(f"tinyflow_nb comes from {folder}, not from the wheel in {WHEEL_UNDER_TEST}")


def pytest_report_header() -> str:
    return f"tinyflow_nb: {package_folder()}"


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees or changes the user's settings, runs or keys; child processes inherit this."""
    for name in list(os.environ):
        if name.startswith("TINYFLOW_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user-data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user-config"))
    monkeypatch.setenv("TINYFLOW_STORE", f"sqlite:///{tmp_path / 'runs.db'}")


class RedisServer:
    """A real redis-server of this test session's own, on a free loopback port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.address = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder), "--save", ""]
        self._process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if self.ask(b"PING") == b"+PONG":
                    return
            time.sleep(0.02)
        raise pytest.fail.Exception("redis-server does not start")

    def ask(self, *command: bytes) -> bytes:
        """The first line of the answer to a command."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b" ".join(command) + b"\r\n")
            return connection.recv(65_536).partition(b"\r\n")[0]

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None:
        told = "redis-server is missing: apt-get install redis-server"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


class WaitUntil(Protocol):
    async def __call__(
        self, predicate: Callable[[], Any | Awaitable[Any]], timeout: float = 10.0, every: float = 0.01
    ) -> Any: ...


@pytest.fixture
def wait_until() -> WaitUntil:
    """`value = await wait_until(predicate)`: the first true value, or a failure after `timeout` seconds."""

    async def wait(
        predicate: Callable[[], Any | Awaitable[Any]], timeout: float = 10.0, every: float = 0.01
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
