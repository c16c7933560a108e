"""RocketMQ's client for asyncio: its blocking calls beside the loop, its loggers kept quiet, its parts
built anew when the server was away."""

from __future__ import annotations

import asyncio
import importlib
import logging
import threading
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from types import ModuleType
from typing import Any, TypeVar

from tinyflow_nb.errors import MissingExtra, SettingsError
from tinyflow_nb.settings import RocketMQSettings

log = logging.getLogger(__name__)

T = TypeVar("T")
TROUBLES = 3
"""Failed calls in a row until a part is built anew: an untouched one hears nothing for minutes after the
server was away."""
PAUSE_SECONDS = 1.0
"""Between two times that a part is built anew."""
SETTINGS_SECONDS = 3.0
"""For the server to take a new part's settings."""
END_SECONDS = 10.0
"""For what a part has under way, and again for its end."""


def endpoints_of(address: str) -> tuple[str, str, str]:
    """(endpoints, access key, secret key) of `rocketmq://[key:secret@]host:port[;host:port]`.

    Raises:
        SettingsError
    """
    kind, _, rest = address.partition("://")
    credentials, _, places = rest.rpartition("@")
    key, _, secret = credentials.partition(":")
    hosts = []
    for place in places.split(";"):
        host, _, port = place.rpartition(":")
        if kind != "rocketmq" or not host or not port.isdigit():
            told = f"rocketmq://{places}: use rocketmq://[key:secret@]host:8081[;host:8081]"
            raise SettingsError(told)
        hosts.append(host)
    if len(hosts) > 1 and not all(host.replace(".", "").isdigit() for host in hosts):
        raise SettingsError(
            f"rocketmq://{places}: several addresses must be numbers; of names its client takes one"
        )
    return places, key, secret


class Client:
    """What a producer and consumers of one process share."""

    def __init__(self, address: str, settings: RocketMQSettings) -> None:
        """
        Args:
            address: `rocketmq://...`, or `rocketmq`: the endpoints of the settings.

        Raises:
            SettingsError
        """
        if "://" not in address:
            if not settings.endpoints:
                raise SettingsError(
                    "scheduler 'rocketmq' has no address: set rocketmq.endpoints to host:8081"
                )
            address = f"rocketmq://{settings.endpoints}"
        self.endpoints, key, secret = endpoints_of(address)
        self._credentials = (
            (key, secret) if key else (settings.access_key, settings.secret_key.get_secret_value())
        )
        self.settings = settings
        self._library: ModuleType | None = None

    def name(self, name: str) -> str:
        """A topic or group as the server knows it."""
        return self.settings.topic_prefix + name

    async def library(self) -> ModuleType:
        """Raises MissingExtra."""
        if self._library is None:
            self._library = await aside(_load)
        return self._library

    async def configuration(self) -> Any:
        library = await self.library()
        return library.ClientConfiguration(
            self.endpoints, library.Credentials(*self._credentials), self.settings.namespace,
            self.settings.send_timeout,
        )  # fmt: skip


class Part:
    """A producer or a consumer of the library's, and what it has under way."""

    def __init__(self, part: Any) -> None:
        self.part = part
        self._at_hand: set[str] = set()
        """Topics whose route it has: a call for another one asks the server for it, and blocks."""
        self.under_way: set[asyncio.Task[Any]] = set()

    async def call(self, topic: str, call: Callable[[Any], Future[T]], timeout: float) -> T:
        """What a call of the library's gives that answers with a future.

        Cancelled, or too late, it goes on: the library fails on a future that was cancelled, and
        forgets others.

        Raises:
            TimeoutError
            Exception: whatever the client raises.
        """
        task = asyncio.get_running_loop().create_task(self._answer(topic, call))
        self.under_way.add(task)
        task.add_done_callback(self._done)
        async with asyncio.timeout(timeout):
            return await asyncio.shield(task)

    async def _answer(self, topic: str, call: Callable[[Any], Future[T]]) -> T:
        if topic in self._at_hand:
            return await asyncio.wrap_future(call(self.part))
        answer = await asyncio.wrap_future(await aside(call, self.part))
        self._at_hand.add(topic)
        return answer

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.under_way.discard(task)
        if not task.cancelled():
            task.exception()  # seen: its caller may be gone

    async def end(self) -> None:
        """Once what is under way is over: else that would never get an answer."""
        if self.under_way:
            await asyncio.wait(self.under_way, timeout=END_SECONDS)
        for task in list(self.under_way):
            task.cancel()
        try:
            async with asyncio.timeout(END_SECONDS):
                await aside(self.part.shutdown)
        except Exception:  # it says so of one that lost its server; there is nothing left to end then
            log.debug("the RocketMQ client did not end in order", exc_info=True)


class Renewed:
    """A part that is built anew when calls fail in a row; what the old one still does is waited for."""

    def __init__(self, build: Callable[[], Awaitable[Any]]) -> None:
        """
        Args:
            build: makes a part of the library's; it is started here.
        """
        self._build = build
        self._part: Part | None = None
        self._at_work: set[asyncio.Task[Any]] = set()
        """Builds a part, or ends an old one."""
        self._built_at = 0.0
        self._failed = 0
        self._lock = asyncio.Lock()

    async def call(self, topic: str, call: Callable[[Any], Future[T]], timeout: float) -> T:
        """As Part.call."""
        part = await self.at_hand()
        try:
            answer = await part.call(topic, call, timeout)
        except Exception:
            if part is self._part:
                self._failed += 1
            raise
        if part is self._part:
            self._failed = 0
        return answer

    async def at_hand(self) -> Part:
        if self._part is not None and not self._worn:
            return self._part
        renewing = asyncio.get_running_loop().create_task(self._renew())
        self._at_work.add(renewing)
        renewing.add_done_callback(self._at_work.discard)
        return await asyncio.shield(renewing)  # left alone it would go on without anybody to end it

    @property
    def _worn(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._failed >= TROUBLES and now - self._built_at >= PAUSE_SECONDS

    async def _renew(self) -> Part:
        async with self._lock:
            if self._part is None or self._worn:
                new = Part(await self._build())
                await aside(_start, new.part)
                self._leave()
                self._part, self._failed = new, 0
                self._built_at = asyncio.get_running_loop().time()
            return self._part

    def _leave(self) -> None:
        if self._part is not None:
            ending = asyncio.get_running_loop().create_task(self._part.end())
            self._at_work.add(ending)
            ending.add_done_callback(self._at_work.discard)
            self._part = None

    async def close(self) -> None:
        """Raises nothing: what could not even be built is told to who called it."""
        await asyncio.gather(*self._at_work, return_exceptions=True)
        self._leave()
        await asyncio.gather(*self._at_work, return_exceptions=True)


def told(error: BaseException) -> str:
    """In one line: a remote call's failure prints as five."""
    details = getattr(error, "details", None)
    return str((details() if callable(details) else None) or error or type(error).__name__)


async def aside(call: Callable[..., T], *args: Any) -> T:
    """In a thread of its own; one that never returns does not keep the process from ending."""
    answer: Future[T] = Future()
    answer.set_running_or_notify_cancel()  # from here on nobody can cancel it

    def run() -> None:
        try:
            result = call(*args)
        except BaseException as e:  # noqa: BLE001  it is raised where the result is awaited
            answer.set_exception(e)
        else:
            answer.set_result(result)

    threading.Thread(target=run, name="tinyflow-rocketmq", daemon=True).start()
    return await asyncio.wrap_future(answer)


def _start(part: Any) -> None:
    part.startup()
    if part.route_manager.get_all_endpoints():  # it answers: a receive before it has our settings fails
        part._init_settings_event.wait(SETTINGS_SECONDS)


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
    logging.getLogger("concurrent.futures").addFilter(_is_not_theirs)  # no filter is added twice
    return library


def _is_not_theirs(record: logging.LogRecord) -> bool:
    """A failed heartbeat of the library's is raised where nobody can catch it."""
    error = record.exc_info[1] if record.exc_info else None
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    return not any("/rocketmq/" in frame.filename for frame in frames)
