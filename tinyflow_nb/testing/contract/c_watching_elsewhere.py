"""A run watched by an executor that does not execute it: what its own process shows, in that order."""

from __future__ import annotations

from pathlib import Path

from tinyflow_nb import ChainDefinition, connect

CELL = """
import asyncio
from collections.abc import AsyncIterator

async def words(count: int) -> AsyncIterator[str]:
    for i in range(count):
        await asyncio.sleep(0.001)
        yield f"w{i} "

async def shout(words) -> str:
    print("shouting")
    return words.upper()
"""


async def test_c26_chunks_and_logs_of_another_executor_come_once_and_before_their_nodes_end(
    tmp_path: Path,
) -> None:
    definition = ChainDefinition.from_source(CELL, "words")
    address = f"sqlite:///{tmp_path / 'shared.db'}"
    async with connect(address) as works, connect(address, execute=False) as watches:
        run = await works.execute_async(definition, {"count": 300})
        seen = [event async for event in watches.events(run)]
        texts = [e.data["text"] for e in seen if e.type == "node.output"]
        assert texts == [f"w{i} " for i in range(300)]
        assert [e.data["text"].strip() for e in seen if e.type == "node.log"] == ["shouting"]
        ends = {e.node: at for at, e in enumerate(seen) if e.type == "node.finished"}
        chunks = [(e.node, at) for at, e in enumerate(seen) if e.type in ("node.output", "node.log")]
        assert all(at < ends[node] for node, at in chunks)
        assert seen[-1].type == "chain.finished"
        lifecycle = [e.seq for e in seen if e.type not in ("node.output", "node.log")]
        assert lifecycle == list(range(1, len(lifecycle) + 1))
