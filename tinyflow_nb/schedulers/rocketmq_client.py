"""RocketMQ's client for asyncio: its blocking calls on threads, its loggers kept quiet."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import ModuleType
from typing import Any, TypeVar

from tinyflow_nb.errors import MissingExtra, SettingsError

log = logging.getLogger(__name__)

T = TypeVar("T")
THREADS = 6
SEND_SECONDS = 6.0
"""For one message, all the client's attempts included."""
AWAIT_SECONDS = 5
"""A receive waits so long on the server; the least it allows."""
ANSWER_SECONDS = AWAIT_SECONDS + 5
"""A receive that gives nothing by then, not even an error, was lost by the client."""
INVISIBLE_SECONDS = 30
"""A message taken and not acknowledged comes back to anybody after that."""

Message = Any
"""rocketmq.Message: `topic`, `body`, `message_id`."""


def endpoints_of(address: str) -> tuple[str, str, str]:
    """(endpoints, access key, secret key) of `rocketmq://[key:secret@]host:port[;host:port]`.

    Raises:
        SettingsError
    """
    kind, _, rest = address.partition("://")
    credentials, _, places = rest.rpartition("@")
    key, _, secret = credentials.partition(":")
    for place in places.split(";"):
        host, _, port = place.rpartition(":")
        if kind != "rocketmq" or not host or not port.isdigit():
            told = f"rocketmq://{places}: use rocketmq://[key:secret@]host:8081[;host:8081]"
            raise SettingsError(told)
    return places, key, secret


def _load() -> ModuleType:
    try:
        library = importlib.import_module("rocketmq")
    except ImportError as e:
        raise MissingExtra("the RocketMQ scheduler", "fleet") from e
    theirs = logging.getLogger("rocketmq-python-client")
    for handler in list(theirs.handlers):  # a file of 100 MB in the home directory
        theirs.removeHandler(handler)
        handler.close()
    theirs.setLevel(logging.CRITICAL)  # what fails is raised here too, and told by us, once
    return library


class Client:
    """What a producer and consumers of one process share."""

    def __init__(self, address: str) -> None:
        """Raises SettingsError."""
        self.endpoints, self._key, self._secret = endpoints_of(address)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="tinyflow-rocketmq")
        self._library: ModuleType | None = None

    async def library(self) -> ModuleType:
        """Raises MissingExtra."""
        if self._library is None:
            self._library = await self.blocking(_load)
        return self._library

    async def configuration(self) -> Any:
        library = await self.library()
        return library.ClientConfiguration(self.endpoints, library.Credentials(self._key, self._secret))

    async def blocking(self, call: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)

    async def begun(self, call: Callable[..., Future[T]], *args: Any) -> T:
        """What a call gives that answers with a future; the call itself may ask the server, too."""
        answer = asyncio.wrap_future(await self.blocking(call, *args))
        return await asyncio.shield(answer)  # the client fails on a future that was cancelled

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class Outbox:
    """Sends."""

    def __init__(self, client: Client, topics: tuple[str, ...]) -> None:
        self._client = client
        self._topics = topics
        self._producer: Any = None

    async def open(self) -> None:
        library = await self._client.library()
        configuration = await self._client.configuration()
        self._producer = await self._client.blocking(library.Producer, configuration, self._topics)
        await self._client.blocking(self._producer.startup)

    async def send(self, topic: str, body: bytes, at: int | None = None) -> None:
        """Raises whatever the client does; then it may have been sent all the same.

        Args:
            at: Unix seconds, for a topic of delays.
        """
        message = (await self._client.library()).Message()
        message.topic, message.body = topic, body
        if at is not None:
            message.delivery_timestamp = at
        await asyncio.wait_for(self._client.begun(self._producer.send_async, message), SEND_SECONDS)

    async def close(self) -> None:
        if self._producer is not None:
            await self._client.blocking(_end, self._producer)


class Inbox:
    """Messages of one topic, for one group."""

    def __init__(self, client: Client, topic: str, group: str) -> None:
        self._client = client
        self._topic, self._group = topic, group
        self._consumer: Any = None
        self._receiving: asyncio.Future[list[Message]] | None = None

    async def receive(self, most: int) -> list[Message]:
        """Waits a while for one. Raises whatever the client does; a few times in a row: `rebuild`.

        Cancelling leaves what it takes to `close`: the server has handed it out.
        """
        if self._consumer is None:
            await self._build()
        self._receiving = asyncio.ensure_future(
            self._client.begun(self._consumer.receive_async, most, INVISIBLE_SECONDS)
        )
        messages = await asyncio.wait_for(asyncio.shield(self._receiving), ANSWER_SECONDS)
        self._receiving = None
        return messages

    async def ack(self, message: Message) -> None:
        await self._client.blocking(self._consumer.ack, message)

    async def rebuild(self) -> None:
        """An untouched one hears nothing for minutes after the server was away."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await self._client.blocking(_end, consumer)

    async def _build(self) -> None:
        library = await self._client.library()
        topics = {self._topic: library.FilterExpression("*")}
        consumer = library.SimpleConsumer(
            await self._client.configuration(), self._group, topics, await_duration=AWAIT_SECONDS
        )
        await self._client.blocking(consumer.startup)
        self._consumer = consumer

    async def last(self) -> list[Message]:
        """What a cancelled `receive` has taken; waits for it."""
        if self._receiving is None:
            return []
        receiving = self._receiving
        done, _ = await asyncio.wait([receiving], timeout=ANSWER_SECONDS)
        return receiving.result() if done and receiving.exception() is None else []


def told(error: BaseException) -> str:
    """In one line: a remote call's failure prints as five."""
    details = getattr(error, "details", None)
    return str((details() if callable(details) else None) or error or type(error).__name__)


def _end(part: Any) -> None:
    try:
        part.shutdown()
    except Exception:  # it says so of one that lost its server; there is nothing left to end then
        log.debug("the RocketMQ client did not end in order", exc_info=True)
