"""What happens in a run and in all the chains below it, as one stream."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tinyflow_nb.engine.reading import STREAMED
from tinyflow_nb.errors import TinyflowError
from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import child_run_id, node_of

if TYPE_CHECKING:
    from tinyflow_nb.engine.registry import Registry
    from tinyflow_nb.ports import StateStore

Read = Callable[[str], AsyncGenerator[Event]]
BORN_SECONDS = 0.05
"""How often one looks for a child whose parent has just delegated to it."""
OF_CHILDREN = (EventType.NODE_STARTED, EventType.NODE_SUSPENDED, EventType.NODE_FINISHED)
"""Of a chain node: where its child stands."""
OF_THE_RUN = (
    EventType.CHAIN_STARTED, EventType.CHAIN_SUSPENDED, EventType.CHAIN_RESUMED, EventType.CHAIN_FINISHED,
)  # fmt: skip


async def events_below(store: StateStore, registry: Registry, run: str, read: Read) -> AsyncGenerator[Event]:
    """Events of a run and, with their path as `node` (`sub/draft`), of its children; those of a child as
    a whole show on its parent's node, and are left out.

    Args:
        read: the events of one run, from the start, then live.

    Raises:
        TinyflowError: a run among them can't be read any more.
    """
    events: asyncio.Queue[Event | TinyflowError | None] = asyncio.Queue(1000)
    tasks: set[asyncio.Task[None]] = set()
    read_to: dict[str, int] = {}
    """The newest seq that was read, of each run."""
    moved = asyncio.Condition()

    async def caught_up(run: str) -> None:
        """What a child did before its parent heard of it comes before that."""
        header = await store.header(run)
        if header is not None and (header.status.terminal or header.status is Status.SUSPENDED):
            async with moved:
                await moved.wait_for(lambda: read_to.get(run, 0) >= header.seq)

    async def now_at(run: str, seq: int) -> None:
        async with moved:
            read_to[run] = seq
            moved.notify_all()

    async def follow(run: str, path: str) -> None:
        header = await store.header(run)
        while header is None:
            await asyncio.sleep(BORN_SECONDS)
            header = await store.header(run)
        definition = await registry.get(header.definition)
        chains = {node.id for node in definition.nodes if node.type == "chain"}
        seen: set[str] = set()
        async for event in read(run):
            child = ""
            if event.type in OF_CHILDREN and node_of(event.node) in chains:
                child = child_run_id(run, event.node, event.data.get("round", 1))
            if child in seen:
                await caught_up(child)
            if not (path and event.type in OF_THE_RUN):
                await events.put(replace(event, node=path + event.node))
            starts = event.type is EventType.NODE_STARTED and "items" not in event.data
            if child and child not in seen and starts:
                seen.add(child)
                begin(child, f"{path}{event.node}/")
            if event.type not in STREAMED:
                await now_at(run, event.seq)

    async def followed(run: str, path: str) -> None:
        """What goes wrong is the reader's to know."""
        try:
            await follow(run, path)
        except TinyflowError as error:
            await events.put(error)
        finally:
            await now_at(run, sys.maxsize)
        if not path:
            await events.put(None)

    def begin(run: str, path: str) -> None:
        task = asyncio.get_running_loop().create_task(followed(run, path))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    begin(run, "")
    try:
        while (event := await events.get()) is not None:
            if isinstance(event, TinyflowError):
                raise event
            yield event
    finally:
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
