"""`%tinyflow runs`: the runs of a store, filtered, sorted, paged; each opens to its live view."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from tinyflow_nb.errors import InvalidOperation, UnknownRun
from tinyflow_nb.language.words import did_you_mean
from tinyflow_nb.model.reference import Reference
from tinyflow_nb.model.state import RunSummary
from tinyflow_nb_magics.boards import Action, LiveTable
from tinyflow_nb_magics.display import run_view
from tinyflow_nb_magics.tables import Table, moment, number

if TYPE_CHECKING:
    from tinyflow_nb.engine.executor import ChainExecutor
    from tinyflow_nb.model.state import ChainState, RunCounts
    from tinyflow_nb_magics.session import Session

MOST = 200
"""Rows of a page of the live board, which is looked at every other second."""
COUNT_AGAIN = 20
"""Times as long as counting took are the counts used."""

Query = dict[str, str]


def runs_board(session: Session, chain: str, status: str, limit: int) -> LiveTable:
    """The newest runs.

    Args:
        chain: a name, name@version, or name@label: the version it stands for now.
        limit: rows of the table, and of a page of the live board.

    Raises:
        UnknownChain: no version has the label.
    """
    board = _Runs(session, {"chain": chain, "status": status.upper(), "cursor": ""}, limit)
    again = " ".join(filter(None, ["%tinyflow runs", chain, status and f"--status {status}"]))
    return LiveTable(board.table, board.picture, board.act, again)


class _Runs:
    def __init__(self, session: Session, asked: Query, limit: int) -> None:
        self._session = session
        self._asked = asked
        self._limit = limit
        self._counts: RunCounts | None = None
        self._count_at = 0.0
        self._views: dict[str, str] = {}
        """Models of the views that were opened, by run."""

    def table(self) -> Table:
        work = self._picture(self._session.executor, self._asked, "", self._limit)
        picture = self._session.call(work)
        rows = [
            (row["id"], row["chain"], row["status"], moment(row["started_at"]), row["note"])
            for row in picture["rows"]
        ]
        status = self._asked["status"]
        count = picture["counts"].get(status, 0) if status else picture["total"]
        of = f"{number(count)}{'' if picture['complete'] else '+'}"
        more = f"The newest {len(rows)} of {of}; -n {2 * self._limit} shows more." if picture["next"] else ""
        return Table(("run", "chain", "status", "started", ""), rows, self._none(picture["chains"]), more)

    def _none(self, chains: list[tuple[str, str]]) -> str:
        chain = self._asked["chain"]
        if not chain:
            return "No runs."
        near = did_you_mean(chain, [name for name, _ in chains if name != chain])
        return f"No runs of {chain}; {near}" if near else f"No runs of {chain}."

    def picture(self) -> dict[str, Any]:
        return self._look(self._asked, "")

    def act(self, action: Action) -> dict[str, Any]:
        match action["type"]:
            case "look":
                asked, opened = action.get("query") or self._asked, str(action.get("opened") or "")
                return {"ok": True, "picture": self._look(asked, opened)}
            case "open":
                return {"ok": True, "model_id": self._opened(action["run"])}
            case other:
                raise InvalidOperation(f"nothing here can {other}")

    def _look(self, asked: Query, opened: str) -> dict[str, Any]:
        page = min(self._limit, MOST)
        return self._session.call(self._picture(self._session.executor, asked, opened, page))

    async def _picture(
        self, executor: ChainExecutor, query: Query, opened: str, limit: int
    ) -> dict[str, Any]:
        from tinyflow_nb_widgets.icons import MARKS

        chain = await _meant(executor, query["chain"])
        read = partial(executor.runs, chain=chain, status=query["status"], limit=limit)
        page = await read(cursor=query["cursor"])
        if query["cursor"] and not page.runs:  # they were forgotten meanwhile
            query = {**query, "cursor": ""}
            page = await read()
        counts = await self._count(executor)
        by_status: Counter[str] = Counter()
        for (name, status), runs in counts.by.items():
            if not chain or chain in (name, name.partition("@")[0]):
                by_status[status.value] += runs
        rows = [_row(run) for run in page.runs]
        others = opened and opened not in {run.id for run in page.runs}
        return {
            "kind": "runs", "now": time.time(), "query": query, "rows": rows,
            "opened": await _row_of(executor, opened) if others else None,
            "next": page.next, "chains": await _chains(executor, counts, query["chain"]), "counts": by_status,
            "total": by_status.total(), "complete": counts.complete,
            "marks": {status.value: list(paths) for status, paths in MARKS.items()},
        }  # fmt: skip

    async def _count(self, executor: ChainExecutor) -> RunCounts:
        """Of the whole store; what takes long is not counted at each look."""
        now = time.monotonic()
        if self._counts is None or now >= self._count_at:
            self._counts = await executor.counts()
            took = time.monotonic() - now
            self._count_at = now + COUNT_AGAIN * took
        return self._counts

    def _opened(self, run_id: str) -> str:
        """The model of a view of the run, which goes on here as by `%tinyflow attach`. Raises UnknownRun."""
        known = self._views.get(run_id)
        if known is not None:
            return known
        from tinyflow_nb_widgets import ChainWidget

        session, executor = self._session, self._session.executor
        session.call(executor.attach(run_id))
        state = session.call(executor.state(run_id))
        definition = session.call(executor.registry.get(state.definition_hash))
        view = run_view(session, definition, state, run_id)
        session.follow(run_id, view)
        assert isinstance(view.widget, ChainWidget)
        return self._views.setdefault(run_id, str(view.widget.model_id))


async def _row_of(executor: ChainExecutor, run_id: str) -> dict[str, Any] | None:
    """Of a run that is none of the page's; None if it is gone."""
    try:
        return _row(_summary(await executor.state(run_id)))
    except UnknownRun:
        return None


async def _meant(executor: ChainExecutor, chain: str) -> str:
    """How runs name the chain: a label is the version it stands for."""
    reference = Reference.parse(chain)
    if reference is None or not reference.label:
        return chain
    return (await executor.registry.version(chain)).ref


async def _chains(executor: ChainExecutor, counts: RunCounts, asked: str) -> list[tuple[str, str]]:
    """What can be chosen, and its title: names, and of the chosen one the versions and labels."""
    runs: Counter[str] = Counter()
    for (chain, _), count in counts.by.items():
        runs[chain] += count
        runs[chain.partition("@")[0]] += count
    more = "" if counts.complete else "+"
    published = await executor.registry.published()
    found: list[tuple[str, str]] = []
    for name in sorted({chain for chain in runs if "@" not in chain} | {one.name for one in published}):
        found.append((name, f"{name} ({number(runs[name])}{more})"))
        if name != asked.partition("@")[0]:
            continue
        for one in await executor.registry.published(name):
            version = f"{name}@{one.version}"
            labels = "".join(f", {label}" for label in one.labels)
            found.append((version, f"\u2003@{one.version}{labels} ({number(runs[version])}{more})"))
    if asked and asked not in dict(found):
        found.append((asked, asked))
    return found


def _row(run: RunSummary) -> dict[str, Any]:
    from tinyflow_nb_widgets.text import RUN_WORDS

    return {
        "id": run.id, "chain": run.chain, "status": run.status.value, "word": RUN_WORDS[run.status],
        "started_at": run.created_at, "finished_at": run.finished_at, "note": _note(run),
    }  # fmt: skip


def _summary(state: ChainState) -> RunSummary:
    error = str((state.error or {}).get("message", ""))
    return RunSummary(
        state.id, state.chain, state.status, state.created_at, state.finished_at, len(state.waiting()),
        state.parent, error,
    )  # fmt: skip


def _note(run: RunSummary) -> str:
    if run.orphaned:
        return f"orphaned: %tinyflow attach {run.id} continues it"
    return "waits for an answer" if run.waiting else run.error.partition("\n")[0]
