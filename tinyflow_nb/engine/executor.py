"""ChainExecutor: execute, watch, resume and stop chains. It keeps no chain between calls."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any

from tinyflow_nb.engine.answers import answer_step
from tinyflow_nb.engine.chains import Chains
from tinyflow_nb.engine.inputs import check_inputs, inputs_text
from tinyflow_nb.engine.pins import LocalChain, pin_all
from tinyflow_nb.engine.registry import Chain
from tinyflow_nb.engine.results import result_of, suspension, value_of
from tinyflow_nb.errors import (
    ChainTimeout,
    DefinitionError,
    InvalidOperation,
    ResumeError,
    RunExists,
    UnknownRun,
)
from tinyflow_nb.model.commit import NewRun
from tinyflow_nb.model.shape import shape_of
from tinyflow_nb.model.state import ChainState
from tinyflow_nb.model.status import Status

RUN_ID = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
DEFAULT_TIMEOUT = 180.0
"""Seconds `execute` waits for a result."""


class ChainExecutor(Chains):
    """The engine's one public face. Every part is a port and can be replaced by one's own.

    Use it as `async with`; `connect()` builds one.
    """

    # ------------------------------------------------------------------ starting

    async def execute(
        self, chain: Chain, inputs: Mapping[str, Any] | None = None, *,
        timeout: float | None = DEFAULT_TIMEOUT, **options: Any,
    ) -> Any:  # fmt: skip
        """Run a chain and give its result. `options` as for `execute_async`.

        Raises:
            ChainFailed, ChainCancelled: it ended so.
            ChainTimeout: `timeout` seconds are over; the run goes on.
            InputError, UnknownChain, DefinitionError: nothing was started.
        """
        return await self.wait(await self.execute_async(chain, inputs, **options), timeout=timeout)

    async def execute_async(
        self, chain: Chain, inputs: Mapping[str, Any] | None = None, *, run_id: str = "",
        deadline: float | None = None, session: str = "", user: str = "",
        baggage: Mapping[str, str] | None = None, bindings: Mapping[str, Any] | None = None,
        chains: Mapping[str, LocalChain] | None = None,
    ) -> str:  # fmt: skip
        """Start a run and give its id at once.

        Args:
            run_id: an id of the caller's; the same id with the same chain and inputs is that run.
            deadline: seconds the run may take, waiting for people included.
            baggage: texts by name that every node of this run and its children may read.
            bindings: values for names of the cell that it does not define (`--bind`).
            chains: unpublished chains that `@chain("name")` may mean in an unpublished definition, by name.

        Raises:
            CycleError: chains call each other in a circle.
            RunExists: `run_id` is another run.
            InvalidOperation: `run_id` has characters no id may have.
            InputError, UnknownChain, DefinitionError: nothing was started.
            NotTrusted: it is published by somebody who is not trusted here; nothing was started.
        """
        if run_id and not RUN_ID.fullmatch(run_id):
            raise InvalidOperation(f"{run_id!r} can't be a run's id: letters, digits and . _ : - make one")
        definition, ref = await self.registry.submit(chain)
        await self._at_hand.plan(definition, bindings)
        pins = await pin_all(self.registry, definition, ref, chains or {})
        checked = check_inputs(definition, inputs or {})
        text = inputs_text(definition, checked)
        limit = deadline or definition.settings.deadline
        given = {"session": session, "user": user, "bindings": dict(bindings or {}), "pins": pins}
        context: dict[str, Any] = {name: value for name, value in given.items() if value}
        if baggage:
            context["baggage"] = dict(baggage)
        if definition.settings.max_concurrency:
            context["max_concurrency"] = definition.settings.max_concurrency
        if limit:
            context["deadline"] = limit
        if self._tracing is not None and (traceparent := self._tracing.caller()):
            context["traceparent"] = traceparent
        if self._monitor != "off":
            context["monitor"] = self._monitor
        while True:
            run = run_id or f"{definition.name}-{os.urandom(5).hex()}"
            now = self._store.now()
            new = NewRun(run, definition.hash, ref, text, now + limit if limit else None, context)
            if await self._begin(new, definition) is not None:
                return run
            if run_id:
                return await self._same_run(new)

    async def _same_run(self, new: NewRun) -> str:
        header = await self._header(new.run)
        if header.definition == new.definition and json.loads(header.inputs) == json.loads(new.inputs):
            await self.attach(new.run)
            return new.run
        raise RunExists(f"run {new.run} exists with another definition or other inputs")

    # ------------------------------------------------------------------ waiting

    async def wait(self, run_id: str, timeout: float | None = DEFAULT_TIMEOUT, *, people: bool = True) -> Any:
        """The run's result, once it has ended.

        Args:
            timeout: seconds; None waits for ever. Only the waiting ends, never the run.
            people: wait for people's answers too; False raises as soon as only they are awaited.

        Raises:
            ChainFailed, ChainCancelled, ChainTimeout, UnknownRun, ChainSuspended
        """
        loop = asyncio.get_running_loop()
        until = None if timeout is None else loop.time() + timeout
        if run_id not in self._mine:
            with contextlib.suppress(DefinitionError):  # another process may be able to load its code
                await self.attach(run_id)
        live = self._at_hand.known(run_id) if people and run_id in self._mine else None
        while True:
            with self._following.waiting(run_id) as changed:
                if live is None:
                    header = await self._header(run_id)
                    if header.status.terminal:
                        definition = await self.registry.get(header.definition)
                        return await result_of(self._store, header, shape_of(definition))
                    if not people and header.status is Status.SUSPENDED:
                        state = await self.state(run_id)
                        if state.status is not Status.SUSPENDED:
                            continue  # somebody answered just now
                        raise suspension(state)
                known = live or header
                self._following.follow(run_id, known.seq, soon=live is None)
                try:
                    async with asyncio.timeout_at(until):
                        status = await changed
                except TimeoutError:
                    told = f"{known.chain} has not ended after {timeout:g} s; it goes on as run {run_id}"
                    raise ChainTimeout(told, run_id=run_id) from None
            if live is not None and status is Status.SUCCEEDED:
                return await value_of(self._store, run_id, live.plan.shape)
            live = None

    # ------------------------------------------------------------------ acting on a run

    async def resume_async(
        self, run_id: str, answer: Any = None, *, node: str = "", answer_id: str = "", who: str = ""
    ) -> None:
        """Answer a waiting node; the first valid answer wins.

        Args:
            answer: a dict of the form's fields; a form of one value takes the value itself.
            node: which unit (`approval`, `approval[3]`), or its path down the chains (`sub/approval`);
                needed when several wait.
            answer_id: the same id again is the same answer, and no error.

        Raises:
            UnknownRun
            ResumeError: it does not wait, or the answer does not fit; nothing changed.
        """
        state = await self.state(run_id)
        if not node and len(waiting := state.waiting()) == 1:
            node = next(iter(waiting))
        if "/" in node:
            unit, _, below = node.partition("/")
            child = self._child_of(state, unit)
            await self.resume_async(child, answer, node=below, answer_id=answer_id, who=who)
            return
        definition = await self.registry.get(state.definition_hash)
        live = await self._at_hand.run(run_id) if self._execute else None
        plan = live.plan if live else None
        step = answer_step(definition, state, answer, node, answer_id or os.urandom(8).hex(), who, plan)
        if step is None:
            return
        outcome = await self._store.commit(self._commit(run_id, state.generation, step))
        if outcome is None:
            await self._resumed_already(run_id, step.unit, answer_id)
            return
        await self._adopt(run_id, outcome)

    @staticmethod
    def _child_of(state: ChainState, unit: str) -> str:
        found = next((u for u in state.units() if u.id == unit), None)
        if found is None or not found.child:
            below = ", ".join(u.id for u in state.units() if u.child) or "none"
            raise ResumeError(f"{unit!r} of run {state.id} has no chain below it; those that have: {below}")
        return found.child

    async def _resumed_already(self, run_id: str, unit: str, answer_id: str) -> None:
        state = await self.state(run_id)
        definition = await self.registry.get(state.definition_hash)
        if answer_step(definition, state, None, unit, answer_id, "", None) is not None:
            raise ResumeError(f"{unit} of run {run_id} changed meanwhile; look at it and answer again")

    async def retry(self, run_id: str) -> None:
        """Take up a FAILED or CANCELLED run again; what SUCCEEDED stays (SEMANTICS 13).

        Raises:
            UnknownRun
            InvalidOperation: its status is another.
            NotTrusted, DefinitionError: it can't be executed here; nothing changed.
        """
        header = await self._header(run_id)
        if header.context.get("parent"):
            root = header.context["root"]
            raise InvalidOperation(f"run {run_id} is a part of run {root}: retry that one")
        if self._adopts:
            await self._at_hand.run(run_id)
        if header.status in (Status.FAILED, Status.CANCELLED):
            await self._nesting.close_children(run_id)  # those of before are not taken for live ones
            if await self._reopen(header):
                return
        raise InvalidOperation(f"run {run_id} is {header.status}: only a FAILED or CANCELLED one is retried")

    async def attach(self, run_id: str) -> None:
        """Execute a run here that another process started and does not go on with (SEMANTICS 21).
        A fleet's runs need nobody to do that.

        Raises:
            UnknownRun
        """
        await self._take_up(await self._header(run_id))

    async def delete(self, run_id: str) -> None:
        """Forget a run that has ended.

        Raises:
            UnknownRun
            InvalidOperation: it has not ended, or is a part of another run.
        """
        state = await self._store.state(run_id, outputs=False)
        if state is None:
            raise UnknownRun(self._unknown_run(run_id))
        if state.parent and await self._store.header(state.root) is not None:
            raise InvalidOperation(f"run {run_id} is a part of run {state.root}: delete that one")
        await self._delete(state)

    async def _delete(self, state: ChainState) -> None:
        await self._store.delete(state.id)  # refused if it is live; then its children are kept too
        for unit in state.units():
            child = await self._store.state(unit.child, outputs=False) if unit.child else None
            if child is not None and child.status.terminal:  # one that was abandoned has its own life
                await self._delete(child)

    async def cleanup(self, older: float, *, chain: str = "", status: str = "") -> int:
        """Forget runs that ended more than `older` seconds ago, and say how many. All go by themselves
        once the settings' `retention` is over.

        Args:
            chain: only of this one, a name or a name with its version.
            status: only of this one.

        Raises:
            SettingsError: a run has no such status.
        """
        ended_before = self._store.now() - older
        forgotten, cursor = 0, ""
        while True:
            page = await self.runs(chain=chain, status=status, limit=200, cursor=cursor)
            for run in page.runs:
                if run.finished_at is not None and run.finished_at < ended_before:
                    forgotten += await self._store.delete(run.id)
            if not page.next:
                return forgotten
            cursor = page.next
