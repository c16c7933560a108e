"""What every test may rely on: settings and a store of its own, and a patient `wait_until`."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
from collections.abc import Awaitable, Callable
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
