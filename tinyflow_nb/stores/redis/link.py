"""Link: one connection to one Redis server, with any number of calls on their way at once.

What is called in one turn of the event loop is sent together, answers come in the order of the
calls, and nobody waits for a connection.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 15.0
"""A server that owes an answer and says nothing for so long is given up."""

TOGETHER = 16
"""Calls sent as one, at most: the server works on them while the others are being made."""

Answer = Any
"""str, int, None, a list of these, or an exception of hiredis."""


class LinkLost(Exception):
    """The connection broke; whether the call was carried out is not known."""


def new_reader() -> hiredis.Reader:
    return hiredis.Reader(encoding="utf-8", errors="surrogatepass")


def pack(command: tuple[Any, ...]) -> bytes:
    """Any text a JSON value may hold, half a surrogate pair too."""
    try:
        return hiredis.pack_command(command)  # type: ignore[no-any-return]
    except UnicodeEncodeError:
        encoded: Any = tuple(c.encode(errors="surrogatepass") if isinstance(c, str) else c for c in command)
        return hiredis.pack_command(encoded)  # type: ignore[no-any-return]


class Link(asyncio.Protocol):
    def __init__(self, heard: Callable[[list[Any]], None] | None = None) -> None:
        """
        Args:
            heard: called with each published message; the link is then for subscribing only.
        """
        self._reader = new_reader()
        self._heard = heard
        self._waiting: deque[asyncio.Future[Answer]] = deque()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._last = 0.0
        self._watchdog: asyncio.TimerHandle | None = None
        self.alive = True

    @classmethod
    async def open(
        cls, host: str, port: int, *, tls: ssl.SSLContext | None, greeting: list[tuple[str, ...]],
        heard: Callable[[list[Any]], None] | None = None,
    ) -> Link:  # fmt: skip
        """
        Args:
            greeting: commands sent first, as one; an error answer to any of them is raised.

        Raises:
            LinkLost, OSError, TimeoutError, hiredis.HiredisError
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_SECONDS):
            _, link = await loop.create_connection(lambda: cls(heard), host, port, ssl=tls)
            try:
                for answer in [link.call(*command) for command in greeting]:
                    reply = await answer
                    if isinstance(reply, Exception):
                        raise reply
            except BaseException:
                link.close()
                raise
        return link

    def call(self, *command: Any) -> asyncio.Future[Answer]:
        """The answer, an error among them as a value; LinkLost if none comes."""
        future: asyncio.Future[Answer] = self._loop.create_future()
        if not self.alive:
            future.set_exception(LinkLost("the connection is closed"))
            return future
        packed = pack(command)
        self._out.append(packed)
        self._waiting.append(future)
        if len(self._waiting) == 1 or len(self._out) == TOGETHER:
            self._send()  # alone on its way, it need not wait for company
        elif len(self._out) == 1:
            self._loop.call_soon(self._send)
        return future

    def _send(self) -> None:
        out, self._out = self._out, []
        if not out or self._transport is None or self._transport.is_closing():
            return
        if len(self._waiting) == len(out):  # it owed nothing until now
            self._last = self._loop.time()
        if self._watchdog is None and self._heard is None:
            self._watchdog = self._loop.call_later(SILENCE_SECONDS, self._check)
        self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _check(self) -> None:
        self._watchdog = None
        if not self._waiting or self._transport is None:
            return
        silent = self._loop.time() - self._last
        if silent >= SILENCE_SECONDS:
            self._transport.abort()
        else:
            self._watchdog = self._loop.call_later(SILENCE_SECONDS - silent, self._check)

    def close(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------------ what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._last = self._loop.time()
        reader = self._reader
        waiting = self._waiting
        try:
            reader.feed(data)
            while (answer := reader.gets()) is not False:
                if self._heard is not None and isinstance(answer, list) and answer[0] == "message":
                    self._heard(answer)
                elif waiting:
                    future = waiting.popleft()
                    if not future.done():
                        future.set_result(answer)
        except hiredis.ProtocolError as e:
            assert self._transport is not None
            self._transport.abort()
            self.connection_lost(e)

    def connection_lost(self, exc: Exception | None) -> None:
        self.alive = False
        if self._watchdog is not None:
            self._watchdog.cancel()
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(LinkLost(str(exc) if exc else "the server closed the connection"))
