"""The session: this kernel's engine, on an event loop in a thread of its own.

The user's own loop is never touched: handles reach the engine through `call` and `bridge`.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import getpass
import logging
import threading
from collections.abc import Awaitable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tinyflow_nb.errors import InvalidOperation, StoreError
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.status import Status

if TYPE_CHECKING:
    from tinyflow_nb.engine.executor import ChainExecutor
    from tinyflow_nb.engine.pins import LocalChain
    from tinyflow_nb_widgets import RunView

log = logging.getLogger(__name__)

CLOSING_SECONDS = 5.0
WAKE_SECONDS = 0.2
WHY_SECONDS = 3.0
"""Between looks at whether a run waits for a worker."""
BELOW_SECONDS = 0.5
"""Between looks at the forms of a suspended child."""
T = TypeVar("T")


@dataclass(slots=True)
class CellRun:
    """The run a cell started itself, which running the cell again replaces."""

    run_id: str
    own: bool
    """False if it was published: then it is never stopped for the cell."""


class Session:
    """One per kernel. Nothing is opened before it is needed."""

    def __init__(self) -> None:
        self.address = ""
        """Of the store, as it was asked for; "" is the settings' own."""
        self.scheduler = ""
        """Of the fleet, as it was asked for."""
        self.executes = True
        """Whether runs are executed in this kernel; a fleet's only if that was asked for."""
        self.cell_runs: dict[str, CellRun] = {}
        """By the cell's name."""
        self._executor: ChainExecutor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()
        self._views: dict[str, list[RunView]] = {}
        self._following: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------------ reaching the engine

    @property
    def executor(self) -> ChainExecutor:
        """Opened when it is first asked for.

        Raises:
            StoreError, SettingsError: the store can't be used.
        """
        if self._executor is None:
            self.connect(self.address, self.scheduler)
        assert self._executor is not None
        return self._executor

    @property
    def is_open(self) -> bool:
        return self._executor is not None

    def connect(self, address: str, scheduler: str = "", *, execute: bool = False) -> None:
        """Use this store from now on. If it can't be opened, all stays as it is.

        Args:
            scheduler: of a fleet, as `connect` of the engine takes it.
            execute: execute a fleet's runs here, too; those of other stores always are.

        Raises:
            StoreError, SettingsError
        """
        from tinyflow_nb.engine.connect import is_shared

        executes = execute or not is_shared(address)
        with self._lock:
            opened = self.call(self._open(address, scheduler, executes))
            before, self._executor = self._executor, opened
            self.address, self.scheduler, self.executes = address, scheduler, executes
            if before is not None:
                self.cell_runs.clear()
                self.call(self._close(before))

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the engine's loop and wait. An interrupt ends the waiting and cancels the work."""
        if threading.current_thread() is self._thread:
            work.close()
            raise InvalidOperation("a node can't call a handle: make the other chain an input or a node")
        future = self._submit(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def bridge(self, work: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Run on the engine's loop; to be awaited in the caller's."""
        waiting = asyncio.wrap_future(self._submit(work))
        _keep_waking(waiting)
        return waiting

    def _submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="tinyflow", daemon=True)
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        """Runs that have not ended stay as they are in the store."""
        with self._lock:
            if self._loop is None or self._thread is None:
                return
            if self._executor is not None:
                closing = self._submit(self._close(self._executor))
                with contextlib.suppress(concurrent.futures.TimeoutError):
                    closing.result(CLOSING_SECONDS)
                self._executor = None
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CLOSING_SECONDS)
            if not self._thread.is_alive():
                self._loop.close()
            self._loop = self._thread = None

    @staticmethod
    async def _open(address: str, scheduler: str, execute: bool) -> ChainExecutor:
        from tinyflow_nb.engine.connect import connect

        return await connect(address, scheduler=scheduler, execute=execute).__aenter__()

    async def _close(self, executor: ChainExecutor) -> None:
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)
        self._views.clear()
        await executor.__aexit__(None, None, None)

    # ------------------------------------------------------------------ acting on runs

    def start(
        self, chain: Any, inputs: Mapping[str, Any], *, deadline: float | None, bindings: Mapping[str, Any],
        chains: Mapping[str, LocalChain],
    ) -> str:  # fmt: skip
        """A new run's id. Raises what `execute_async` raises."""
        work = self.executor.execute_async(
            chain,
            inputs,
            deadline=deadline,
            user=getpass.getuser(),
            bindings=bindings or None,
            chains=chains,
        )
        return self.call(work)

    def resume(self, run_id: str, answer: Any, *, node: str = "", answer_id: str = "") -> None:
        """Raises what `resume_async` raises."""
        work = self.executor.resume_async(
            run_id, answer, node=node, answer_id=answer_id, who=getpass.getuser()
        )
        self.call(work)

    def stop(self, run_id: str) -> None:
        """Raises UnknownRun."""
        self.call(self.executor.stop(run_id))

    def retry(self, run_id: str) -> None:
        """Raises UnknownRun, InvalidOperation. Views of the run go on with it."""
        self.call(self._retry(run_id))

    async def _retry(self, run_id: str) -> None:
        before = await self.executor.state(run_id)
        await self.executor.retry(run_id)
        for view in self._views.get(run_id, ()):
            self._follow_in_task(run_id, view, before.seq)

    async def below(self, run_id: str, path: str) -> tuple[str, str]:
        """The run and the unit that a path names: `sub/draft` is `draft` of the child of `sub`.

        Raises:
            UnknownRun
            InvalidOperation: a unit on the way has no chain below it, or not yet.
        """
        while "/" in path:
            unit, _, path = path.partition("/")
            state = await self.executor.state(run_id)
            found = next((u for u in state.units() if u.id == unit), None)
            if found is None or not found.child:
                having = ", ".join(u.id for u in state.units() if u.child) or "none"
                raise InvalidOperation(
                    f"{unit!r} of run {run_id} has no chain below it; those that have: {having}"
                )
            run_id = found.child
        return run_id, path

    async def wait(self, run_id: str, timeout: float | None = None, *, people: bool = False) -> Any:
        """The result; the run is executed here if nobody else does (SEMANTICS 21)."""
        await self.executor.attach(run_id)
        return await self.executor.wait(run_id, timeout, people=people)

    # ------------------------------------------------------------------ views

    def follow(self, run_id: str, view: RunView) -> None:
        """Feed a view with the run's events from the first on, until it ends; a retry feeds it on."""
        self.call(self._start_following(run_id, view))

    def keep(self, run_id: str, view: RunView) -> None:
        """A view that has been told all of a run that has ended: a retry feeds it on."""
        self.call(self._keep(run_id, view))

    async def _keep(self, run_id: str, view: RunView) -> None:
        self._views.setdefault(run_id, []).append(view)

    async def _start_following(self, run_id: str, view: RunView) -> None:
        view.replace(await self.executor.state(run_id))  # it knows its run from the first picture on
        self._views.setdefault(run_id, []).append(view)
        self._follow_in_task(run_id, view, 0)

    def _follow_in_task(self, run_id: str, view: RunView, after: int) -> None:
        task = asyncio.get_running_loop().create_task(self._follow(run_id, view, after))
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    async def _follow(self, run_id: str, view: RunView, after: int) -> None:
        looking: set[asyncio.Task[None]] = set()

        def begin(work: Coroutine[Any, Any, None]) -> None:
            task = asyncio.get_running_loop().create_task(work)
            looking.add(task)
            task.add_done_callback(looking.discard)

        if not self.executes:
            begin(self._say_why_it_waits(run_id, view))
        try:
            async with aclosing(self.executor.events(run_id, after)) as events:
                async for event in events:
                    view.apply([event])
                    if event.type is EventType.NODE_SUSPENDED and "child" in event.data:
                        begin(self._show_forms_below(run_id, view))
            state = await self.executor.state(run_id)
        except Exception:
            log.exception("the view of run %s is not kept up to date any more", run_id)
            return
        finally:
            for task in looking:
                task.cancel()
        view.finish(state)
        view.finalize()
        if state.status is Status.SUCCEEDED:
            self._views.pop(run_id, None)

    async def _say_why_it_waits(self, run_id: str, view: RunView) -> None:
        """A fleet's run that no worker takes says why (SEMANTICS 23)."""
        told: dict[str, str] = {}
        while True:
            await asyncio.sleep(WHY_SECONDS)
            try:
                state = await self.executor.state(run_id)
            except StoreError:
                log.warning("could not look whether run %s waits for a worker", run_id, exc_info=True)
                continue
            if (why := state.stalled()) != told:
                told = why
                view.replace(state)

    async def _show_forms_below(self, run_id: str, view: RunView) -> None:
        """While a child waits for a person its parent asks. What happens in the child is no event here."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                state = await self.executor.state(run_id)
            except StoreError:
                log.warning("could not look for the forms below run %s", run_id, exc_info=True)
            else:
                view.replace(state)
                if not any(unit.child and unit.status is Status.SUSPENDED for unit in state.units()):
                    return
            await asyncio.sleep(max(BELOW_SECONDS, 10 * (loop.time() - began)))


def _keep_waking(waiting: asyncio.Future[Any]) -> None:
    """Until it is done: a kernel's interrupt does not wake an idle loop, and would come with the result."""
    if not waiting.done():
        waiting.get_loop().call_later(WAKE_SECONDS, _keep_waking, waiting)


_session: Session | None = None


def get_session() -> Session:
    """The kernel's one session; made when it is first asked for."""
    global _session
    if _session is None:
        _session = Session()
        atexit.register(close_session)
    return _session


def close_session() -> None:
    """Close it, if there is one."""
    global _session
    if _session is not None:
        _session.close()
        _session = None
        atexit.unregister(close_session)
