"""Definitions, names and versions in the file."""

from __future__ import annotations

from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.signature import Signature, SignedDefinition
from tinyflow_nb.ports import Clock, PublishedVersion
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

    async def publish(self, name: str, hash: str) -> int:
        def write() -> int:
            sql = "SELECT version FROM versions WHERE name=? AND hash=?"
            row = self._execute(sql, (name, hash)).fetchone()
            if row is None:
                sql = "SELECT coalesce(max(version), 0) + 1 FROM versions WHERE name=?"
                row = self._execute(sql, (name,)).fetchone()
                self._execute("INSERT INTO versions VALUES(?,?,?,?)", (name, row[0], hash, self._clock.now()))
            self._execute("INSERT OR REPLACE INTO current VALUES(?,?)", (name, row[0]))
            return int(row[0])

        return await self._database.run(write)

    async def resolve(self, name: str, version: int | None) -> tuple[str, int] | None:
        sql = (
            "SELECT hash, version FROM versions WHERE name=:name"
            " AND version=coalesce(:version, (SELECT version FROM current WHERE name=:name))"
        )
        given = {"name": name, "version": version}
        row = await self._database.read(lambda: self._execute(sql, given).fetchone())
        return (row[0], row[1]) if row else None

    async def published(self, name: str | None = None) -> list[PublishedVersion]:
        sql = (
            "SELECT v.name, v.version, v.hash, v.at, v.version = c.version FROM versions v"
            " JOIN current c ON c.name = v.name WHERE "
            + ("v.name=:name" if name is not None else "v.version = c.version")
            + " ORDER BY v.name, v.version DESC"
        )
        rows = await self._database.read(lambda: self._execute(sql, {"name": name}).fetchall())
        return [PublishedVersion(n, v, h, at, bool(current)) for n, v, h, at, current in rows]
