"""StateStore and DefinitionStore in one SQLite file.

A run is rebuilt from its journal into an image, and the image kept while it is of use. Within each
write transaction an image first catches up with what other processes wrote, so every decision is
made on the present, under the file's one write lock: nothing conflicts, nothing is tried again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tinyflow_nb.errors import InvalidOperation, SettingsError
from tinyflow_nb.model.commit import Commit, NewRun, Outcome
from tinyflow_nb.model.events import Event
from tinyflow_nb.model.lanes import Carried
from tinyflow_nb.model.shape import Shape
from tinyflow_nb.model.state import ChainState, RunCounts, RunHeader, RunPage, RunSummary
from tinyflow_nb.model.status import TERMINAL, Status
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import Clock
from tinyflow_nb.stores.reading import event_of, state_of
from tinyflow_nb.stores.run_image import RunImage
from tinyflow_nb.stores.sqlite import codec
from tinyflow_nb.stores.sqlite.chunks import ChunkTable
from tinyflow_nb.stores.sqlite.database import Database
from tinyflow_nb.stores.sqlite.definitions import Definitions
from tinyflow_nb.stores.sqlite.images import Held, Images
from tinyflow_nb.stores.sqlite.large_values import LargeValues
from tinyflow_nb.stores.sqlite.liveness import is_dead
from tinyflow_nb.stores.summaries import counts_of, header_of

Execute = Callable[..., sqlite3.Cursor]
WATCH_SECONDS = 0.05


class SqliteStore:
    def __init__(self, path: str, clock: Clock, *, full: bool = False) -> None:
        """
        Args:
            full: wait for the disk at each commit (survives a power cut too); otherwise what is
                committed survives the process.
        """
        self._clock = clock
        self.now = clock.now
        self._database = Database(path, full=full)

    @classmethod
    def at(cls, address: str, clock: Clock) -> SqliteStore:
        """From the part of an address behind `sqlite://`.

        Raises:
            SettingsError
        """
        path, _, query = address.partition("?")
        options = {key: values[-1] for key, values in parse_qs(query).items()}
        synchronous = options.pop("synchronous", "NORMAL").upper()
        if options or synchronous not in ("NORMAL", "FULL") or not path.startswith("/") or path == "/":
            raise SettingsError(
                f"sqlite://{address}: use sqlite:///relative.db or sqlite:////absolute.db,"
                " and no option but ?synchronous=FULL or NORMAL"
            )
        return cls(str(Path(path[1:]).expanduser()), clock, full=synchronous == "FULL")

    async def start(self, stack: AsyncExitStack) -> None:
        self._database.open()
        stack.push_async_callback(self._database.close)
        self._execute = self._database.db.execute
        self._definitions = Definitions(self._database, self._clock)
        self._large = LargeValues(self._execute)
        self._chunks = ChunkTable(self._execute)
        self._images = Images(self._database, self._large)
        self.put = self._definitions.put
        self.get = self._definitions.get
        self.signed = self._definitions.signed
        self.log = self._definitions.log
        self.append = self._definitions.append

    # ------------------------------------------------------------------ changing runs

    async def create(self, new: NewRun, shape: Shape) -> Outcome | None:
        return await self._database.run(lambda: self._create(new, shape))

    def _create(self, new: NewRun, shape: Shape) -> Outcome | None:
        at = self.now()
        new = new._replace(inputs=self._large.stored(new.run, new.inputs) or "")
        row = (
            new.run, new.chain, new.chain.partition("@")[0], new.definition, at, at,
            new.context.get("parent", ""), new.worker,
        )  # fmt: skip
        sql = (
            "INSERT INTO runs(run, chain, name, definition, status, created, touched, waiting, parent, error,"
            " worker) VALUES(?,?,?,?,'RUNNING',?,?,0,?,'',?) ON CONFLICT(run) DO NOTHING"
        )
        cursor = self._execute(sql, row)
        if cursor.rowcount == 0:
            return None
        id = cursor.lastrowid or 0
        self._execute("INSERT INTO journal VALUES(?, 0, ?)", (id, codec.row_of_new(new, at)))
        image = RunImage(new, shape, at)
        outcome = image.begin()
        self._images.add(image, id)
        return self._with_values(new.run, outcome)

    async def commit(self, commit: Commit) -> Outcome | None:
        return await self._database.run(lambda: self._commit(commit))

    def _commit(self, commit: Commit) -> Outcome | None:
        held = self._images.hold(commit.run)
        if held is None:
            return None
        image = held.image
        if not image.accepts(commit):
            return None
        commit = self._large.commit_stored(commit)
        before = (image.status, image.parked)
        at = self.now()
        outcome = image.apply(commit, at)
        self._append(held, codec.row_of_commit(commit, at))
        if before != (image.status, image.parked):
            self._update_summary(held, commit.worker)
        return self._with_values(commit.run, outcome)

    async def claim(
        self, trigger: Trigger, worker: str, lease: float, tags: Carried = None
    ) -> Outcome | None:
        return await self._database.run(lambda: self._claim(trigger, worker, lease, tags))

    def _claim(self, trigger: Trigger, worker: str, lease: float, tags: Carried) -> Outcome | None:
        held = self._images.hold(trigger.run)
        if held is None:
            return None
        image = held.image
        at = self.now()
        holder = image.units[trigger.unit].worker if trigger.unit in image.units else ""
        unit = image.claimable(trigger, at, trigger.kind == "lease" and is_dead(holder), tags)
        if unit is None or (trigger.kind == "lease" and self._renewed(trigger.run, unit.name, unit.token, at)
                            and not is_dead(holder)):  # fmt: skip
            return None
        before = (image.status, image.parked)
        outcome = image.take_one(unit, worker, lease, at)
        self._append(held, codec.row_of_take(unit.name, worker, lease, at))
        if before != (image.status, image.parked) or worker != held.worker:
            self._update_summary(held, worker)
        return self._with_values(trigger.run, outcome)

    def _append(self, held: Held, row: str) -> None:
        held.n += 1
        self._execute("INSERT INTO journal VALUES(?,?,?)", (held.id, held.n, row))

    def _update_summary(self, held: Held, worker: str) -> None:
        image = held.image
        held.worker = worker or held.worker
        error = (image.error or {}).get("message", "")
        self._execute(
            "UPDATE runs SET status=?, finished=?, touched=?, waiting=?, error=?, worker=? WHERE id=?",
            (image.status, image.finished_at, image.touched_at, image.parked, error, held.worker, held.id),
        )

    def renew(self, claims: Sequence[tuple[str, str, int]], lease: float) -> list[tuple[str, str, int]]:
        until = self.now() + lease

        def write(db: sqlite3.Connection) -> list[tuple[str, str, int]]:
            kept = [claim for claim in claims if self._holds(db, *claim)]
            rows = [(*claim, until) for claim in kept]
            db.executemany("INSERT OR REPLACE INTO renewals VALUES(?,?,?,?)", rows)
            return [claim for claim in claims if claim not in kept]

        return self._database.renew(write)

    def _holds(self, db: sqlite3.Connection, run: str, unit: str, token: int) -> bool:
        """Whether a claim is the present one. Asked by the thread that renews, under the file's write
        lock: nothing changes meanwhile."""
        sql = "SELECT max(n) FROM journal WHERE run=(SELECT id FROM runs WHERE run=?)"
        (newest,) = db.execute(sql, (run,)).fetchone()
        held = self._images.get(run)
        if held is None or held.n != newest:
            held = self._images.read(run, db.execute)
        return held is not None and held.image.holds(unit, token)

    def _renewed(self, run: str, unit: str, token: int, at: float) -> bool:
        row = self._execute(
            "SELECT token, expires FROM renewals WHERE run=? AND unit=?", (run, unit)
        ).fetchone()
        return row is not None and row[0] == token and at < row[1]

    def _with_values(self, run: str, outcome: Outcome) -> Outcome:
        """Claims and events carry JSON texts, never references."""
        if not self._large.any:
            return outcome
        return outcome._replace(
            claims=tuple(self._large.claim_resolved(c) for c in outcome.claims),
            events=self._large.events_resolved(run, outcome.events),
        )

    # ------------------------------------------------------------------ reading

    async def state(self, run: str, *, outputs: bool = True) -> ChainState | None:
        def read() -> ChainState | None:
            held = self._images.hold(run)
            return state_of(held.image, outputs=outputs, resolve=self._resolver(run)) if held else None

        return await self._database.read(read)

    async def header(self, run: str) -> RunHeader | None:
        def read() -> RunHeader | None:
            held = self._images.hold(run)
            if held is None:
                return None
            header = header_of(held.image)
            return header._replace(inputs=self._large.resolved(run, header.inputs) or "{}")

        return await self._database.read(read)

    async def values(self, run: str, nodes: Sequence[str]) -> dict[str, str | None]:
        def read() -> dict[str, str | None]:
            held = self._images.hold(run)
            if held is None:
                return dict.fromkeys(nodes)
            return {node: self._large.resolved(run, held.image.value(node)) for node in nodes}

        return await self._database.read(read)

    async def request(self, run: str, unit: str) -> str | None:
        def read() -> str | None:
            held = self._images.hold(run)
            return self._large.resolved(run, held.image.request(unit)) if held else None

        return await self._database.read(read)

    async def pending(self, run: str) -> list[Trigger]:
        def read() -> list[Trigger]:
            held = self._images.hold(run)
            return held.image.pending(is_dead) if held else []

        return await self._database.read(read)

    async def events(self, run: str, after: int = 0) -> list[Event]:
        def read() -> list[Event]:
            held = self._images.hold(run)
            if held is None or held.image.seq <= after:
                return []
            image = RunImage(held.image.new, held.image.shape, held.image.created_at)
            image.events = list(image.begin().events)
            sql = "SELECT body FROM journal WHERE run=? AND n>0 AND n<=? ORDER BY n"
            rows = self._execute(sql, (held.id, held.n))
            for (body,) in rows.fetchall():
                codec.replay(image, body)
            resolve = self._resolver(run)
            return [event_of(raw, resolve) for raw in image.events if raw[0] > after]

        return await self._database.read(read)

    def _resolver(self, run: str) -> Any:
        return lambda value: self._large.resolved(run, value)

    async def append_chunks(self, run: str, chunks: Sequence[Event]) -> None:
        await self._database.run(lambda: self._chunks.append(run, chunks))

    async def chunks(self, run: str, after: int = 0) -> tuple[list[Event], int]:
        return await self._database.read(lambda: self._chunks.read(run, after))

    async def join_chunks(self, run: str, before: int, chunks: Sequence[Event]) -> None:
        await self._database.run(lambda: self._chunks.join(run, before, chunks))

    async def runs(
        self, *, chain: str = "", status: Status | None = None, waiting: bool = False,
        children: bool = False, limit: int = 50, cursor: str = "",
    ) -> RunPage:  # fmt: skip
        conditions = {
            "(chain=:chain OR name=:chain)": chain,
            "status=:status": status,
            "waiting>0 AND finished IS NULL": waiting,
            "parent=''": not children,
            "id<(SELECT id FROM runs WHERE run=:cursor)": cursor,
        }
        where = " AND ".join(sql for sql, given in conditions.items() if given) or "1"
        sql = (
            "SELECT run, chain, status, created, finished, waiting, parent, error, worker FROM runs"
            f" WHERE {where} ORDER BY id DESC LIMIT :limit"
        )
        given = {"chain": chain, "status": status, "cursor": cursor, "limit": limit + 1}
        rows = await self._database.look(lambda db: db.execute(sql, given).fetchall())
        found = [
            RunSummary(
                run, chain_, Status(status_), created, finished, forms, parent, error,
                orphaned=status_ in ("READY", "RUNNING") and is_dead(worker),
            )
            for run, chain_, status_, created, finished, forms, parent, error, worker in rows
        ]  # fmt: skip
        return RunPage(found[:limit], found[limit - 1].id if len(found) > limit else "")

    async def count(self, most: int) -> RunCounts:
        sql = (
            "SELECT chain, status, count(*) FROM"
            " (SELECT chain, status FROM runs WHERE parent='' ORDER BY id DESC LIMIT ?) GROUP BY 1, 2"
        )
        rows = await self._database.look(lambda db: db.execute(sql, (most,)).fetchall())
        counted = [((chain, Status(status)), runs) for chain, status, runs in rows]
        return counts_of(counted, sum(runs for _, runs in counted) < most)

    # ------------------------------------------------------------------ forgetting

    async def delete(self, run: str) -> bool:
        def write() -> bool:
            held = self._images.hold(run)
            if held is None:
                return False
            if held.image.status not in TERMINAL:
                raise InvalidOperation(f"run {run} is {held.image.status}: stop it first")
            self._forget([run])
            return True

        return await self._database.run(write)

    def _forget(self, runs: list[str]) -> None:
        for run in runs:
            self._execute("DELETE FROM journal WHERE run=(SELECT id FROM runs WHERE run=?)", (run,))
            for table in ("runs", "renewals", "large_values", "chunks"):
                self._execute(f"DELETE FROM {table} WHERE run=?", (run,))
        for run in runs:
            self._images.drop(run)
        self._execute(
            "DELETE FROM definitions WHERE hash NOT IN (SELECT definition FROM runs)"
            " AND hash NOT IN (SELECT hash FROM published) AND at < ?",
            (self.now() - 86_400.0,),  # one that was just put may be about to be run
        )
        self._execute("DELETE FROM signatures WHERE hash NOT IN (SELECT hash FROM definitions)")

    async def release(self, run: str) -> None:
        """Nothing to do: it goes with its parent."""

    async def expire(self, retention: float, suspended_ttl: float) -> list[str]:
        now = self.now()
        sql = (
            "SELECT run FROM runs WHERE finished IS NOT NULL AND finished <= ? AND (parent='' OR NOT EXISTS"
            " (SELECT 1 FROM runs above WHERE above.run=substr(runs.parent, 1, instr(runs.parent, '/') - 1)))"
            " LIMIT 1000"
        )
        while True:
            old = await self._database.read(lambda: self._execute(sql, (now - retention,)).fetchall())
            if not old:
                break
            await self._database.run(lambda rows=old: self._forget([run for (run,) in rows]))  # type: ignore[misc]
        sql_waiting = (
            "SELECT run FROM runs WHERE finished IS NULL AND status='SUSPENDED' AND parent=''"
            " AND touched <= ?"
        )
        rows = await self._database.read(
            lambda: self._execute(sql_waiting, (now - suspended_ttl,)).fetchall()
        )
        return [run for (run,) in rows]

    async def watch(self, runs: Mapping[str, int], timeout: float) -> set[str]:
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while True:
            changed = await self._database.read(lambda: self._changed(runs))
            left = until - loop.time()
            if changed or left <= 0:
                return changed
            await asyncio.sleep(min(WATCH_SECONDS, left))

    def _changed(self, runs: Mapping[str, int]) -> set[str]:
        if self._images.unchanged():
            held = {run: self._images.get(run) for run in runs}
            return {run for run, h in held.items() if h is not None and h.foreign_seq > runs[run]}
        held = {run: self._images.hold(run) for run in runs}
        return {run for run, h in held.items() if h is None or h.foreign_seq > runs[run]}
