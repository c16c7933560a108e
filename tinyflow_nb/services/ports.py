"""Free ports on the loopback address."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection, Sequence

import psutil

from tinyflow_nb.errors import ServiceError

LOOPBACK = "127.0.0.1"
FREE_FROM, FREE_TO, APART = 15_000, 30_000, 8
"""Below the ports the system gives to outgoing connections: a client that knocks at a stopped service
could else be given that very port, connect to itself, and keep the service from starting. Apart, so that
one's neighbours are nobody's port."""

ANSWER_SECONDS = 5.0
"""For a server's hello."""


def dial(port: int) -> socket.socket:
    """A connection, on which an answer may take ANSWER_SECONDS.

    Raises:
        OSError: nobody listens.
    """
    return socket.create_connection((LOOPBACK, port), timeout=ANSWER_SECONDS)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def choose_port(
    what: str,
    wanted: int | None,
    kept: int | None,
    neighbours: Sequence[int] = (),
    spoken_for: Collection[int] = (),
) -> int:
    """The port wanted, else the one used last time if it is still free, else a free one.

    `neighbours` are offsets of ports that must be free too; `spoken_for` will be used, but is not yet.

    Raises:
        ServiceError: the port wanted is taken.
    """
    if wanted is not None:
        if not is_free(wanted):
            raise ServiceError(
                f"port {wanted} for {what} is in use{_holder(wanted)}; give another, or none for a free one"
            )
        return wanted
    if kept is not None and all(is_free(kept + n) for n in (0, *neighbours)):
        return kept
    for _ in range(200):
        port = random.randrange(FREE_FROM, FREE_TO, APART)
        if port not in spoken_for and all(is_free(port + n) for n in (0, *neighbours)):
            return port
    raise ServiceError(f"no free port between {FREE_FROM} and {FREE_TO} for {what}; give one")


def _holder(port: int) -> str:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # some systems tell only their administrator
        return ""
    for c in connections:
        if c.status == psutil.CONN_LISTEN and c.laddr.port == port and c.pid:
            try:
                return f" by {psutil.Process(c.pid).name()} (process {c.pid})"
            except psutil.NoSuchProcess:
                return ""
    return ""
