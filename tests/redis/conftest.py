"""What the tests of the Redis store share: a store, a chain, and a proxy that loses answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, ChainExecutor, connect
from tinyflow_nb.clock import SystemClock
from tinyflow_nb.model.commit import Commit, NewRun, Settle
from tinyflow_nb.model.shape import Shape, shape_of
from tinyflow_nb.model.status import Status
from tinyflow_nb.stores.redis import RedisStore
from tinyflow_nb.trust import UserTrust

LINE = """
async def a(n: int) -> int:
    return n + 1

async def b(a: int) -> int:
    return a + 1

async def c(b: int) -> int:
    return b + 1
"""


class Bench:
    """Stores and executors on one address, closed at the end of the test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.line = ChainDefinition.from_source(LINE, "line")
        self.shape: Shape = shape_of(self.line)

    async def store(self, address: str, **options: Any) -> RedisStore:
        store = RedisStore(
            address, options.pop("clock", SystemClock()), retention=options.pop("retention", 1000.0)
        )
        await store.start(self._stack)
        await store.put(self.line, UserTrust().sign(self.line))
        return store

    async def executor(self, address: str, **options: Any) -> ChainExecutor:
        executor = connect(address, scheduler="local", **options)
        return await self._stack.enter_async_context(executor)

    def new(self, run: str, **options: Any) -> NewRun:
        return NewRun(run, self.line.hash, "line@1", '{"n":1}', worker="w", want=9, **options)

    def done(self, claim: Any, value: str = "1") -> Commit:
        arrivals = self.shape.nodes[claim.unit].done
        step = Settle("settle", claim.unit, claim.token, Status.SUCCEEDED, value, None, arrivals)
        return Commit(claim.run, claim.generation, (step,), "w", 9)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        yield Bench(stack)


@pytest.fixture
def address(redis_server: Any) -> str:
    redis_server.ask("FLUSHALL")
    return str(redis_server.address)


class Proxy:
    """Between a store and its server. While `deaf_after` is 0 it passes everything on; with n, the
    n-th request from then on reaches the server, and its answer is lost with the connection. The next
    `loading` requests are answered as by a server that reads its file."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._writers: list[asyncio.StreamWriter] = []
        self.deaf_after = 0
        self.lost = 0
        self.loading = 0

    async def start(self, stack: AsyncExitStack) -> str:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        stack.push_async_callback(self._close, server)
        return f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._writers += (writer, to_server)
        back = asyncio.ensure_future(self._pass_on(from_server, writer))
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if self.loading:
                    self.loading -= 1
                    writer.write(b"-LOADING Redis is loading the dataset in memory\r\n")
                    continue
                to_server.write(data)
                if self.deaf_after:
                    self.deaf_after -= 1
                    if self.deaf_after == 0:
                        back.cancel()
                        await asyncio.gather(back, return_exceptions=True)
                        await from_server.read(65_536)  # it was carried out
                        self.lost += 1
                        break
        writer.close()
        to_server.close()
        back.cancel()

    @staticmethod
    async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)


@pytest.fixture
async def proxy(redis_server: Any) -> AsyncIterator[Callable[..., Any]]:
    """`proxy, address = await proxy()`"""
    async with AsyncExitStack() as stack:

        async def make() -> tuple[Proxy, str]:
            redis_server.ask("FLUSHALL")
            proxy = Proxy(redis_server.port)
            return proxy, await proxy.start(stack)

        yield make
