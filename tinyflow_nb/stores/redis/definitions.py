"""Definitions, and the registry's log, in Redis: all in one slot, so that publishing is one script."""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow_nb.errors import StoreError
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.registry import RegistryEntry
from tinyflow_nb.model.signature import Signature, SignedDefinition
from tinyflow_nb.stores.redis.servers import Servers
from tinyflow_nb.stores.signatures import definition_of, readable

PREFIX = "tf:{reg}"
LOG = f"{PREFIX}:log"
PUBLISHED = f"{PREFIX}:published"
"""The hash of each published version: those definitions stay."""
SCHEMA = 1
UNPUBLISHED_SECONDS = 90 * 86_400
"""How long a definition nobody published is kept after somebody used it; live runs use theirs."""


class Definitions:
    """The DefinitionStore's part of the Redis store."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

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

    async def log(self, after: int = 0) -> list[RegistryEntry]:
        texts = await self._servers.call(LOG, "LRANGE", LOG, after, -1)
        return [RegistryEntry.from_json(text) for text in texts]

    async def append(self, entries: Sequence[RegistryEntry], epoch: int) -> bool:
        hashes = [entry.hash for entry in entries if entry.kind == "publish"]
        keys = (LOG, PUBLISHED, *(key for hash in hashes for key in _keys(hash)))
        deleted = [f"{e.name}@{e.version}" for e in entries if e.kind == "delete"]
        published = [
            part for e in entries if e.kind == "publish" for part in (f"{e.name}@{e.version}", e.hash)
        ]
        args = (
            epoch, UNPUBLISHED_SECONDS, len(published), *published, len(deleted), *deleted,
            *(entry.to_json() for entry in entries),
        )  # fmt: skip
        answer = await self._servers.script("publish", keys, *args)
        if answer < 0:
            raise StoreError(f"a definition that is to be published is not in {self._servers.address}")
        return bool(answer)


def _keys(hash: str) -> tuple[str, str]:
    """Of a definition and of its signatures."""
    return f"{PREFIX}:d:{hash}", _signatures(hash)


def _signatures(hash: str) -> str:
    return f"{PREFIX}:d:{hash}:signatures"
