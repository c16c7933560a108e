"""What watchers are told (SEMANTICS 26), whatever retries, claims and busy files do to it."""

from __future__ import annotations

import asyncio

import pytest

from tinyflow_nb import ChainCancelled, ChainDefinition, ChainFailed, connect
from tinyflow_nb.engine.streams import Streams
from tinyflow_nb.model.events import EventType

STREAMED = (EventType.NODE_OUTPUT, EventType.NODE_LOG)


def define(source: str) -> ChainDefinition:
    return ChainDefinition.from_source(source, name="demo")


def texts(events):
    return [e.data["text"] for e in events if e.type is EventType.NODE_OUTPUT]


@pytest.mark.parametrize("address", ["memory://", "sqlite:///{}/runs.db"])
async def test_c26_what_a_retried_run_streams_is_told_too(address, tmp_path):
    source = "import pathlib\nflag: str\ndef a(flag):\n    yield 'one'\n    yield 'two'\n    assert flag\n"
    said = iter([False, True])

    async def words(flag):
        good = next(said)
        for word in ("new", "er") if good else ("one", "two", "three"):
            yield word
        assert good

    async with connect(address.format(tmp_path), overrides={"a": words}) as executor:
        run = await executor.execute_async(define(source), {"flag": ""})
        with pytest.raises(ChainFailed):
            await executor.wait(run, timeout=60)
        await executor.retry(run)
        await executor.wait(run, timeout=60)
        seen = [e async for e in executor.events(run)]
        assert texts(seen) == ["one", "two", "three", "new", "er"]
        assert texts(await executor.recorded(run)) == ["one", "two", "three", "new", "er"]


@pytest.mark.parametrize("address", ["memory://", "sqlite:///{}/runs.db"])
async def test_c26_a_chunk_follows_the_start_of_its_attempt(address, tmp_path):
    source = """
@node(retry=Retry(max=1, wait=0))
async def a(ctx: ExecutionContext):
    yield f"try {ctx.attempt}"
    assert ctx.attempt > 1
"""
    async with connect(address.format(tmp_path)) as executor:
        run = await executor.execute_async(define(source))
        live = [(e.type, e.seq) async for e in executor.events(run)]
        words = [t.partition(".")[2] for t, _ in live]
        assert words == [
            "started", "started", "output", "retrying", "started", "output", "finished", "finished",
        ]  # fmt: skip
        assert [s for _, s in live] == sorted(s for _, s in live)
        assert [(e.type, e.seq) for e in await executor.recorded(run)] == live


class Slow:
    """A store whose first save takes longer than its second."""

    def __init__(self):
        self.kept, self.gate = [], asyncio.Event()

    def now(self):
        return 0.0

    async def append_chunks(self, run, chunks):
        if not self.gate.is_set():
            self.gate.set()
            await asyncio.sleep(0.02)
        self.kept += [c.data["text"] for c in chunks]


async def test_c26_chunks_are_kept_in_the_order_they_were_streamed():
    store = Slow()
    streams = Streams(store, lambda run, events: None, lambda run: 1)
    writer = streams.writer("r", "a", 1, 1, 1)
    for word in ("one", "two", "three"):
        writer.emit("text", word)
        streams.flush()
        await asyncio.sleep(0)
    await streams.drain()
    assert store.kept == ["one", "two", "three"]


@pytest.mark.filterwarnings("error")
async def test_c26_what_a_body_streamed_until_its_process_closed_is_kept(tmp_path, wait_until, caplog):
    source = "import asyncio\nasync def a():\n    yield 'one'\n    await asyncio.sleep(60)\n"
    address = f"sqlite:///{tmp_path}/runs.db"
    async with connect(address) as executor:
        run = await executor.execute_async(define(source))
        await wait_until(lambda: len(executor._worker.attempts))
        executor._streams.writer(run, "a", 1, 1, 1).emit("text", "last words")
    async with connect(address, execute=False) as executor:
        assert "last words" in texts(await executor.recorded(run))
    assert not caplog.records


async def test_b12_a_run_another_process_stopped_is_not_looked_after_for_ever(tmp_path, wait_until):
    address = f"sqlite:///{tmp_path}/runs.db"
    source = "@confirm()\ndef a():\n    'Well?'\n"
    async with connect(address) as here, connect(address, execute=False) as there:
        run = await here.execute_async(define(source))
        await wait_until(lambda: _is(here, run, "SUSPENDED"))
        await here._following.close()  # it looks at runs whose attempts took long
        await there.stop(run)
        assert run in here._mine
        await here._recovery.of(run)
        assert run not in here._mine
        with pytest.raises(ChainCancelled):
            await here.wait(run, timeout=60)


async def _is(executor, run, status):
    return (await executor.state(run)).status == status
