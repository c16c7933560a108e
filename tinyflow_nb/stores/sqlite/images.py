"""Images: runs rebuilt from their journal rows, caught up before each use, and kept while of use."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from tinyflow_nb.errors import StoreError
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.shape import Shape, shape_of
from tinyflow_nb.stores.run_image import RunImage
from tinyflow_nb.stores.sqlite import codec
from tinyflow_nb.stores.sqlite.database import Database
from tinyflow_nb.stores.sqlite.large_values import LargeValues

Execute = Callable[..., sqlite3.Cursor]

IMAGES = 512
"""Runs kept as images; the oldest goes first, and is rebuilt if it is needed again."""


class Held:
    """An image, and the newest journal row it has in it."""

    __slots__ = ("foreign_seq", "id", "image", "n", "version", "worker")

    def __init__(self, image: RunImage, id: int, n: int, version: int, worker: str) -> None:
        self.image = image
        self.id = id
        """Its number in the file."""
        self.n = n
        self.version = version
        self.worker = worker
        """Who executes the run, as lists say."""
        self.foreign_seq = 0
        """Newest lifecycle event that came from the file, and so maybe from another process."""


class Images:
    def __init__(self, database: Database, large: LargeValues) -> None:
        self._database = database
        self._execute = database.db.execute
        self._large = large
        self._images: dict[str, Held] = {}
        self._shapes: dict[str, Shape] = {}
        self.version = 0
        """Counts the changes other processes made to the file."""
        self._seen_data_version = -1
        database.failed = self._images.clear  # what was derived from a rolled-back write is wrong

    def __getitem__(self, run: str) -> Held:
        return self._images[run]

    def get(self, run: str) -> Held | None:
        """As it was when it was last used."""
        return self._images.get(run)

    def drop(self, run: str) -> None:
        self._images.pop(run, None)

    def add(self, image: RunImage, id: int) -> None:
        """A run just created."""
        self._shapes[image.new.definition] = image.shape
        self._keep(image.new.run, Held(image, id, 0, self.version, image.new.worker))

    def unchanged(self) -> bool:
        """Whether no other process wrote since an image was last caught up."""
        (data_version,) = self._execute("PRAGMA data_version").fetchone()
        return bool(data_version == self._seen_data_version)

    def hold(self, run: str) -> Held | None:
        """The run's image, caught up with the file."""
        if not self._database.locked_and_seen:  # under the lock nobody else writes
            (data_version,) = self._execute("PRAGMA data_version").fetchone()
            self._database.locked_and_seen = self._database.db.in_transaction
            if data_version != self._seen_data_version:
                self._seen_data_version = data_version
                self.version += 1
        held = self._images.get(run)
        if held is None:
            return self._rebuild(run)
        if held.version != self.version:
            if not self._is_there(held):
                self.drop(run)
                return self._rebuild(run)
            self._catch_up(held, self._execute)
        return held

    def _is_there(self, held: Held) -> bool:
        """Whether the run was not deleted meanwhile; another may have got its number since."""
        image = held.image
        sql = "SELECT worker FROM runs WHERE id=? AND run=? AND created=?"
        row = self._execute(sql, (held.id, image.new.run, image.created_at)).fetchone()
        if row is not None:
            held.worker = row[0]
        return row is not None

    def _rebuild(self, run: str) -> Held | None:
        held = self.read(run, self._execute)
        if held is not None:
            self._keep(run, held)
        return held

    def read(self, run: str, execute: Execute) -> Held | None:
        sql = "SELECT id, worker, body FROM runs JOIN journal ON journal.run = id AND n = 0 WHERE runs.run=?"
        row = execute(sql, (run,)).fetchone()
        if row is None:
            return None
        id, worker, body = row
        new, at = codec.new_of(body)
        image = RunImage(new, self._shape(new.definition, execute), at)
        held = Held(image, id, 0, self.version, worker)
        outcome = held.image.begin()
        held.image.events = list(outcome.events)
        self._catch_up(held, execute)
        held.image.events = []
        return held

    def _catch_up(self, held: Held, execute: Execute) -> None:
        sql = "SELECT n, body FROM journal WHERE run=? AND n>? ORDER BY n"
        rows = execute(sql, (held.id, held.n))
        for n, body in rows.fetchall():
            codec.replay(held.image, body)
            held.n = n
            held.foreign_seq = held.image.seq
            self._large.look(body)
        held.version = self.version

    def _keep(self, run: str, held: Held) -> None:
        self._images[run] = held
        if len(self._images) > IMAGES:
            del self._images[next(iter(self._images))]

    def _shape(self, hash: str, execute: Execute) -> Shape:
        shape = self._shapes.get(hash)
        if shape is None:
            row = execute("SELECT body FROM definitions WHERE hash=?", (hash,)).fetchone()
            if row is None:
                raise StoreError(f"{self._database.path} lacks the definition #{hash[:8]} of one of its runs")
            shape = shape_of(ChainDefinition.model_validate_json(row[0]))
            if len(self._shapes) > 256:
                self._shapes.clear()
            self._shapes[hash] = shape
        return shape
