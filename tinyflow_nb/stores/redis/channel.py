"""Channel: calls to one Redis server, those of one turn of the event loop in one round trip.

The connections are redis-py's: what it knows of addresses, TLS, users and Sentinels is not repeated here.
Its own pipelines cost several times the processor time of the calls in them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import hiredis
from redis.asyncio import Connection
from redis.exceptions import AuthenticationError, BusyLoadingError, ResponseError

log = logging.getLogger(__name__)

SILENCE_SECONDS = 15.0
"""A server that owes answers for so long is given up."""
TOGETHER = 16
"""Calls sent as one, at most: the server works on them while the others are being made."""
CONNECTIONS = 3
REPLICAS_SECONDS = 1.0
"""How long a change waits for replicas to have it."""

ANSWERS = (ResponseError, BusyLoadingError, AuthenticationError)
"""What a server answers when it does not do what it was asked. After others it may have been done."""
Answer = Any
"""str, int, None, or a list of these."""


def pack(command: tuple[Any, ...]) -> bytes:
    """Any text a JSON value may hold, half a surrogate pair too."""
    try:
        return hiredis.pack_command(command)  # type: ignore[no-any-return]
    except UnicodeEncodeError:
        encoded: Any = tuple(c.encode(errors="surrogatepass") if isinstance(c, str) else c for c in command)
        return hiredis.pack_command(encoded)  # type: ignore[no-any-return]


ASKING = pack(("ASKING",))


class _Call(NamedTuple):
    packed: bytes
    asking: bool
    future: asyncio.Future[Answer]


class Channel:
    def __init__(self, connect: Callable[[], Connection], wait_replicas: int = 0) -> None:
        """
        Args:
            connect: makes a connection, which is opened here.
            wait_replicas: how many replicas shall have a change before its answer is given.
        """
        self._idle = [connect() for _ in range(CONNECTIONS)]
        self._connections = tuple(self._idle)
        self._calls: deque[_Call] = deque()
        self._sending: set[asyncio.Task[None]] = set()
        self._starting = False
        self._wait_replicas = wait_replicas
        self._wait = pack(("WAIT", wait_replicas, int(REPLICAS_SECONDS * 1000))) if wait_replicas else b""

    async def call(self, command: tuple[Any, ...], *, asking: bool = False) -> Answer:
        """
        Args:
            asking: a cluster's node gets the key's slot just now, and was named by the one that gives it.

        Raises:
            RedisError, OSError: ANSWERS among them.
        """
        call = _Call(pack(command), asking, asyncio.get_running_loop().create_future())
        if len(self._idle) == CONNECTIONS:  # alone on its way, it need not wait for company
            connection = self._idle.pop()
            try:
                await self._carry(connection, [call])
            finally:
                self._idle.append(connection)
        else:
            self._calls.append(call)
            self._start()
        return await call.future

    def _start(self) -> None:
        """Send from the next turn on: what is called until then goes along."""
        if self._idle and not self._starting:
            self._starting = True
            task = asyncio.get_running_loop().create_task(self._send(self._idle.pop()))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, connection: Connection) -> None:
        self._starting = False
        while self._calls:
            batch = [self._calls.popleft() for _ in range(min(TOGETHER, len(self._calls)))]
            if self._calls:
                self._start()
            await self._carry(connection, batch)
        self._idle.append(connection)

    async def _carry(self, connection: Connection, batch: list[_Call]) -> None:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                await self._exchange(connection, batch)
        except Exception as e:  # noqa: BLE001  who called is told, whatever it is
            await connection.disconnect(nowait=True)
            for call in batch:
                _give(call, e)
        except asyncio.CancelledError:
            await connection.disconnect(nowait=True)
            for call in batch:
                call.future.cancel()
            raise

    async def _exchange(self, connection: Connection, batch: list[_Call]) -> None:
        if connection.is_connected and await connection.can_read():
            await connection.disconnect(nowait=True)  # it was closed over there
        if not connection.is_connected:
            await connection.connect()  # type: ignore[no-untyped-call]
        packed = [ASKING + call.packed if call.asking else call.packed for call in batch]
        await connection.send_packed_command(b"".join([*packed, self._wait]), check_health=False)
        if not self._wait:
            for call in batch:
                _give(call, await _answer(connection, call))
            return
        answers = [await _answer(connection, call) for call in batch]
        self._check_replicas(await connection.read_response())
        for call, answer in zip(batch, answers, strict=True):
            _give(call, answer)

    def _check_replicas(self, count: int) -> None:
        if count < self._wait_replicas:
            log.warning(
                "a change is on %d replicas, not on %d, after %g s", count, self._wait_replicas,
                REPLICAS_SECONDS,
            )  # fmt: skip

    async def close(self) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        for call in self._calls:
            call.future.cancel()
        for connection in self._connections:
            await connection.disconnect(nowait=True)


async def _answer(connection: Connection, call: _Call) -> Answer:
    try:
        if call.asking:
            await connection.read_response(disconnect_on_error=False)
        return await connection.read_response(disconnect_on_error=False)
    except ANSWERS as e:
        return e


def _give(call: _Call, answer: Answer) -> None:
    if call.future.done():
        return
    if isinstance(answer, Exception):
        call.future.set_exception(answer)
    else:
        call.future.set_result(answer)
