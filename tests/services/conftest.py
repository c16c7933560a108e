"""The real services: started once per session, in a folder of the session's own, and stopped again."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tinyflow_nb.errors import MissingExtra, ServiceError


class RealServices(NamedTuple):
    redis: str
    rocketmq: str
    folder: Path


@pytest.fixture(scope="session")
def real_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServices]:
    """A real Redis and a real RocketMQ. Where they can't be had the tests are skipped, but fail in CI."""
    folder = tmp_path_factory.mktemp("services")
    try:
        from tinyflow_nb import services

        addresses = services.up(folder=folder)
    except (MissingExtra, ServiceError) as e:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no real Redis and RocketMQ here: {e}")
    yield RealServices(*addresses, folder)
    services.down(folder=folder)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A services' folder of one test; what it started is stopped."""
    from tinyflow_nb import services

    yield tmp_path / "services"
    services.down(folder=tmp_path / "services")


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
