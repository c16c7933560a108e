"""The table of chunks: a row for each batch that was streamed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tinyflow_nb.model.events import Event
from tinyflow_nb.stores.chunks import KEPT, decoded, encoded, positions


class ChunkTable:
    """Called inside transactions."""

    def __init__(self, execute: Callable[..., Any]) -> None:
        self._execute = execute

    def append(self, run: str, chunks: Sequence[Event]) -> None:
        (last,) = self._execute("SELECT max(n + count) FROM chunks WHERE run=?", (run,)).fetchone()
        n = last or 0
        self._insert(run, n, chunks)
        if n % KEPT + len(chunks) >= KEPT:
            self._execute("DELETE FROM chunks WHERE run=? AND n<?", (run, n - KEPT))

    def read(self, run: str, after: int) -> tuple[list[Event], int]:
        sql = "SELECT n, count, body FROM chunks WHERE run=? AND n+count>? ORDER BY n"
        return decoded(self._execute(sql, (run, after)).fetchall(), after)

    def join(self, run: str, before: int, chunks: Sequence[Event]) -> None:
        sql = "SELECT count(*), sum(n+count>?) FROM chunks WHERE run=? AND n<?"
        there, beyond = self._execute(sql, (before, run, before)).fetchone()
        if there and not beyond:
            self._execute("DELETE FROM chunks WHERE run=? AND n<?", (run, before))
            self._insert(run, before - positions(chunks), chunks)

    def _insert(self, run: str, n: int, chunks: Sequence[Event]) -> None:
        values = (run, n, positions(chunks), encoded(chunks))
        self._execute("INSERT INTO chunks VALUES(?,?,?,?)", values)
