"""RunHandle: one run, from a notebook's cell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Generator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar, overload

from tinyflow_nb.errors import InvalidOperation
from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import item_of, node_of
from tinyflow_nb_magics.arguments import did_you_mean
from tinyflow_nb_magics.display import page_of, picture_of, show_run
from tinyflow_nb_magics.mappings import one_mapping
from tinyflow_nb_magics.node_view import NodeView
from tinyflow_nb_magics.session import Session

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.state import ChainState

M = TypeVar("M")
Streamed = tuple[str, int | None, str]
"""(node, item, text); item is None for a node without `each`. A node below is its path, `sub/draft`."""


class RunHandle:
    """`await run` gives the result; `run["draft"]` is the view of one node.

    Waiting executes the run here if no living process does. Interrupting a wait stops nothing.
    """

    __slots__ = ("_session", "id")

    def __init__(self, session: Session, run_id: str) -> None:
        self._session = session
        self.id = run_id

    # ------------------------------------------------------------------ reading

    @property
    def state(self) -> ChainState:
        """A fresh picture of the run and its nodes. Raises UnknownRun."""
        return self._session.call(self._session.executor.state(self.id))

    @property
    def status(self) -> Status:
        return self.state.status

    @property
    def definition(self) -> ChainDefinition:
        """What it runs, whatever was published or edited meanwhile."""
        return self._session.call(self._definition())

    async def _definition(self) -> ChainDefinition:
        executor = self._session.executor
        state = await executor.state(self.id)
        return await executor.registry.get(state.definition_hash)

    def __getitem__(self, unit: str) -> NodeView:
        """The view of a node (`draft`), of one item of it (`draft[3]`), or of one in a chain below
        (`sub/draft`).

        Raises:
            InvalidOperation: there is no such node or item.
        """
        if "/" in unit:
            run_id, rest = self._session.call(self._session.below(self.id, unit))
            return NodeView(self._session, run_id, RunHandle(self._session, run_id)[rest].unit, unit)
        node = self.state.nodes.get(node_of(unit))
        if node is None:
            known = [n.id for n in self.definition.nodes]
            hint = did_you_mean(unit, known) or f"it has {', '.join(known)}"
            raise InvalidOperation(f"run {self.id} has no node {unit!r}; {hint}")
        item = item_of(unit)
        if item is not None and not 0 <= item < len(node.items or ()):
            raise InvalidOperation(f"{node.id} has {len(node.items or ())} items, so there is no {unit!r}")
        return NodeView(self._session, self.id, unit.partition("#")[0])

    def _ipython_key_completions_(self) -> list[str]:
        """What may stand in `run["..."]`."""
        return [unit.id for unit in self.state.units()]

    # ------------------------------------------------------------------ waiting

    def __await__(self) -> Generator[Any, None, Any]:
        """The result.

        Raises:
            ChainSuspended: only people are awaited; answer, or `await run.finished()`.
            ChainFailed, ChainCancelled
        """
        return self._session.bridge(self._session.wait(self.id)).__await__()

    def finished(self) -> Awaitable[Any]:
        """Awaited, the result; people are waited for too.

        Raises:
            ChainFailed, ChainCancelled
        """
        return self._session.bridge(self._session.wait(self.id, people=True))

    @overload
    def result(self, model: type[M], *, timeout: float | None = None) -> M: ...
    @overload
    def result(self, model: None = None, *, timeout: float | None = None) -> Any: ...
    def result(self, model: Any = None, *, timeout: float | None = None) -> Any:
        """The result as plain JSON, or validated as `model`; blocks the cell.

        Args:
            timeout: seconds to wait at most.

        Raises:
            ChainSuspended, ChainFailed, ChainCancelled
            ChainTimeout: `timeout` is over; the run goes on.
            WrongType: the result is no `model`.
        """
        value = self._session.call(self._session.wait(self.id, timeout))
        if model is None:
            return value
        from pydantic import TypeAdapter

        from tinyflow_nb.language.values import to_json, typed

        return typed(to_json(value, None, "the result"), TypeAdapter(model), "result()")

    async def stream(self, node: str | None = None) -> AsyncIterator[Streamed]:
        """The text nodes stream, those of chains below too, from the start, then as it comes: (node,
        item, text).

        Ends with the run, or when only people are awaited. With `node` that node's text only.
        """
        if node is not None and "/" not in node:
            self[node]  # refuses an unknown one; a child may not be there yet
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Streamed | None] = asyncio.Queue()

        async def read() -> None:
            try:
                async for said in self._texts(node):
                    loop.call_soon_threadsafe(arrived.put_nowait, said)
            finally:
                loop.call_soon_threadsafe(arrived.put_nowait, None)

        reading = asyncio.ensure_future(self._session.bridge(read()))
        try:
            while (said := await arrived.get()) is not None:
                yield said
            await reading
        finally:
            reading.cancel()

    async def _texts(self, wanted: str | None) -> AsyncIterator[Streamed]:
        executor = self._session.executor
        await executor.attach(self.id)
        async with aclosing(executor.events_below(self.id)) as events:
            async for event in events:
                if event.type is EventType.NODE_OUTPUT and event.data.get("kind") == "text":
                    path, slash, last = event.node.rpartition("/")
                    unit = path + slash + last.partition("#")[0]
                    node = path + slash + node_of(last)
                    if wanted is None or wanted in (unit, node):
                        yield node, item_of(last), event.data["text"]
                elif event.type is EventType.CHAIN_SUSPENDED and await self._waits(event):
                    return

    async def _waits(self, event: Event) -> bool:
        state = await self._session.executor.state(self.id)
        return state.status is Status.SUSPENDED and state.seq <= event.seq

    # ------------------------------------------------------------------ acting

    def resume(self, answer: Any = None, /, *, node: str = "", **fields: Any) -> None:
        """Answer a waiting node. Fields go by keyword or as one dict; a form of one value takes it.

        Args:
            node: which one, if several wait; one of a chain below by its path, `sub/approval`.

        Raises:
            ResumeError: it does not wait, or the answer does not fit; nothing changed.
        """
        self._session.resume(self.id, one_mapping(answer, fields), node=node)

    def stop(self) -> None:
        """Cancel it; one that has ended stays as it is."""
        self._session.stop(self.id)

    def retry(self) -> None:
        """Go on with a FAILED or CANCELLED run; what SUCCEEDED stays.

        Raises:
            InvalidOperation: its status is another.
        """
        self._session.retry(self.id)

    # ------------------------------------------------------------------ showing

    def __repr__(self) -> str:
        return f"<run {self.id}: {self.status}>"

    def svg(self) -> str:
        """The run as it stands as one SVG that needs nothing else: graph, texts, result or error."""
        return picture_of(self._session, self.id)["image/svg+xml"]

    def html(self) -> str:
        """The run as it stands as a page that needs nothing else, no script either: graph, timeline, and
        all of each node one click away."""
        return page_of(self._session, self.id)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """For who shows no live view; a notebook shows that."""
        return picture_of(self._session, self.id)

    def _ipython_display_(self) -> None:
        show_run(self._session, self.id)
