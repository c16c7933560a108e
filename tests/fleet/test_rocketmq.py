"""What is RocketMQ's alone: batches, delays, bad messages, and a broker that is away."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.clock import ManualClock
from tinyflow_nb.errors import SettingsError
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.schedulers.rocketmq import RocketMQScheduler
from tinyflow_nb.schedulers.rocketmq_boxes import Outbox
from tinyflow_nb.schedulers.rocketmq_client import Client, endpoints_of
from tinyflow_nb.schedulers.rocketmq_names import DELAY, EXECUTION, NO_LANE
from tinyflow_nb.settings import RocketMQSettings

LINE = ChainDefinition.from_source(
    "def a() -> int:\n    return 1\n\ndef b(a) -> int:\n    return a + 1\n", "line"
)


class FakeOutbox:
    def __init__(self) -> None:
        self.sent: list[tuple[str, list[list[Any]], int | None]] = []
        self.tags: list[str] = []

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def send(self, topic: str, body: bytes, tag: str = "", at: int | None = None) -> None:
        self.tags.append(tag)
        self.sent.append((topic, json.loads(body), at))


@pytest.fixture
async def outbox(wait_until: Any) -> Any:
    """What a scheduler sends that is given triggers by `outbox.schedule`, on a clock that stands still."""
    clock = ManualClock(1_000.0)
    scheduler = RocketMQScheduler("rocketmq://127.0.0.1:1", clock, clock, RocketMQSettings())  # type: ignore[arg-type]
    fake: Any = FakeOutbox()
    scheduler._outbox = fake
    fake.schedule, fake.clock = scheduler.schedule, clock
    async with AsyncExitStack() as stack:
        await scheduler.open(stack)
        yield fake


async def test_what_becomes_ready_together_is_batched_and_still_spread(outbox: Any, wait_until: Any) -> None:
    outbox.schedule([Trigger("r", 1, f"n[{i}]") for i in range(100)])
    await wait_until(lambda: outbox.sent)
    assert {topic for topic, _, _ in outbox.sent} == {EXECUTION}
    sizes = [len(batch) for _, batch, _ in outbox.sent]
    assert len(sizes) == 15
    assert sum(sizes) == 100
    assert max(sizes) == 7


async def test_delays_of_a_second_are_messages_shorter_ones_are_timers(outbox: Any, wait_until: Any) -> None:
    outbox.schedule(
        [Trigger("r", 1, "slow", 1, "retry", 1_002.5), Trigger("r", 1, "soon", 1, "retry", 1_000.5)]
    )
    outbox.schedule([Trigger("r", 1, "month", 0, "timeout", 1_000.0 + 30 * 86_400)])
    await wait_until(lambda: outbox.sent)
    assert [(topic, batch[0][2], at) for topic, batch, at in outbox.sent] == [(DELAY, "slow", 1_003)]
    outbox.clock.advance(0.5)
    await wait_until(lambda: len(outbox.sent) == 2)
    assert [(topic, batch[0][2], at) for topic, batch, at in outbox.sent[1:]] == [(EXECUTION, "soon", None)]


@pytest.mark.parametrize("wrong", ["rocketmq://", "rocketmq://host", "rocketmq://host:x", "rocketmq://h:1;h"])
def test_an_address_that_is_not_understood(wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"use rocketmq://"):
        endpoints_of(wrong)


def test_an_address_with_credentials_and_two_places() -> None:
    assert endpoints_of("rocketmq://me:x:y@1.2.3.4:1;5.6.7.8:2") == ("1.2.3.4:1;5.6.7.8:2", "me", "x:y")


async def test_bad_messages_are_named_and_dropped_and_the_worker_lives(
    redis_address: str, rocketmq_address: str, caplog: pytest.LogCaptureFixture, wait_until: Any
) -> None:
    bad = [b"garbage", b"\xff\xfe", b"{}", b'[["r",1]]', b'[["r","x","n",0,"run",0,[]]]', b"x" * 300_000]
    foreign = [json.dumps([["unknown-run", 1, "n", 0, "run", 0, []]]).encode()]
    async with connect(redis_address, scheduler=rocketmq_address) as executor, AsyncExitStack() as stack:
        client = Client(rocketmq_address, RocketMQSettings())
        sender = Outbox(client, (EXECUTION, DELAY))
        await sender.open()
        stack.push_async_callback(sender.close)
        with caplog.at_level(logging.WARNING, logger="tinyflow_nb.schedulers"):
            await asyncio.gather(*(sender.send(EXECUTION, body, NO_LANE) for body in bad + foreign))
            await wait_until(lambda: caplog.text.count("dropped message") >= len(bad), 20)
        assert caplog.text.count(f"of {EXECUTION}") == len(bad)
        assert await executor.execute(LINE, timeout=20) == 2


async def test_c27_without_its_broker_a_fleet_is_slower_and_not_stuck(
    redis_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    away = "rocketmq://127.0.0.1:1"
    async with (
        connect(redis_address, scheduler=away),
        connect(redis_address, scheduler=away, execute=False) as client,
    ):
        assert await client.execute(LINE, timeout=30) == 2
    assert "the sweep finds what they name" in caplog.text
