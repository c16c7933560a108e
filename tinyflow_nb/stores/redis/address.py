"""Addresses of Redis: `redis://`, `rediss://`, `redis+cluster://`, `redis+sentinel://`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio import SSLConnection
from redis.exceptions import RedisError

from tinyflow_nb.errors import SettingsError

KINDS = ("redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel")
_TLS = {"ca": "ssl_ca_certs", "cert": "ssl_certfile", "key": "ssl_keyfile", "verify": "ssl_cert_reqs"}
"""Options of an address with TLS, as redis-py calls them."""


class Address(NamedTuple):
    """Where Redis is. `hosts` are one server, some nodes of a cluster, or the Sentinels."""

    kind: str
    """`single`, `cluster` or `sentinel`."""
    hosts: tuple[tuple[str, int], ...]
    database: int = 0
    username: str = ""
    password: str = ""
    service: str = ""
    """The name Sentinels know the master by."""
    tls: Mapping[str, Any] | None = None
    """What redis-py is told of it."""
    wait_replicas: int = 0
    """Replicas that shall have a change before it counts as done."""

    def __str__(self) -> str:
        """Without the password: it is shown in messages."""
        hosts = ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"redis at {hosts}" if self.kind == "single" else f"redis {self.kind} at {hosts}"


def parse(address: str) -> Address:
    """From `redis://[user:password@]host[:port][,host...][/database or /service[/database]]`.

    With TLS: `?ca=` (file of the authority), `&cert=`, `&key=` (of this client), `&verify=none`.
    `?wait_replicas=1`: a change waits until that many replicas have it, a second at most.

    Raises:
        SettingsError
    """
    parts = urlsplit(address)
    kind = parts.scheme.partition("+")[2] or "single"
    secure = parts.scheme.startswith("rediss")
    credentials, _, places = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    path = [p for p in parts.path.split("/") if p]
    service = path.pop(0) if kind == "sentinel" and path else ""
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    known = {"wait_replicas", *(_TLS if secure else ())}
    try:
        hosts = tuple(_place(p, 26379 if kind == "sentinel" else 6379) for p in places.split(","))
        database = int(path.pop(0)) if path else 0
        replicas = int(options.pop("wait_replicas", 0))
        if parts.scheme not in KINDS or path or options.keys() - known or replicas < 0:
            raise ValueError("there is more in it than that")
        if kind == "sentinel" and not service:
            raise ValueError("the master's name is missing")
        if kind == "cluster" and database:
            raise ValueError("a cluster has no database but 0")
    except ValueError as e:
        shown = f"{parts.scheme}://{places}{parts.path}"
        raise SettingsError(
            f"{shown}: {e}; use redis://[user:password@]host:6379/0, rediss:// for TLS,"
            " redis+cluster://host,host or redis+sentinel://host,host/mymaster"
        ) from e
    tls = _tls(options) if secure else None
    return Address(kind, hosts, database, unquote(username), unquote(password), service, tls, replicas)


def _place(text: str, port: int) -> tuple[str, int]:
    if text.startswith("["):  # IPv6
        host, _, rest = text[1:].partition("]")
        number = rest.removeprefix(":")
    else:
        host, _, number = text.partition(":")
    return host or "127.0.0.1", int(number) if number else port


def _tls(options: Mapping[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = {_TLS[name]: value for name, value in options.items()}
    try:
        SSLConnection(**told).ssl_context.get()
    except (OSError, RedisError) as e:
        raise SettingsError(f"rediss://: the certificate files can't be used: {e}") from e
    return told
