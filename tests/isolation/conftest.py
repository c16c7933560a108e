"""An executor whose cells' functions run in child processes."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest

from tinyflow_nb import ChainCancelled, ChainDefinition, ChainExecutor, ChainFailed, ChainState, connect
from tinyflow_nb.settings import IsolateSettings, get_settings

MEMORY = 192 * 1024 * 1024

Open = Callable[..., Awaitable[ChainExecutor]]


def define(source: str, name: str = "demo") -> ChainDefinition:
    return ChainDefinition.from_source(textwrap.dedent(source), name)


@pytest.fixture
async def isolated() -> AsyncIterator[Open]:
    """`executor = await isolated(capacity=4, ...)`"""
    async with AsyncExitStack() as stack:

        async def open_(*, capacity: int = 4, address: str = "memory://", **options: Any) -> ChainExecutor:
            isolate = IsolateSettings(on=True, memory=MEMORY)
            settings = get_settings().model_copy(
                update={"isolate": isolate, "max_concurrent_nodes": capacity}
            )
            return await stack.enter_async_context(connect(address, settings=settings, **options))

        yield open_


async def ends(executor: ChainExecutor, source: str, inputs: Any = None) -> ChainState:
    """Run a cell to its end, whatever end that is."""
    run = await executor.execute_async(define(source), inputs)
    with suppress(ChainFailed, ChainCancelled):
        await executor.wait(run, timeout=60)
    return await executor.state(run)
