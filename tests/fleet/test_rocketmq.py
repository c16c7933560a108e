"""What is RocketMQ's alone: batches, delays, bad messages, and a broker that is away."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pydantic import SecretStr

from tests.conftest import RealServices
from tinyflow_nb import ChainDefinition, connect, services
from tinyflow_nb.clock import ManualClock
from tinyflow_nb.errors import SettingsError
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.schedulers.rocketmq import RocketMQScheduler
from tinyflow_nb.schedulers.rocketmq_boxes import INVISIBLE_SECONDS, Outbox
from tinyflow_nb.schedulers.rocketmq_client import Client, endpoints_of
from tinyflow_nb.schedulers.rocketmq_names import DELAY, EXECUTION, NO_LANE, group_of
from tinyflow_nb.schedulers.wire import from_text, to_text
from tinyflow_nb.settings import RocketMQSettings

LINE = ChainDefinition.from_source(
    "def a() -> int:\n    return 1\n\ndef b(a) -> int:\n    return a + 1\n", "line"
)


BAD = [b"garbage", b"\xff\xfe", b"{}", b'[["r",1]]', b'[["r","x","n",0,"run",0,[]]]', b"x" * 300_000]


def reasons() -> set[str]:
    """Why those are dropped."""
    found = set()
    for body in BAD:
        with pytest.raises(ValueError) as told:  # noqa: PT011  each says something else
            from_text(body)
        found.add(str(told.value))
    return found


def dropped(caplog: pytest.LogCaptureFixture, topic: str) -> set[str]:
    """Why messages of the topic were; the same message may come twice."""
    records = [r for r in caplog.records if r.msg.startswith("dropped message")]
    return {str(why) for _, of, why in (r.args for r in records) if of == topic}


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
    foreign = [json.dumps([["unknown-run", 1, "n", 0, "run", 0, []]]).encode()]
    async with connect(redis_address, scheduler=rocketmq_address) as executor, AsyncExitStack() as stack:
        client = Client(rocketmq_address, RocketMQSettings())
        sender = Outbox(client, (EXECUTION, DELAY))
        await sender.open()
        stack.push_async_callback(sender.close)
        with caplog.at_level(logging.WARNING, logger="tinyflow_nb.schedulers"):
            await asyncio.gather(*(sender.send(EXECUTION, body, NO_LANE) for body in BAD + foreign))
            # what a consumer that is just ending was given comes again once it is visible
            await wait_until(lambda: dropped(caplog, EXECUTION) >= reasons(), 4 * INVISIBLE_SECONDS)
        assert dropped(caplog, EXECUTION) == reasons()
        await wait_until(lambda: executor.scheduler_counts["dropped"] >= len(BAD), 4 * INVISIBLE_SECONDS)
        assert await executor.execute(LINE, timeout=60) == 2


async def test_c27_without_its_broker_a_fleet_is_slower_and_not_stuck(
    redis_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    away = "rocketmq://127.0.0.1:1"
    async with (
        connect(redis_address, scheduler=away),
        connect(redis_address, scheduler=away, execute=False) as client,
    ):
        assert await client.execute(LINE, timeout=60) == 2
    assert "the sweep finds what they name" in caplog.text


FAN = ChainDefinition.from_source(
    "from tinyflow_nb import node\n\ndocs: list[int]\n\n"
    "@node(each='d in docs')\ndef part(d: int) -> int:\n    return d\n\n"
    "def total(part) -> int:\n    return sum(part)\n",
    "fan",
)


async def test_c27_nothing_is_lost_with_a_broker_that_is_killed_and_messages_flow_again(
    redis_address: str, real_services: RealServices, wait_until: Any
) -> None:
    away = ["rocketmq"]
    async with (
        connect(redis_address, scheduler=real_services.rocketmq) as worker,
        connect(redis_address, scheduler=real_services.rocketmq, execute=False) as client,
    ):

        async def total() -> Any:
            return await client.execute(FAN, {"docs": list(range(20))}, timeout=60)

        assert await total() == 190
        await asyncio.to_thread(services.crash, away, folder=real_services.folder)
        assert await asyncio.gather(*(total() for _ in range(5))) == [190] * 5
        back = await asyncio.to_thread(services.up, away, folder=real_services.folder)
        assert back.rocketmq == real_services.rocketmq
        taken = worker.scheduler_counts["taken"]

        async def flows() -> bool:
            await total()
            return worker.scheduler_counts["taken"] > taken and not await worker.troubles()

        await wait_until(flows, 4 * INVISIBLE_SECONDS)


async def test_bad_messages_on_the_topic_of_delays_are_dropped_too(
    redis_address: str, rocketmq_address: str, caplog: pytest.LogCaptureFixture, wait_until: Any
) -> None:
    async with connect(redis_address, scheduler=rocketmq_address) as executor, AsyncExitStack() as stack:
        sender = Outbox(Client(rocketmq_address, RocketMQSettings()), (EXECUTION, DELAY))
        await sender.open()
        stack.push_async_callback(sender.close)
        now = int(time.time())
        with caplog.at_level(logging.WARNING, logger="tinyflow_nb.schedulers"):
            await asyncio.gather(*(sender.send(DELAY, body, at=now) for body in BAD))
            await wait_until(lambda: dropped(caplog, DELAY) >= reasons(), 4 * INVISIBLE_SECONDS)
        assert dropped(caplog, DELAY) == reasons()
        await wait_until(lambda: executor.scheduler_counts["dropped"] >= len(BAD), 4 * INVISIBLE_SECONDS)
        assert await executor.execute(LINE, timeout=60) == 2


async def test_a_replayed_message_changes_nothing(
    redis_address: str, rocketmq_address: str, wait_until: Any
) -> None:
    async with connect(redis_address, scheduler=rocketmq_address) as executor, AsyncExitStack() as stack:
        run = await executor.execute_async(LINE)
        assert await executor.wait(run, timeout=60) == 2
        before = [e async for e in executor.events(run)]
        sender = Outbox(Client(rocketmq_address, RocketMQSettings()), (EXECUTION,))
        await sender.open()
        stack.push_async_callback(sender.close)
        again = to_text([Trigger(run, 1, "a"), Trigger(run, 1, "b")]).encode()
        taken = executor.scheduler_counts["taken"]
        await asyncio.gather(*(sender.send(EXECUTION, again, NO_LANE) for _ in range(3)))
        await wait_until(lambda: executor.scheduler_counts["taken"] >= taken + 3, 4 * INVISIBLE_SECONDS)
        assert [e async for e in executor.events(run)] == before
        assert executor.scheduler_counts["dropped"] == 0


async def test_a_lane_brings_work_to_who_carries_its_tags_and_the_delay_goes_on_to_it(
    redis_address: str, rocketmq_address: str
) -> None:
    tagged = ChainDefinition.from_source(
        "from tinyflow_nb import node, Retry\n\ntries = 0\n\n"
        "def a() -> int:\n    return 1\n\n"
        "@node(tags=['gpu'], retry=Retry(max=1, wait=1.5))\n"
        "def b(a, ctx: ExecutionContext) -> int:\n"
        "    if ctx.attempt == 0:\n        raise ValueError('again')\n    return a + 1\n",
        "tagged",
    )
    async with (
        connect(redis_address, scheduler=rocketmq_address) as plain,
        connect(redis_address, scheduler=rocketmq_address, tags=("gpu",)) as gpu,
        connect(redis_address, scheduler=rocketmq_address, execute=False) as client,
    ):
        run = await client.execute_async(tagged)
        assert await client.wait(run, timeout=60) == 2
        assert (await client.state(run)).nodes["b"].worker == gpu.name != plain.name


def test_names_of_groups() -> None:
    assert group_of("") == "tinyflow_workers"
    assert group_of("gpu") == "tinyflow_workers_gpu"
    lanes = ["eu+gpu", "eu_gpu", "v1.2", "x" * 200]
    groups = {group_of(lane) for lane in lanes}
    assert len(groups) == len(lanes)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,120}", group) for group in groups)


def test_settings_reach_the_client_and_an_address_s_credentials_come_first() -> None:
    settings = RocketMQSettings(
        endpoints="1.2.3.4:8081", access_key="me", secret_key=SecretStr("shh"), topic_prefix="team_"
    )
    assert "shh" not in repr(settings)
    of_settings, of_address = Client("rocketmq", settings), Client("rocketmq://a:b@host:1", settings)
    assert (of_settings.endpoints, of_settings._credentials) == ("1.2.3.4:8081", ("me", "shh"))
    assert (of_address.endpoints, of_address._credentials) == ("host:1", ("a", "b"))
    assert of_address.name(EXECUTION) == "team_workflow_node_execution"
    with pytest.raises(SettingsError, match=r"rocketmq\.endpoints"):
        Client("rocketmq", RocketMQSettings())
    with pytest.raises(SettingsError, match="of names its client takes one"):
        Client("rocketmq://one:1;two:1", settings)
