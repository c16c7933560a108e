"""SEMANTICS 30: monitor messages over a real Redis, at least once, whoever dies."""

from __future__ import annotations

import asyncio
import contextlib
import textwrap
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, ChainExecutor, ChainFailed, connect
from tinyflow_nb.errors import InvalidOperation
from tinyflow_nb.model.monitor import MonitorMessage
from tinyflow_nb.settings import get_settings

LINE = """
async def a(n: int) -> int:
    if n < 0:
        raise ValueError("below zero")
    return n + 1

async def b(a: int) -> int:
    return a + 1
"""
ASKS = """
from tinyflow_nb import confirm

@confirm
def ok(n: int) -> bool:
    '''Well?'''

async def after(ok: bool) -> bool:
    return ok
"""
EACH = """
from tinyflow_nb import node

docs: list[int]

@node(each="d in docs")
async def part(d: int) -> int:
    return d

async def total(part) -> int:
    return sum(part)
"""


def define(source: str) -> ChainDefinition:
    return ChainDefinition.from_source(textwrap.dedent(source), name="demo")


class House:
    """Executors of one fleet, and what it tells the outside."""

    def __init__(self, address: str, stack: AsyncExitStack) -> None:
        self.address = address
        self._stack = stack
        self.messages: list[MonitorMessage] = []

    async def open(self, monitor: str = "runs", **options: Any) -> ChainExecutor:
        settings = get_settings().model_copy(update={"monitor": monitor})
        executor = connect(self.address, settings=settings, **options)
        return await self._stack.enter_async_context(executor)

    async def listen(self) -> None:
        client = await self.open(execute=False)

        async def read() -> None:
            async for message in client.monitored(from_start=True):
                self.messages.append(message)

        task = asyncio.ensure_future(read())

        async def stop() -> None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

        self._stack.push_async_callback(stop)

    def told(self, run: str) -> list[str]:
        """`type` and status of each change, as a consumer that drops what it has seen knows them."""
        seen: dict[int, str] = {}
        for message in self.messages:
            for change in message.changes:
                if message.run == run:
                    seen[change.seq] = f"{change.node} {change.type} {change.status}".strip()
        return [seen[seq] for seq in sorted(seen)]


@pytest.fixture(params=["redis_server", "redis_cluster"])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    server = request.getfixturevalue(request.param)
    server.ask("FLUSHALL")
    async with AsyncExitStack() as stack:
        yield House(server.address, stack)


RUN = ["chain.started RUNNING", "chain.finished SUCCEEDED"]


async def test_c30_changes_of_a_runs_status_are_told_and_of_nodes_only_when_asked(
    house: House, wait_until: Any
) -> None:
    await house.listen()
    executor = await house.open()
    runs = [await executor.execute_async(define(LINE), {"n": n}) for n in (1, -1)]
    asks = await executor.execute_async(define(ASKS), {"n": 1})
    await executor.wait(runs[0], timeout=60)
    with pytest.raises(ChainFailed):
        await executor.wait(runs[1], timeout=60)
    await wait_until(lambda: house.told(asks)[1:] == ["chain.suspended SUSPENDED"])
    await executor.resume_async(asks, True)
    await executor.wait(asks, timeout=60)
    await wait_until(lambda: house.told(runs[0]) == RUN)
    await wait_until(lambda: house.told(runs[1]) == ["chain.started RUNNING", "chain.finished FAILED"])
    await wait_until(
        lambda: (
            house.told(asks)[1:]
            == ["chain.suspended SUSPENDED", "chain.resumed RUNNING", "chain.finished SUCCEEDED"]
        )
    )
    errors = [c.error for m in house.messages for c in m.changes if c.error]
    assert {(e.type, e.message, e.node) for e in errors} == {("ValueError", "below zero", "a")}
    assert {m.chain for m in house.messages} == {define(LINE).short_ref, define(ASKS).short_ref}


async def test_c30_nodes_changes_come_batched_by_run_in_the_order_of_seq(
    house: House, wait_until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinyflow_nb.engine.monitoring.TOGETHER_SECONDS", 1.0)
    await house.listen()
    executor = await house.open("nodes")
    run = await executor.execute_async(define(EACH), {"docs": list(range(30))})
    assert await executor.wait(run, timeout=60) == sum(range(30))
    events = [
        f"{e.node} {e.type}".strip()
        for e in await executor.recorded(run)
        if e.type.partition(".")[0] in ("chain", "node")
    ]
    await wait_until(lambda: [told.rpartition(" ")[0] for told in house.told(run)] == events)
    assert len(house.messages) < len(events) / 3
    for message in house.messages:
        seqs = [change.seq for change in message.changes]
        assert seqs == sorted(seqs)
    finished = [c for m in house.messages for c in m.changes if c.node == "part[3]" and c.attempt]
    assert [c.status for c in finished] == ["RUNNING", "SUCCEEDED"]
    assert "output" not in house.messages[0].model_dump_json()


async def test_c30_off_tells_nothing_and_keeps_nothing(
    house: House, wait_until: Any, redis_server: Any
) -> None:
    await house.listen()
    executor = await house.open("off")
    quiet = await executor.execute_async(define(LINE), {"n": 1})
    await executor.wait(quiet, timeout=60)
    loud = await (await house.open("runs")).execute_async(define(LINE), {"n": 1})
    await wait_until(lambda: house.told(loud) == RUN)
    assert house.told(quiet) == []


async def test_c30_what_a_dying_worker_did_not_send_another_sends(
    house: House, wait_until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = await house.open("nodes")

    async def dies(*_: Any) -> None: ...

    monkeypatch.setattr(dying._monitoring, "_send", dies)
    run = await dying.execute_async(define(LINE), {"n": 1})
    await dying.wait(run, timeout=60)
    await house.listen()
    await house.open()
    await wait_until(lambda: RUN[1] in house.told(run))
    assert len(house.told(run)) == len(await dying.recorded(run))


async def test_c30_what_was_sent_and_not_noted_is_sent_again_with_the_same_seqs(
    house: House, wait_until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = await house.open()
    monitoring: Any = executor._monitoring
    tell, calls = monitoring._outlet.tell, []

    async def told_and_lost(messages: Any) -> None:
        calls.append(messages)
        await tell(messages)
        if len(calls) == 1:
            raise ConnectionError("the answer was lost")

    monkeypatch.setattr(monitoring._outlet, "tell", told_and_lost)
    await house.listen()
    run = await executor.execute_async(define(LINE), {"n": 1})
    await executor.wait(run, timeout=60)
    await wait_until(lambda: house.told(run) == RUN)
    await wait_until(lambda: len(calls) > 1 and len(house.messages) > 1)
    assert house.messages[0].changes[0] == house.messages[1].changes[0]


async def test_c30_a_client_that_stops_a_suspended_run_is_told_of_too(house: House, wait_until: Any) -> None:
    await house.listen()
    await house.open()
    client = await house.open(execute=False)
    run = await client.execute_async(define(ASKS), {"n": 1})
    await wait_until(lambda: "chain.suspended SUSPENDED" in house.told(run))
    await client.stop(run)
    await wait_until(lambda: house.told(run)[-1:] == ["chain.finished CANCELLED"])


async def test_c30_two_senders_do_not_tell_the_same(house: House, wait_until: Any) -> None:
    workers = [await house.open("nodes") for _ in range(2)]
    await house.listen()
    run = await workers[0].execute_async(define(EACH), {"docs": list(range(40))})
    await workers[1].wait(run, timeout=60)
    await wait_until(lambda: RUN[1] in house.told(run))
    seqs = [change.seq for message in house.messages for change in message.changes]
    assert len(seqs) == len(set(seqs))


async def test_what_is_no_monitor_message_is_dropped(
    house: House, wait_until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    executor = await house.open()
    scheduler: Any = executor._scheduler
    garbage = ["{", "[]", '{"version": 2, "run": "r", "chain": "c", "changes": []}', "x" * 100_000]
    await scheduler.tell([("r", text) for text in garbage])
    await house.listen()
    run = await executor.execute_async(define(LINE), {"n": 1})
    await wait_until(lambda: house.told(run) == RUN)
    assert caplog.text.count("dropped, no monitor message") == len(garbage)


async def test_a_store_of_one_process_has_no_monitor_messages() -> None:
    async with connect("memory://") as executor:
        with pytest.raises(InvalidOperation, match="only a fleet"):
            await anext(executor.monitored())
