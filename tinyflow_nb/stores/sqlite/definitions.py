"""Definitions, names and versions in the file."""

from __future__ import annotations

from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.ports import Clock, PublishedVersion
from tinyflow_nb.stores.sqlite.database import Database


class Definitions:
    """The DefinitionStore's part of the SQLite store."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._execute = database.db.execute
        self._clock = clock

    async def put(self, definition: ChainDefinition) -> None:
        row = (definition.hash, definition.to_json(), self._clock.now())
        sql = "INSERT INTO definitions VALUES(?,?,?) ON CONFLICT(hash) DO UPDATE SET at=excluded.at"
        await self._database.run(lambda: self._execute(sql, row))

    async def get(self, hash: str) -> ChainDefinition | None:
        sql = "SELECT body FROM definitions WHERE hash=?"
        row = await self._database.read(lambda: self._execute(sql, (hash,)).fetchone())
        return ChainDefinition.model_validate_json(row[0]) if row else None

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
