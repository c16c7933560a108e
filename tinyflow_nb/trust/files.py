"""The user's folder of keys: only the user reads it, and processes change it one after the other."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs


def own_folder() -> Path:
    return platformdirs.user_data_path("tinyflow-nb", appauthor=False) / "trust"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else changes the folder meanwhile; it is made if there is none. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_private(file: Path, text: str) -> None:
    """A file that only its user can read: the whole of it is there, or what was there before.
    The folder is locked. Raises OSError."""
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
