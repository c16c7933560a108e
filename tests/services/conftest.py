"""Folders and ports of one test."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest


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
