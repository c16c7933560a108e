"""What is sent to RocketMQ and what is taken from it."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from tinyflow_nb.schedulers.rocketmq_client import Client, Renewed

AWAIT_SECONDS = 5
"""A receive waits so long on the server; the least it allows."""
INVISIBLE_SECONDS = 30
"""A message taken and not acknowledged comes back to anybody after that."""

Message = Any
"""rocketmq.Message: `topic`, `body`, `tag`, `message_id`."""


class Outbox:
    """Sends."""

    def __init__(self, client: Client, topics: tuple[str, ...]) -> None:
        self._client = client
        self._topics = tuple(map(client.name, topics))
        self._producer = Renewed(self._build)
        settings = client.settings
        self._patience = settings.max_attempts * settings.send_timeout + 1.0

    async def open(self) -> None:
        """Raises MissingExtra."""
        await self._producer.at_hand()

    async def send(
        self, topic: str, body: bytes, tag: str = "", at: int | None = None, key: str = ""
    ) -> None:
        """Raises whatever the client does; then it may have been sent all the same.

        Args:
            at: Unix seconds, for a topic of delays.
            key: what the message is about; the servers find it by that.
        """
        message = (await self._client.library()).Message()
        message.topic, message.body = self._client.name(topic), body
        if tag:
            message.tag = tag
        if key:
            message.keys = key
        if at is not None:
            message.delivery_timestamp = at
        await self._producer.call(message.topic, lambda part: part.send_async(message), self._patience)

    async def close(self) -> None:
        await self._producer.close()

    async def _build(self) -> Any:
        library = await self._client.library()
        most = self._client.settings.max_attempts

        class Producer(library.Producer):  # type: ignore[name-defined, misc]
            def reset_setting(self, settings: Any) -> None:
                """The server says how often to try; the client itself can't be told."""
                settings.backoff_policy.max_attempts = most
                super().reset_setting(settings)

        configuration = await self._client.configuration()
        return Producer(configuration, self._topics, tls_enable=self._client.settings.tls)


class Inbox:
    """Messages of one topic with one tag, or any (`*`), for one group."""

    def __init__(self, client: Client, topic: str, group: str, tag: str) -> None:
        self.topic = topic
        self._client = client
        self._topic, self._group, self._tag = client.name(topic), client.name(group), tag
        self._consumer = Renewed(self._build)
        self._receiving: set[asyncio.Task[list[Message]]] = set()
        # a receive that gives nothing by then, not even an error, was lost by the client
        self._patience = AWAIT_SECONDS + client.settings.send_timeout + 2.0

    async def receive(self, most: int) -> list[Message]:
        """Waits a while for one. Raises whatever the client does.

        Cancelled, it leaves what it takes to `last`: the server has handed it out.
        """
        receiving: asyncio.Task[list[Message]] = asyncio.get_running_loop().create_task(
            self._consumer.call(
                self._topic, lambda part: part.receive_async(most, INVISIBLE_SECONDS), self._patience
            )
        )
        self._receiving.add(receiving)
        try:
            messages = await asyncio.shield(receiving)
        except Exception:
            self._receiving.discard(receiving)
            raise
        self._receiving.discard(receiving)
        return messages

    async def ack(self, messages: Sequence[Message]) -> None:
        """In one request. Raises whatever the client does.

        Args:
            messages: of one receive.
        """
        protocol = importlib.import_module("rocketmq.grpc_protocol")
        settings = self._client.settings
        request = protocol.AckMessageRequest()
        request.group.name, request.topic.name = self._group, self._topic
        request.group.resource_namespace = request.topic.resource_namespace = settings.namespace
        for message in messages:
            request.entries.add(message_id=message.message_id, receipt_handle=message.receipt_handle)

        def ask(part: Any) -> Future[Any]:
            place, timeout = messages[0].endpoints, settings.send_timeout
            answer: Future[Any] = part.rpc_client.ack_message_async(
                place, request, metadata=part.sign(), timeout=timeout
            )
            return answer

        await self._consumer.call(self._topic, ask, settings.send_timeout + 1.0)

    async def last(self) -> list[list[Message]]:
        """What cancelled receives have taken; waits for it."""
        receiving, self._receiving = self._receiving, set()
        if receiving:
            await asyncio.wait(receiving, timeout=self._patience)
        return [task.result() for task in receiving if task.done() and not task.exception()]

    async def close(self) -> None:
        await self._consumer.close()

    async def _build(self) -> Any:
        library = await self._client.library()
        return library.SimpleConsumer(
            await self._client.configuration(), self._group,
            {self._topic: library.FilterExpression(self._tag)},
            await_duration=AWAIT_SECONDS, tls_enable=self._client.settings.tls,
        )  # fmt: skip
