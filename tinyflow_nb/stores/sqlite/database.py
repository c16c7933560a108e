"""Database: the connection, its transactions, and the thread it does its slow work on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tinyflow_nb.errors import StoreError, TinyflowError
from tinyflow_nb.stores.sqlite.schema import check_version, migrate

log = logging.getLogger(__name__)

T = TypeVar("T")
_Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]
_Result = tuple["asyncio.Future[Any]", Any, BaseException | None]

CHECKPOINT_SECONDS = 0.5
CHECKPOINT_BYTES = 4_000_000
"""The write-ahead log is copied back once it is this large; on a thread, for it takes a while."""
CROWD = 3
"""Tasks that write in one turn of the loop from which on they share their transactions."""
BUSY_SECONDS = 30.0
"""How long another process's transaction is waited for."""


class Database:
    """Runs jobs, each within a write transaction, on the loop's own thread: a commit that need not
    wait for the disk costs less than a hop to another thread.

    Jobs of several tasks in one turn of the loop share a transaction. With `full=True` the commit
    itself, which waits for the disk, is done by a thread, and what comes meanwhile shares the next.
    """

    def __init__(self, path: str, *, full: bool) -> None:
        self.path = path
        self._full = full
        self._batch: list[_Job] = []
        self._committing = False
        """A batch is on its way to the disk: the connection is the thread's until it is there."""
        self._flushing = False
        self._turn: set[int] = set()
        """Tasks that wrote in this turn of the loop."""
        self._crowded = False
        self._busy_since = 0.0
        self._commits: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._renewing = threading.Lock()
        self._renewer: sqlite3.Connection | None = None
        self._looking = threading.Lock()
        self._reader: sqlite3.Connection | None = None
        self.locked_and_seen = False
        """For who reads: what other processes wrote was looked at since the transaction began."""
        self.failed: Callable[[], None] = lambda: None
        """Called when a transaction was rolled back: what was derived from it is wrong."""

    def open(self) -> None:
        """Raises StoreError: corrupt, read-only, full, someone else's, or of a newer version."""
        with said_plainly(self.path):
            existed = self.path != ":memory:" and Path(self.path).exists()
            if not existed:
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            else:
                self._look_first()
            self.db = self._connect()
            if not existed:
                self.db.execute("PRAGMA page_size = 1024")
            self._patiently(lambda: self.db.execute("PRAGMA journal_mode = WAL"))
            self._patiently(lambda: migrate(self.db, self.path))
            self.db.execute("PRAGMA busy_timeout = 0")  # waiting is done without blocking the loop
        targets = [self._checkpoint, *([self._commit_batches] if self._full else [])]
        for target in targets:
            thread = threading.Thread(target=target, name="tinyflow-sqlite", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _look_first(self) -> None:
        """A file that can't be used is left as it is."""
        if not os.access(self.path, os.W_OK):
            raise StoreError(f"{self.path} is read-only for this user: change its permissions")
        db = sqlite3.connect(f"{Path(self.path).resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            check_version(db, self.path)
        finally:
            db.close()

    def _patiently(self, action: Callable[[], Any]) -> None:
        """Opening meets other processes that are opening: SQLite's own wait does not cover that."""
        for attempt in range(60):
            try:
                action()
                return
            except sqlite3.OperationalError as e:
                if not _is_busy(e) or attempt == 59:
                    raise
                threading.Event().wait(0.01 + random.random() / 20)

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self.path, timeout=10, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        db.execute(f"PRAGMA synchronous = {'FULL' if self._full else 'NORMAL'}")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("PRAGMA cache_size = -16000")
        return db

    async def run(self, job: Callable[[], T]) -> T:
        """Run a job in a write transaction; its exception rolls back."""
        if self._full or self._crowded or self._batch:
            return await self._shared(job)
        if not self._turn:
            asyncio.get_running_loop().call_soon(self._turn_over)
        self._turn.add(id(asyncio.current_task()))
        while True:
            try:
                self.db.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.Error as e:
                self._check_busy(e)
            await asyncio.sleep(random.uniform(0.0005, 0.005))
        self._busy_since = 0.0
        try:
            self.locked_and_seen = False
            result = job()
            self.db.execute("COMMIT")
            self.locked_and_seen = False
            return result
        except BaseException as e:
            self._roll_back()
            if isinstance(e, sqlite3.Error):
                raise plainly(e, self.path) from e
            raise

    async def read(self, job: Callable[[], T]) -> T:
        """Run a job that writes nothing, on what is committed."""
        if self._committing:
            return await self._shared(job)
        with said_plainly(self.path):
            return job()

    async def look(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job that may read much, on what is committed: on a thread, so that the loop goes on."""
        return await asyncio.to_thread(self._look, job)

    def _look(self, job: Callable[[sqlite3.Connection], T]) -> T:
        with self._looking, said_plainly(self.path):
            if self._reader is None:
                self._reader = self._connect()
            return job(self._reader)

    def _turn_over(self) -> None:
        self._crowded = len(self._turn) >= CROWD
        self._turn.clear()

    def _check_busy(self, error: sqlite3.Error) -> None:
        """Raises StoreError unless it is worth waiting for another process."""
        now = time.monotonic()
        self._busy_since = self._busy_since or now
        if not _is_busy(error) or now - self._busy_since > BUSY_SECONDS:
            self._busy_since = 0.0
            raise plainly(error, self.path) from error

    # ------------------------------------------------------------------ shared transactions

    async def _shared(self, job: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._batch.append((job, future))
        if not self._flushing and not self._committing:
            self._flush_soon()
        return await future

    def _flush_soon(self) -> None:
        self._flushing = True
        asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Run the jobs that have come together, and commit them as one."""
        self._flushing = False
        batch, self._batch = self._batch, []
        self._crowded = len(batch) >= CROWD
        results: list[_Result] = []
        try:
            self.db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as e:
            try:
                self._check_busy(e)
            except StoreError as told:
                _deliver([(future, None, told) for _, future in batch])
                return
            self._batch = batch + self._batch
            self._flushing = True
            asyncio.get_running_loop().call_later(random.uniform(0.0005, 0.005), self._flush)
            return
        self._busy_since = 0.0
        self.locked_and_seen = False
        try:
            for job, future in batch:
                try:
                    results.append((future, job(), None))
                except TinyflowError as e:  # refused before it wrote anything
                    results.append((future, None, e))
                except sqlite3.Error:
                    raise
                except Exception as e:  # noqa: BLE001  it may have written half: the others begin anew
                    self._roll_back()
                    _deliver([(future, None, e)])
                    self._batch = [other for other in batch if other[1] is not future] + self._batch
                    self._flush_soon()
                    return
            if self._full:
                self._commit_on_thread(results)
                return
            self.db.execute("COMMIT")
            self.locked_and_seen = False
        except BaseException as e:  # noqa: BLE001  it is raised where the results are awaited
            results = self._failed(batch, e)
        _deliver(results)

    def _failed(self, batch: list[_Job], error: BaseException) -> list[_Result]:
        self._roll_back()
        told = plainly(error, self.path) if isinstance(error, sqlite3.Error) else error
        return [(future, None, told) for _, future in batch]

    def _commit_on_thread(self, results: list[_Result]) -> None:
        loop = asyncio.get_running_loop()
        self._committing = True

        def commit() -> None:
            error: sqlite3.Error | None = None
            try:
                self.db.execute("COMMIT")
            except sqlite3.Error as e:
                error = e
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._committed, results, error)

        self._commits.put(commit)

    def _committed(self, results: list[_Result], error: sqlite3.Error | None) -> None:
        self._committing = False
        self.locked_and_seen = False
        if error is not None:
            results = self._failed([(_nothing, future) for future, _, _ in results], error)
        _deliver(results)
        if self._batch and not self._flushing:  # once those just delivered have had their say
            self._flush_soon()

    def _commit_batches(self) -> None:
        while (commit := self._commits.get()) is not None:
            commit()

    def renew(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job in a write transaction on a connection of its own, from any thread."""
        with self._renewing, said_plainly(self.path):
            if self._renewer is None:
                self._renewer = self._connect()
            with self._renewer:
                self._renewer.execute("BEGIN IMMEDIATE")
                return job(self._renewer)

    def _roll_back(self) -> None:
        self.locked_and_seen = False
        if self.db.in_transaction:
            with contextlib.suppress(sqlite3.Error):  # the first error is the one to tell
                self.db.execute("ROLLBACK")
        self.failed()

    # ------------------------------------------------------------------ threads

    def _checkpoint(self) -> None:
        db: sqlite3.Connection | None = None
        log_file = Path(self.path + "-wal")
        while not self._closing.wait(CHECKPOINT_SECONDS):
            try:
                if log_file.exists() and log_file.stat().st_size > CHECKPOINT_BYTES:
                    db = db or self._connect()
                    db.execute("PRAGMA wal_checkpoint(RESTART)")
            except sqlite3.Error as e:
                log.warning("could not shorten the log of %s: %s", self.path, e)
        if db is not None:
            db.close()

    async def close(self) -> None:
        self._closing.set()
        self._commits.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        with self._looking:
            for other in (self._renewer, self._reader):
                if other is not None:
                    other.close()
        self.db.execute("PRAGMA wal_autocheckpoint = 1000")
        self.db.close()


def _nothing() -> None: ...


def _deliver(results: list[_Result]) -> None:
    for future, result, error in results:
        if future.cancelled():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)


def _is_busy(error: sqlite3.Error) -> bool:
    code = error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else 0
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@contextlib.contextmanager
def said_plainly(path: str) -> Any:
    """SQLite's errors as StoreErrors that say what to do."""
    try:
        yield
    except sqlite3.Error as e:
        raise plainly(e, path) from e
    except OSError as e:
        raise StoreError(f"{path} can't be opened: {e.strerror}") from e


def plainly(error: sqlite3.Error, path: str) -> StoreError:
    code = error.sqlite_errorcode & 0xFF if hasattr(error, "sqlite_errorcode") else 0
    told = {
        sqlite3.SQLITE_CORRUPT: "is damaged: restore it from a copy, or move it away to begin anew",
        sqlite3.SQLITE_NOTADB: "is not a SQLite file: name another, or move it away",
        sqlite3.SQLITE_READONLY: "is read-only: change its permissions or its folder's",
        sqlite3.SQLITE_FULL: "can't grow: its disk is full; nothing was changed",
        sqlite3.SQLITE_CANTOPEN: "can't be opened: does its folder exist, and may you write there?",
        sqlite3.SQLITE_IOERR: "can't be read or written: its disk reports an error",
        sqlite3.SQLITE_BUSY: "is locked by another process for too long; nothing was changed",
    }.get(code)
    return StoreError(f"{path} {told}" if told else f"{path}: {error}")
