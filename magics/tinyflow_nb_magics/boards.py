"""`%tinyflow waiting` and `%tinyflow runs`: a table everywhere, a live board where a page can show one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinyflow_nb.errors import InvalidOperation, ResumeError
from tinyflow_nb_magics.display import refusal, run_view
from tinyflow_nb_magics.tables import Table, moment

if TYPE_CHECKING:
    from tinyflow_nb.engine.executor import ChainExecutor
    from tinyflow_nb.model.state import ChainState, NodeState, RunSummary
    from tinyflow_nb_magics.session import Session

COUNTED = 200
"""The newest runs, whose statuses are counted and whose chains can be chosen."""

Action = dict[str, Any]


class LiveTable(Table):
    """A table as it was read; shown by a notebook it is live."""

    def __init__(self, table: Table, look: Callable[[], Table], picture: Callable[[], dict[str, Any]],
                 act: Callable[[Action], dict[str, Any]]) -> None:  # fmt: skip
        super().__init__(table.head, table.rows, table.empty)
        self._look, self._picture, self._act = look, picture, act

    def _ipython_display_(self) -> None:
        try:
            from tinyflow_nb_widgets.board import Board
        except ImportError:  # the table alone says it all
            from tinyflow_nb_magics.display import publish

            publish(_static(self))
            return
        Board(self._picture(), on_action=self._act, static=lambda: _static(self._look())).display()


def _static(table: Table) -> dict[str, str]:
    return {"text/plain": repr(table), "text/html": table._repr_html_()}


# ------------------------------------------------------------------ the open forms


def inbox(session: Session) -> LiveTable:
    """Every open form, over all runs."""

    def forms() -> list[tuple[ChainState, NodeState, str]]:
        return session.call(_open_forms(session, session.executor))

    def look() -> Table:
        rows = []
        for state, node, chain in forms():
            form = node.waiting_for or {}
            fields = ", ".join((form.get("schema") or {}).get("properties") or ()) or "one value"
            rows.append((state.id, chain, node.id, str(form.get("message") or ""), fields))
        return Table(("run", "chain", "node", "question", "takes"), rows, "Nothing waits for an answer.")

    def picture() -> dict[str, Any]:
        from tinyflow_nb_widgets.forms import form_of

        shown = [
            {**form_of(state, node.id, node), "run": state.id, "chain": chain, "since": node.started_at}
            for state, node, chain in forms()
        ]
        return {"kind": "inbox", "now": time.time(), "forms": shown}

    def act(action: Action) -> dict[str, Any]:
        if action["type"] == "resume":
            answer_id = str(action.get("answer_id") or "")
            try:
                session.resume(action["run"], action.get("answer"), node=action["unit"], answer_id=answer_id)
            except ResumeError as error:
                return {**refusal(error), "picture": picture()}
        elif action["type"] != "look":
            raise InvalidOperation(f"nothing here can {action['type']}")
        return {"ok": True, "picture": picture()}

    return LiveTable(look(), look, picture, act)


async def _open_forms(session: Session, executor: ChainExecutor) -> list[tuple[ChainState, NodeState, str]]:
    """With the chains down to the one that asks; the form that waits longest first."""
    found = [
        (state, node, await _chains_down(session, state, node.id)) for state, node in await executor.waiting()
    ]
    return sorted(found, key=lambda form: form[1].started_at or 0.0)


async def _chains_down(session: Session, state: ChainState, path: str) -> str:
    """The chains from a run's own down to the one that asks: `support@3 > doc@2`."""
    chains, run_id = [state.chain], state.id
    *units, _ = path.split("/")
    for unit in units:
        run_id, _ = await session.below(run_id, f"{unit}/")
        chains.append((await session.executor.state(run_id)).chain)
    return " > ".join(chains)


# ------------------------------------------------------------------ the runs


def runs_board(session: Session, chain: str, status: str, limit: int) -> LiveTable:
    """The newest runs.

    Args:
        limit: rows of a page.
    """

    def look() -> Table:
        page = session.call(session.executor.runs(chain=chain, status=status, limit=limit))
        rows = [(run.id, run.chain, str(run.status), moment(run.created_at), _note(run)) for run in page.runs]
        return Table(("run", "chain", "status", "started", ""), rows, "No runs.")

    def picture(query: dict[str, str] | None = None) -> dict[str, Any]:
        asked = query or {"chain": chain, "status": status.upper(), "cursor": ""}
        return session.call(_runs_picture(session, asked, limit))

    def act(action: Action) -> dict[str, Any]:
        match action["type"]:
            case "look":
                return {"ok": True, "picture": picture(action.get("query"))}
            case "open":
                return {"ok": True, "model_id": _opened(session, action["run"])}
            case other:
                raise InvalidOperation(f"nothing here can {other}")

    return LiveTable(look(), look, picture, act)


async def _runs_picture(session: Session, query: dict[str, str], limit: int) -> dict[str, Any]:
    from tinyflow_nb_widgets.icons import MARKS
    from tinyflow_nb_widgets.text import RUN_WORDS

    executor = session.executor
    page = await executor.runs(
        chain=query["chain"], status=query["status"], cursor=query["cursor"], limit=limit
    )
    newest = (await executor.runs(limit=COUNTED)).runs
    chains = sorted({run.chain.partition("@")[0] for run in newest} | {query["chain"]} - {""})
    counted = (await executor.runs(chain=query["chain"], limit=COUNTED)).runs if query["chain"] else newest
    counts: dict[str, int] = {}
    for run in counted:
        counts[run.status.value] = counts.get(run.status.value, 0) + 1
    rows = [
        {"id": run.id, "chain": run.chain, "status": run.status.value, "word": RUN_WORDS[run.status],
         "started_at": run.created_at, "finished_at": run.finished_at, "note": _note(run)}
        for run in page.runs
    ]  # fmt: skip
    return {
        "kind": "runs", "now": time.time(), "query": query, "rows": rows, "next": page.next,
        "chains": chains, "counts": counts, "counted": len(counted),
        "marks": {status.value: list(paths) for status, paths in MARKS.items()},
    }  # fmt: skip


def _opened(session: Session, run_id: str) -> str:
    """The model of a view of the run, which goes on here as by `%tinyflow attach`. Raises UnknownRun."""
    from tinyflow_nb_widgets import ChainWidget

    executor = session.executor
    session.call(executor.attach(run_id))
    state = session.call(executor.state(run_id))
    definition = session.call(executor.registry.get(state.definition_hash))
    view = run_view(session, definition, state, run_id)
    session.follow(run_id, view)
    assert isinstance(view.widget, ChainWidget)
    return str(view.widget.model_id)


def _note(run: RunSummary) -> str:
    if run.orphaned:
        return f"orphaned: %tinyflow attach {run.id} continues it"
    return "waits for an answer" if run.waiting else run.error.partition("\n")[0]
