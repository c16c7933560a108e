"""A plugin for nbval, which by itself waits five seconds for an output of a cell that has ended."""

from __future__ import annotations

import pytest

OUTPUT_SECONDS = 60


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for cell in items:
        cell.output_timeout = OUTPUT_SECONDS
