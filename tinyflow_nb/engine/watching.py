"""Watching: what is read of runs - their states, their events, lists of them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace

from tinyflow_nb.engine.below import events_below
from tinyflow_nb.engine.bus import Listener, is_chain_error, is_node_error, is_output
from tinyflow_nb.engine.condition import Condition
from tinyflow_nb.engine.figures import figures_of
from tinyflow_nb.engine.monitoring import messages_of
from tinyflow_nb.engine.reading import read_events
from tinyflow_nb.engine.stalled import say_why
from tinyflow_nb.errors import InvalidOperation, SettingsError, UnknownRun
from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.model.figures import Figures
from tinyflow_nb.model.monitor import MonitorMessage
from tinyflow_nb.model.state import ChainState, NodeState, RunCounts, RunPage
from tinyflow_nb.model.status import Status
from tinyflow_nb.ports import MonitorOutlet

COUNTED = 20_000
RUN_STATUSES = tuple(status for status in Status if status is not Status.SKIPPED)


class Watching(Condition):
    """Nothing here changes a run."""

    async def state(self, run_id: str) -> ChainState:
        """With the open forms of its children in `below`. Raises UnknownRun."""
        state = await self._store.state(run_id)
        if state is None:
            raise UnknownRun(self._unknown_run(run_id))
        for unit in state.units():
            if unit.child and unit.status is Status.SUSPENDED:
                below = await self._store.state(unit.child)
                waiting = (await self.state(unit.child)).waiting() if below else {}
                state.below |= {
                    f"{unit.id}/{name}": replace(node, id=f"{unit.id}/{name}")
                    for name, node in waiting.items()
                }
        if self._shared:
            await say_why(state, self._store)
        return state

    async def events(self, run_id: str, after: int = 0) -> AsyncGenerator[Event]:
        """Events with seq > `after`, streamed chunks among them: from the start, then live; ends
        with the latest generation's `chain.finished`.

        Raises:
            UnknownRun
        """
        header = await self._header(run_id)
        with self.bus.inbox(run_id) as inbox:
            self._following.follow(run_id, header.seq)
            await self._streams.drain()  # what was published before is then in the store
            async for event in read_events(self._store, run_id, inbox, after, lambda: run_id in self._mine):
                yield event

    async def events_below(self, run_id: str) -> AsyncGenerator[Event]:
        """`events` of the run and of all the chains below it: theirs carry their path as `node`, such as
        `sub/draft`.

        Raises:
            UnknownRun
        """
        await self._header(run_id)
        async for event in events_below(self._store, self.registry, run_id, self.events):
            yield event

    async def recorded(self, run_id: str) -> list[Event]:
        """What `events` would give of the past: it does not wait for more.

        Raises:
            UnknownRun
        """
        await self._header(run_id)
        await self._streams.drain()
        chunks, _ = await self._store.chunks(run_id)
        return sorted([*await self._store.events(run_id), *chunks], key=lambda event: event.seq)

    async def runs(
        self, *, chain: str = "", status: str = "", waiting: bool = False, children: bool = False,
        limit: int = 50, cursor: str = "",
    ) -> RunPage:  # fmt: skip
        """A page of runs, newest first.

        Args:
            status: of the run, in any case; empty: all.
            children: list the runs of chains in chains too.
            limit: runs of the page at most.
            cursor: the `next` of the page before.

        Raises:
            SettingsError: a run has no such status.
        """
        if status and status.upper() not in RUN_STATUSES:
            raise SettingsError(f"a run has no status {status!r}; one of {', '.join(RUN_STATUSES)}")
        wanted = Status(status.upper()) if status else None
        return await self._store.runs(
            chain=chain, status=wanted, waiting=waiting, children=children, limit=limit, cursor=cursor
        )

    async def counts(self, most: int = COUNTED) -> RunCounts:
        """How many runs there are of each chain and status, those of chains in chains left out.

        Args:
            most: runs counted, the newest of them; a fleet's store takes its parts' newest.
        """
        return await self._store.count(most)

    async def waiting(self) -> list[tuple[ChainState, NodeState]]:
        """Every open form, with its run; oldest run last."""
        found: list[tuple[ChainState, NodeState]] = []
        cursor = ""
        while True:
            page = await self._store.runs(waiting=True, cursor=cursor)
            for summary in page.runs:
                with contextlib.suppress(UnknownRun):  # it has just been deleted
                    state = await self.state(summary.id)
                    found += [(state, node) for node in state.waiting().values()]
            if not page.next:
                return found
            cursor = page.next

    async def metrics(self, limit: int = 1000) -> Figures:
        """How the newest runs have been doing: by status and chain, how long they took, their tokens,
        and what waits to be worked on.

        Args:
            limit: runs looked at, at most; their tokens are counted of the newest 100.
        """
        return await figures_of(self._store, limit)

    async def monitored(self, *, from_start: bool = False) -> AsyncGenerator[MonitorMessage]:
        """What a fleet tells the outside of its runs, as it comes; never ends by itself.

        Args:
            from_start: what is still kept comes first. RocketMQ goes on from where the group
                `tinyflow_monitor` got to, whatever is said here.

        Raises:
            InvalidOperation: this store and scheduler are no fleet's.
        """
        if not isinstance(self._scheduler, MonitorOutlet):
            raise InvalidOperation("only a fleet has monitor messages: connect to its redis:// address")
        async for message in messages_of(self._scheduler.told(from_start=from_start)):
            yield message

    # ------------------------------------------------------------------ listeners

    def add_event_listener(self, type: EventType | None, listener: Listener) -> None:
        """Call `listener(run_id, event)` for every event of a type (None: of any)."""
        self.bus.listen(lambda e: type is None or e.type == type, listener)

    def add_error_listener(self, listener: Listener) -> None:
        self.bus.listen(is_chain_error, listener)

    def add_node_error_listener(self, listener: Listener) -> None:
        self.bus.listen(is_node_error, listener)

    def add_output_listener(self, listener: Listener) -> None:
        self.bus.listen(is_output, listener)
