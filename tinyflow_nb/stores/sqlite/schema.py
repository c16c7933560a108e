"""The file's tables, and how a file of an older version becomes one of today's.

A run is a journal of the commits that changed it, its rows side by side under the number `runs` gave
it: a node's completion writes one row, a quarter of what a table per concern would write (SEMANTICS
29). The rest of `runs` is what lists need.
"""

from __future__ import annotations

import sqlite3

from tinyflow_nb.errors import StoreError

APPLICATION_ID = 0x74666E62  # "tfnb"

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (  # 0 -> 1
        "CREATE TABLE journal(run INTEGER, n INTEGER, body TEXT, PRIMARY KEY(run, n)) WITHOUT ROWID",
        """CREATE TABLE runs(
            id INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, chain TEXT NOT NULL, name TEXT NOT NULL,
            definition TEXT NOT NULL, status TEXT NOT NULL, created REAL NOT NULL, finished REAL,
            touched REAL NOT NULL, waiting INTEGER NOT NULL, parent TEXT NOT NULL, error TEXT NOT NULL,
            worker TEXT NOT NULL)""",
        "CREATE INDEX runs_finished ON runs(finished) WHERE finished IS NOT NULL",
        "CREATE INDEX runs_live ON runs(status) WHERE finished IS NULL",
        "CREATE TABLE renewals(run TEXT, unit TEXT, token INTEGER, expires REAL, PRIMARY KEY(run, unit))"
        " WITHOUT ROWID",
        "CREATE TABLE large_values(run TEXT, hash TEXT, body TEXT, PRIMARY KEY(run, hash)) WITHOUT ROWID",
        "CREATE TABLE chunks(run TEXT, n INTEGER, count INTEGER, body TEXT, PRIMARY KEY(run, n))"
        " WITHOUT ROWID",
        "CREATE TABLE definitions(hash TEXT PRIMARY KEY, body TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID",
        "CREATE TABLE versions(name TEXT, version INTEGER, hash TEXT NOT NULL, at REAL NOT NULL,"
        " PRIMARY KEY(name, version)) WITHOUT ROWID",
        "CREATE TABLE current(name TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID",
    ),
    (  # 1 -> 2; `body` is NULL where it is the one of `definitions`
        "CREATE TABLE signatures(hash TEXT, signer TEXT, name TEXT, record TEXT NOT NULL, body TEXT,"
        " PRIMARY KEY(hash, signer, name)) WITHOUT ROWID",
    ),
    (  # 2 -> 3; the registry becomes a log, in which no chain referred to others yet
        "CREATE TABLE registry(n INTEGER PRIMARY KEY, body TEXT NOT NULL)",
        "CREATE TABLE published(name TEXT, version INTEGER, hash TEXT NOT NULL, PRIMARY KEY(name, version))"
        " WITHOUT ROWID",
        "INSERT INTO published SELECT name, version, hash FROM versions",
        "INSERT INTO registry(body) SELECT json_array('publish', name, version, at, '', '', hash, json('[]'),"
        " '', '') FROM versions ORDER BY name, version",
        "INSERT INTO registry(body) SELECT json_array('current', name, version, 0, '', '', '', json('[]'),"
        " '', '') FROM current ORDER BY name",
        "DROP TABLE versions",
        "DROP TABLE current",
        "CREATE INDEX runs_parent ON runs(parent) WHERE parent != ''",
    ),
)
"""Statements by the version they start from. Only ever append."""


def check_version(db: sqlite3.Connection, path: str) -> int:
    """The file's schema version; 0 for a new file.

    Raises:
        StoreError: it is somebody else's file, or of a newer version; it was only read.
    """
    # The tables first: who made them meanwhile, in one transaction, has set the id by then.
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID and tables:
        raise StoreError(f"{path} is another program's SQLite file; name a file of its own for the runs")
    newest = len(MIGRATIONS)
    if version > newest:
        raise StoreError(
            f"{path} was written by a newer tinyflow-nb (schema {version}, this one knows {newest}):"
            " upgrade with pip install -U tinyflow-nb; the file was not touched"
        )
    return int(version)


def migrate(db: sqlite3.Connection, path: str) -> None:
    """Bring the file to today's version, in one transaction."""
    if check_version(db, path) == len(MIGRATIONS):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        version = check_version(db, path)  # another process may have been faster
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
