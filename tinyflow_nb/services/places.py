"""Where the services' data, downloads and records are."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path

import platformdirs

from tinyflow_nb.errors import ServiceError

FOLDER_VARIABLE = "TINYFLOW_SERVICES_FOLDER"
DATA = ("redis", "rocketmq")
"""Folders of data inside the services' folder."""


def services_folder(given: Path | None = None) -> Path:
    """The folder given, else that of `TINYFLOW_SERVICES_FOLDER`, else one in the user's data folder."""
    named = given or os.environ.get(FOLDER_VARIABLE)
    folder = (
        Path(named) if named else platformdirs.user_data_path("tinyflow-nb", appauthor=False) / "services"
    )
    return folder.expanduser().absolute()


def downloads_folder() -> Path:
    """Shared by all services' folders: what is in it is checked against its hash at every start."""
    return platformdirs.user_cache_path("tinyflow-nb", appauthor=False) / "jars"


def packaged(name: str) -> str:
    """The text of a file that comes with this package."""
    return (files("tinyflow_nb.services") / "files" / name).read_text("utf-8")


def write_config(template: str, target: Path, **values: object) -> None:
    """Fill the `@NAME@` places of a packaged file."""
    text = packaged(template)
    for name, value in values.items():
        text = text.replace(f"@{name.upper()}@", str(value))
    target.write_text(text, "utf-8")


@dataclass
class Record:
    """What was started, by part: `redis`, `nameserver`, `rocketmq`. Ports outlive their processes, so
    that an address stays the same from one `up` to the next."""

    pids: dict[str, int] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


def read_record(folder: Path) -> Record:
    """An empty one if nothing was ever started here.

    Raises:
        ServiceError: the file is damaged.
    """
    file = folder / "services.json"
    try:
        return Record(**json.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        return Record()
    except (ValueError, TypeError) as e:
        raise ServiceError(f"{file} is damaged ({e}); delete it and end the services by hand") from None


def write_record(folder: Path, record: Record) -> None:
    file = folder / "services.json"
    new = file.with_suffix(".new")
    new.write_text(json.dumps(asdict(record), indent=1), "utf-8")
    new.replace(file)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One `up`, `down` or `reset` at a time; another process waits here.

    Raises:
        ServiceError: the folder can't be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as e:
        raise ServiceError(f"can't write to {folder}: {e.strerror}; choose another folder") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
