"""Where the keys of one address live: on one server, a master that Sentinels name, or nodes of a cluster."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from redis.asyncio import Connection, SSLConnection
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import AskError, MovedError

from tinyflow_nb.stores.redis.address import Address
from tinyflow_nb.stores.redis.channel import Channel

CONNECT_SECONDS = 5.0
ONCE = Retry(NoBackoff(), 0)


def places_of(address: Address) -> Places:
    return _Cluster(address) if address.kind == "cluster" else _One(address)


class Places(Protocol):
    async def channel(self, key: str) -> Channel:
        """To the server that has the key. Raises RedisError, RedisClusterException, OSError."""
        ...

    async def connection(self, key: str) -> Connection:
        """One of the caller's own to that server, not yet opened."""
        ...

    async def follow(self, told: AskError) -> Channel:
        """To the server that another named."""
        ...

    def look_again(self) -> None:
        """The servers may not be what they were."""
        ...

    async def close(self) -> None: ...


class _One:
    def __init__(self, address: Address) -> None:
        if address.kind == "sentinel":
            alone = {"retry": ONCE, "socket_timeout": CONNECT_SECONDS, **_secure(address)}
            self._house: Sentinel | None = Sentinel(  # type: ignore[no-untyped-call]
                address.hosts, sentinel_kwargs=alone
            )
            options = _options(address) | {"db": address.database} | _secure(address)
            pool = SentinelConnectionPool(  # type: ignore[no-untyped-call]
                address.service, self._house, **options
            )
            self._connect: Callable[[], Connection] = pool.make_connection
        else:
            host, port = address.hosts[0]
            self._house = None
            self._connect = partial(_connection, address, host, port)
        self._channel = Channel(self._connect, address.wait_replicas)

    async def channel(self, key: str) -> Channel:
        return self._channel

    async def connection(self, key: str) -> Connection:
        return self._connect()

    async def follow(self, told: AskError) -> Channel:
        return self._channel  # only a cluster's nodes name each other

    def look_again(self) -> None:
        """What troubles a connection closes it, and one that is opened asks the Sentinels."""

    async def close(self) -> None:
        await self._channel.close()
        if self._house is not None:
            await self._house.aclose()


class _Cluster:
    def __init__(self, address: Address) -> None:
        self._address = address
        self._cluster = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in address.hosts],
            retry=ONCE,
            **_options(address) | _secure(address) | {"socket_timeout": CONNECT_SECONDS},
        )
        self._stale = False
        self._channels: dict[str, Channel] = {}

    async def channel(self, key: str) -> Channel:
        return self._to(await self._node(key))

    async def connection(self, key: str) -> Connection:
        node = await self._node(key)
        return _connection(self._address, node.host, int(node.port))

    async def _node(self, key: str) -> ClusterNode:
        if self._stale:
            self._stale = False
            await self._cluster.aclose()
        await self._cluster.initialize()
        node = self._cluster.get_node_from_key(key)
        assert node is not None  # None is of replicas
        return node

    def _to(self, node: ClusterNode) -> Channel:
        found = self._channels.get(node.name)
        if found is None:
            connect = partial(_connection, self._address, node.host, int(node.port))
            found = self._channels[node.name] = Channel(connect, self._address.wait_replicas)
        return found

    async def follow(self, told: AskError) -> Channel:
        if isinstance(told, MovedError):
            await self._cluster.nodes_manager.move_slot(told)
        return self._to(ClusterNode(told.host, told.port))

    def look_again(self) -> None:
        self._stale = True

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()
        await self._cluster.aclose()


def _options(address: Address) -> dict[str, Any]:
    return {
        "username": address.username or None, "password": address.password or None,
        "client_name": "tinyflow-nb", "driver_info": None, "protocol": 2, "decode_responses": True,
        "encoding_errors": "surrogatepass", "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": None,
    }  # fmt: skip


def _secure(address: Address) -> dict[str, Any]:
    return {} if address.tls is None else {"ssl": True, **address.tls}


def _connection(address: Address, host: str, port: int) -> Connection:
    options = _options(address) | {"host": host, "port": port, "db": address.database}
    return Connection(**options) if address.tls is None else SSLConnection(**options, **address.tls)
