"""Definitions, names and versions in Redis: all in one slot, so that publishing is one script."""

from __future__ import annotations

from tinyflow_nb.errors import StoreError
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.signature import Signature, SignedDefinition
from tinyflow_nb.ports import Clock, PublishedVersion
from tinyflow_nb.stores.redis.servers import Servers
from tinyflow_nb.stores.signatures import definition_of, readable

PREFIX = "tf:{reg}"
SCHEMA = 1
UNPUBLISHED_SECONDS = 90 * 86_400
"""How long a definition nobody published is kept after somebody used it; live runs use theirs."""


class Definitions:
    """The DefinitionStore's part of the Redis store."""

    def __init__(self, servers: Servers, clock: Clock) -> None:
        self._servers = servers
        self._clock = clock

    async def check_schema(self) -> None:
        """Raises StoreError: the data are of a newer version; they were only read."""
        key = f"{PREFIX}:schema"
        await self._servers.call(key, "SET", key, SCHEMA, "NX")
        found = int(await self._servers.call(key, "GET", key))
        if found > SCHEMA:
            raise StoreError(
                f"{self._servers.address} was written by a newer tinyflow-nb (schema {found}, this one knows"
                f" {SCHEMA}): upgrade with pip install -U tinyflow-nb; nothing was touched"
            )

    async def put(self, definition: ChainDefinition, signature: Signature) -> None:
        signer = f"{signature.key} {signature.name}"
        given = (definition.to_json(), signer, signature.to_json())
        await self._servers.script("keep", _keys(definition.hash), UNPUBLISHED_SECONDS, *given)

    async def get(self, hash: str) -> ChainDefinition | None:
        text = await self._servers.script("keep", _keys(hash), UNPUBLISHED_SECONDS)
        return definition_of(text, hash) if text else None

    async def signed(self, hash: str) -> list[SignedDefinition]:
        first = await self._servers.script("keep", _keys(hash), UNPUBLISHED_SECONDS)
        key = _signatures(hash)
        flat = await self._servers.call(key, "HGETALL", key)
        records = (record.partition("\n") for record in flat[1::2])
        return readable((own or first or "", record) for record, _, own in records)

    async def keep(self, hash: str) -> None:
        """A live run uses it."""
        await self._servers.script("keep", _keys(hash), UNPUBLISHED_SECONDS)

    async def publish(self, name: str, hash: str) -> int:
        keys = (*_keys(hash), _versions(name), f"{PREFIX}:names")
        version = await self._servers.script("publish", keys, name, hash, repr(self._clock.now()))
        if not version:
            raise StoreError(f"the definition #{hash[:8]} of {name} is not in {self._servers.address}")
        return int(version)

    async def resolve(self, name: str, version: int | None) -> tuple[str, int] | None:
        found = {p.version: p for p in await self._versions(name)}
        for published in found.values():
            if published.version == version or (version is None and published.current):
                return published.hash, published.version
        return None

    async def published(self, name: str | None = None) -> list[PublishedVersion]:
        if name is not None:
            return await self._versions(name)
        key = f"{PREFIX}:names"
        names = sorted(await self._servers.call(key, "SMEMBERS", key))
        return [p for n in names for p in await self._versions(n) if p.current]

    async def _versions(self, name: str) -> list[PublishedVersion]:
        key = _versions(name)
        flat = await self._servers.call(key, "HGETALL", key)
        facts = dict(zip(flat[::2], flat[1::2], strict=True))
        found = []
        for number in range(int(facts.get("newest", 0)), 0, -1):
            at, _, hash = facts[str(number)].partition(" ")
            current = facts["current"] == str(number)
            found.append(PublishedVersion(name, number, hash, float(at), current))
        return found


def _keys(hash: str) -> tuple[str, str]:
    """Of a definition and of its signatures."""
    return f"{PREFIX}:d:{hash}", _signatures(hash)


def _signatures(hash: str) -> str:
    return f"{PREFIX}:d:{hash}:signatures"


def _versions(name: str) -> str:
    return f"{PREFIX}:v:{name}"
