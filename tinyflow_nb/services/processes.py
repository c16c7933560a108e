"""Processes that outlive the command that started them."""

from __future__ import annotations

import ipaddress
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from tinyflow_nb.errors import ServiceError

KILLED_WITHIN = 10.0
TAIL = 12
"""Lines of a log that an error shows."""

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Those of this process: somebody must wait for them when they end."""


def start(
    command: Sequence[str | Path], log: Path, cwd: Path, environment: Mapping[str, str] | None = None
) -> int:
    """Start it apart from this terminal and return its id; what it prints goes to `log`."""
    with log.open("wb") as output:
        child = subprocess.Popen(  # noqa: S603
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            cwd=cwd, env=environment, start_new_session=True,
        )  # fmt: skip
    _children[child.pid] = child
    return child.pid


def is_ours(pid: int | None, mark: str) -> bool:
    """Whether the process lives and has `mark` among its arguments; ids are used again by others."""
    if pid is None:
        return False
    if pid in _children:  # its arguments can't be read yet while it comes to life
        if _children[pid].poll() is None:
            return True
        del _children[pid]
        return False
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and mark in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def memory(pid: int) -> int:
    """Resident bytes; 0 if it ended just now."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def open_listeners(pid: int) -> list[str]:
    """Those of its listeners that others than this machine could reach.

    Raises:
        ServiceError: it ended just now.
    """
    try:
        connections = psutil.Process(pid).net_connections("inet")
    except psutil.NoSuchProcess:
        raise ServiceError(f"process {pid} ended as soon as it was ready") from None
    listeners = [c.laddr for c in connections if c.status == psutil.CONN_LISTEN]
    return [f"{a.ip}:{a.port}" for a in listeners if not ipaddress.ip_address(a.ip).is_loopback]


def stop(pid: int, mark: str, grace: float) -> None:
    """Ask it to end; end it after `grace` seconds.

    Raises:
        ServiceError: it lives on.
    """
    if not is_ours(pid, mark):
        return
    try:
        psutil.Process(pid).terminate()
    except psutil.NoSuchProcess:
        return
    if not within(grace, lambda: not is_ours(pid, mark)):
        kill(pid, mark)


def kill(pid: int, mark: str) -> None:
    """End it without a warning, and wait until it is gone.

    Raises:
        ServiceError: it lives on.
    """
    if not is_ours(pid, mark):
        return
    try:
        psutil.Process(pid).kill()
    except psutil.NoSuchProcess:
        return
    if not within(KILLED_WITHIN, lambda: not is_ours(pid, mark)):
        raise ServiceError(f"process {pid} ({mark}) does not end; end it by hand")


def wait_ready(
    what: str, pid: int, mark: str, ready: Callable[[], bool], logs: Sequence[Path], timeout: float
) -> None:
    """Until `ready()`.

    Raises:
        ServiceError: it ended, or was not ready within `timeout` seconds; with the end of its logs.
    """
    if within(timeout, lambda: ready() or not is_ours(pid, mark)) and is_ours(pid, mark):
        return
    how = f"was not ready within {timeout:g} s" if is_ours(pid, mark) else "ended at once"
    raise ServiceError("\n".join([f"{what} {how}", *(_tail(log) for log in logs)]))


def within(timeout: float, true: Callable[[], bool]) -> bool:
    """Whether `true()` came within `timeout` seconds."""
    end = time.monotonic() + timeout
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _tail(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines() if log.is_file() else []
    return "\n  ".join([f"{log} ends with:" if lines else f"{log} is empty", *lines[-TAIL:]])
