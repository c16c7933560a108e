"""tinyflow_nb itself: every graph is one cell's text, run by an executor over its own stores."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import protocol as p  # type: ignore[import-not-found]

from tinyflow_nb import ChainDefinition, connect

CHAIN_OF_FIVE = """
from protocol import add_one
from tinyflow_nb import confirm

async def n0(value: int) -> int:
    return await add_one([value])

async def n1(n0: int) -> int:
    return await add_one([n0])

@confirm
def ask(n1) -> int:
    "How many?"

async def n2(n1: int, ask: int) -> int:
    return await add_one([n1, ask])

async def n3(n2: int) -> int:
    return await add_one([n2])

async def n4(n3: int) -> int:
    return await add_one([n3])
"""

TOKENS = """
from collections.abc import AsyncIterator
from protocol import tokens

async def source(count: int) -> AsyncIterator[str]:
    async for token in tokens(count):
        yield token
"""

LEVEL = """
from protocol import add_one

async def one(value: int) -> int:
    return await add_one([value])
"""
BELOW = """
@chain("{child}", inputs={{"value": "one"}})
def below(value: int) -> int: ...
"""


def cell_of(graph: p.Graph) -> str:
    """The graph as a cell: one function per node, its parameters the nodes it reads."""
    body = graph.body.__name__
    lines = [f"from protocol import {body}"]
    for node in graph.nodes:
        reads = ", ".join(node.deps or ("value",))
        lines.append(f"async def {node.name}({reads}):\n    return await {body}([{reads}])")
    return "\n".join(lines) + "\n"


class Peer(p.Adapter):  # type: ignore[misc]
    variants = {"memory": "memory", "sqlite": "sqlite", "sqlite_full": "sqlite", "redis": "redis"}

    async def open(self) -> None:
        file = Path(self.workdir) / "runs.db"
        address = {
            "memory": "memory://",
            "sqlite": f"sqlite:///{file}",
            "sqlite_full": f"sqlite:///{file}?synchronous=FULL",
            "redis": self.redis_url,
        }[self.variant]
        self.executor = await connect(address, scheduler="local").__aenter__()  # one executor, no fleet

    async def close(self) -> None:
        await self.executor.__aexit__(None, None, None)

    async def graph(self, graph: p.Graph) -> Callable[[object], Awaitable[object]]:
        definition = ChainDefinition.from_source(cell_of(graph), name=graph.name)

        async def run(value: object) -> object:
            return await self.executor.execute(definition, {"value": value}, timeout=180)

        return run

    async def interrupt(
        self,
    ) -> tuple[Callable[[int], Awaitable[None]], Callable[[int, int], Awaitable[object]]]:
        definition = ChainDefinition.from_source(CHAIN_OF_FIVE, name="chain_of_five")

        async def start(number: int) -> None:
            run = await self.executor.execute_async(definition, {"value": 0}, run_id=f"run{number}")
            async with aclosing(self.executor.events(run)) as events:
                async for event in events:
                    if event.type == "chain.suspended":
                        return

        async def resume(number: int, answer: int) -> object:
            run = f"run{number}"
            await self.executor.resume_async(run, answer, node="ask")
            return await self.executor.wait(run, timeout=60)

        return start, resume

    async def stream(self, count: int) -> Callable[[], AsyncIterator[str]]:
        definition = ChainDefinition.from_source(TOKENS, name="stream")

        async def tokens() -> AsyncIterator[str]:
            run = await self.executor.execute_async(definition, {"count": count})
            async for event in self.executor.events(run):
                if event.type == "node.output":
                    yield event.data["text"]

        return tokens

    async def nested(self, depth: int) -> Callable[[object], Awaitable[object]]:
        await self.executor.publish(ChainDefinition.from_source(LEVEL, name="level0"))
        for level in range(1, depth):
            source = LEVEL + BELOW.format(child=f"level{level - 1}")
            await self.executor.publish(ChainDefinition.from_source(source, name=f"level{level}"))

        async def run(value: object) -> object:
            return await self.executor.execute(f"level{depth - 1}", {"value": value}, timeout=60)

        return run
