"""Definitions, names and versions in the file."""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.registry import RegistryEntry
from tinyflow_nb.model.signature import Signature, SignedDefinition
from tinyflow_nb.ports import Clock
from tinyflow_nb.stores.signatures import definition_of, readable
from tinyflow_nb.stores.sqlite.database import Database


class Definitions:
    """The DefinitionStore's part of the SQLite store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._execute = database.db.execute
        self._clock = clock

    async def put(self, definition: ChainDefinition, signature: Signature) -> None:
        text = definition.to_json()

        def write() -> None:
            row = (definition.hash, text, self._clock.now())
            sql = "INSERT INTO definitions VALUES(?,?,?) ON CONFLICT(hash) DO UPDATE SET at=excluded.at"
            self._execute(sql, row)
            sql = "SELECT body FROM definitions WHERE hash=?"
            (first,) = self._execute(sql, (definition.hash,)).fetchone()
            key = (definition.hash, signature.key, signature.name)
            own = (signature.to_json(), None if first == text else text)
            self._execute("INSERT OR REPLACE INTO signatures VALUES(?,?,?,?,?)", (*key, *own))

        await self._database.run(write)

    async def get(self, hash: str) -> ChainDefinition | None:
        sql = "SELECT body FROM definitions WHERE hash=?"
        row = await self._database.read(lambda: self._execute(sql, (hash,)).fetchone())
        return definition_of(row[0], hash) if row else None

    async def signed(self, hash: str) -> list[SignedDefinition]:
        sql = (
            "SELECT coalesce(s.body, d.body), s.record FROM signatures s"
            " JOIN definitions d ON d.hash = s.hash WHERE s.hash=?"
        )
        rows = await self._database.read(lambda: self._execute(sql, (hash,)).fetchall())
        return readable(rows)

    async def log(self, after: int = 0) -> list[RegistryEntry]:
        sql = "SELECT body FROM registry WHERE n > ? ORDER BY n"
        rows = await self._database.read(lambda: self._execute(sql, (after,)).fetchall())
        return [RegistryEntry.from_json(body) for (body,) in rows]

    async def append(self, entries: Sequence[RegistryEntry], epoch: int) -> bool:
        def write() -> bool:
            (newest,) = self._execute("SELECT coalesce(max(n), 0) FROM registry").fetchone()
            if newest != epoch:
                return False
            for n, entry in enumerate(entries, epoch + 1):
                self._execute("INSERT INTO registry VALUES(?,?)", (n, entry.to_json()))
                if entry.kind == "publish":
                    row = (entry.name, entry.version, entry.hash)
                    self._execute("INSERT INTO published VALUES(?,?,?)", row)
                elif entry.kind == "delete":
                    sql = "DELETE FROM published WHERE name=? AND version=?"
                    self._execute(sql, (entry.name, entry.version))
            return True

        return await self._database.run(write)
