"""Following: who waits for a run, and what other processes did to the runs this one cares for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator

from tinyflow_nb.engine.bus import EventBus
from tinyflow_nb.errors import StoreError
from tinyflow_nb.model.commit import Outcome
from tinyflow_nb.model.status import Status
from tinyflow_nb.ports import StateStore
from tinyflow_nb.stores.reading import event_of

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How long one look at the store waits for a change."""


class Following:
    """Hands changes to subscribers and waiters. One task looks at the store while somebody here cares
    for a run that another process may change."""

    def __init__(
        self, store: StateStore, bus: EventBus, worked_on: Callable[[], set[str]],
        ended: Callable[[str], None],
    ) -> None:  # fmt: skip
        """
        Args:
            worked_on: the runs with attempts in this process that take long.
            ended: told of each run that another process ended.
        """
        self._store = store
        self._bus = bus
        self._worked_on = worked_on
        self._ended = ended
        self._waiting: dict[str, list[asyncio.Future[Status | None]]] = {}
        self._seen: dict[str, int] = {}
        """Newest seq handed on, of the followed runs."""
        self._wanted = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._look())

    # ------------------------------------------------------------------ changes made here

    def tell(self, run: str, outcome: Outcome) -> None:
        """A change this process made."""
        if outcome.events and self._bus.wanted(run):
            self._bus.publish(run, [event_of(raw) for raw in outcome.events])
        if run in self._seen:
            self._seen[run] = outcome.seq
        if run in self._waiting and (outcome.status.terminal or outcome.status is Status.SUSPENDED):
            self._wake(run, outcome.status)

    @contextlib.contextmanager
    def waiting(self, run: str) -> Iterator[asyncio.Future[Status | None]]:
        """A future that is done once the run ends or is suspended; take it before you look. It gives the
        status, or None if the run is gone."""
        future: asyncio.Future[Status | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(run, []).append(future)
        try:
            yield future
        finally:
            left = self._waiting.get(run)
            if left and future in left:
                left.remove(future)
            if not left:
                self._waiting.pop(run, None)

    def _wake(self, run: str, status: Status | None) -> None:
        for future in self._waiting.pop(run, ()):
            if not future.done():
                future.set_result(status)

    # ------------------------------------------------------------------ changes made elsewhere

    def follow(self, run: str, seq: int, *, soon: bool = True) -> None:
        """Somebody here cares for the run, and knows it up to `seq`.

        Args:
            soon: look at once. Of a run that is worked on here others change little, and many a run is
                over before the next look.
        """
        self._seen.setdefault(run, seq)
        if soon:
            self._wanted.set()

    async def _look(self) -> None:
        while True:
            try:
                await self._notice()
                if self._cares():
                    for run in await self._store.watch(self._seen, LOOK_SECONDS):
                        await self._changed(run)
                else:
                    self._wanted.clear()
                    await _either(self._wanted, LOOK_SECONDS)
            except StoreError:  # said where somebody waits for an answer; here the next look tells
                log.warning("could not look at the store", exc_info=True)
                await asyncio.sleep(LOOK_SECONDS)

    async def _notice(self) -> None:
        """Runs with attempts here are followed too: another process may stop them (SEMANTICS 12)."""
        for run in self._worked_on() - self._seen.keys():
            header = await self._store.header(run)
            if header is None or header.status.terminal:
                self._ended(run)
            else:
                self._seen[run] = header.seq

    def _cares(self) -> bool:
        """Drop the runs nobody here cares for any more; whether there are others."""
        for run in self._seen.keys() - {*self._waiting, *self._bus.runs(), *self._worked_on()}:
            del self._seen[run]
        return bool(self._seen)

    async def _changed(self, run: str) -> None:
        events = await self._store.events(run, self._seen.get(run, 0))
        header = await self._store.header(run)  # after the events: an end among them is in it
        if events:
            self._seen[run] = events[-1].seq
            self._bus.publish(run, events)
        if header is None or header.status.terminal:
            self._ended(run)
        if header is None or header.status.terminal or header.status is Status.SUSPENDED:
            self._wake(run, header.status if header else None)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for futures in self._waiting.values():
            for future in futures:
                future.cancel()


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, `seconds` at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
