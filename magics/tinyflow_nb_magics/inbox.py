"""`%tinyflow waiting`: every open form, over all runs, to be answered there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tinyflow_nb.errors import InvalidOperation, ResumeError, UnknownRun
from tinyflow_nb_magics.boards import Action, LiveTable
from tinyflow_nb_magics.display import refusal
from tinyflow_nb_magics.tables import Table

if TYPE_CHECKING:
    from tinyflow_nb.engine.executor import ChainExecutor
    from tinyflow_nb.model.state import ChainState, NodeState
    from tinyflow_nb_magics.session import Session

SHOWN = 100
"""Forms on the board, those that wait longest."""
RECORDS = 50
"""Answered ones that the board remembers."""

_Form = tuple["ChainState", "NodeState", str]


def inbox(session: Session) -> LiveTable:
    """Every open form, over all runs."""
    board = _Inbox(session)
    return LiveTable(board.table, board.picture, board.act, "%tinyflow waiting")


class _Inbox:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._open: dict[str, dict[str, Any]] = {}
        """What the board has shown last, by the form's key."""
        self._records: dict[str, dict[str, Any]] = {}
        self._here: set[str] = set()
        """Forms that were answered on this board."""

    def table(self) -> Table:
        rows = []
        for state, node, chain in self._session.call(self._forms(self._session.executor)):
            form = node.waiting_for or {}
            fields = ", ".join((form.get("schema") or {}).get("properties") or ()) or "one value"
            rows.append((state.id, chain, node.id, str(form.get("message") or ""), fields))
        return Table(("run", "chain", "node", "question", "takes"), rows, "Nothing waits for an answer.")

    def picture(self) -> dict[str, Any]:
        return self._session.call(self._picture(self._session.executor))

    def act(self, action: Action) -> dict[str, Any]:
        if action["type"] == "resume":
            answer_id, node = str(action.get("answer_id") or ""), action["unit"]
            try:
                self._session.resume(action["run"], action.get("answer"), node=node, answer_id=answer_id)
            except ResumeError as error:
                return {**refusal(error), "picture": self.picture()}
            self._here.add(str(action.get("key")))
        elif action["type"] != "look":
            raise InvalidOperation(f"nothing here can {action['type']}")
        return {"ok": True, "picture": self.picture()}

    async def _picture(self, executor: ChainExecutor) -> dict[str, Any]:
        from tinyflow_nb_widgets.forms import form_of

        every = await self._forms(executor)
        forms = [
            {**form_of(state, node.id, node), "run": state.id, "chain": chain, "since": node.started_at}
            for state, node, chain in every[:SHOWN]
        ]
        before, self._open = self._open, {form["key"]: form for form in forms}
        for key in before.keys() - self._open.keys():
            self._records[key] = await self._record(executor, before[key])
        for key in list(self._records)[:-RECORDS]:
            del self._records[key]
        return {
            "kind": "inbox", "now": time.time(), "forms": forms, "waiting": len(every),
            "records": list(self._records.values()),
        }  # fmt: skip

    async def _record(self, executor: ChainExecutor, form: dict[str, Any]) -> dict[str, Any]:
        """What became of a form that is not open any more."""
        kept = {name: form[name] for name in ("key", "run", "chain", "unit")}
        here = form["key"] in self._here
        word, at = await self._became(executor, form["run"], form["unit"], here=here)
        return {**kept, "word": word, "here": here, "at": at}

    async def _became(
        self, executor: ChainExecutor, run_id: str, path: str, *, here: bool
    ) -> tuple[str, float | None]:
        """What is said of a unit that does not ask any more, and since when."""
        from tinyflow_nb_widgets.text import RUN_WORDS

        try:
            run_id, name = await self._session.below(run_id, path)
            state = await executor.state(run_id)
        except (UnknownRun, InvalidOperation):
            return "its run is gone", None
        unit = next((unit for unit in state.units() if unit.id == name), None)
        if unit is not None and unit.answered_by:
            who = str(unit.answered_by.get("who") or "somebody")
            return f"answered {'' if here else 'elsewhere '}by {who}", unit.answered_by.get("at")
        if state.status.terminal:
            return f"asks no more: its run {RUN_WORDS[state.status]}", state.finished_at
        return "asks no more", unit.finished_at if unit is not None else None

    async def _forms(self, executor: ChainExecutor) -> list[_Form]:
        """With the chains down to the one that asks; the form that waits longest first."""
        waiting = await executor.waiting()
        waiting.sort(key=lambda form: form[1].started_at or 0.0)
        return [(state, node, await self._chains_down(executor, state, node.id)) for state, node in waiting]

    async def _chains_down(self, executor: ChainExecutor, state: ChainState, path: str) -> str:
        """The chains from a run's own down to the one that asks: `support@3 > doc@2`."""
        chains, run_id = [state.chain], state.id
        *units, _ = path.split("/")
        for unit in units:
            run_id, _ = await self._session.below(run_id, f"{unit}/")
            chains.append((await executor.state(run_id)).chain)
        return " > ".join(chains)
