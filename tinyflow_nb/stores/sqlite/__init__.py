"""The SQLite store: one file, shared by every notebook and process of a user."""

from tinyflow_nb.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
