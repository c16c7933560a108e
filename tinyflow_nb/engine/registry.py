"""The registry: from what a caller names to the definition it means, and publishing."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple

from tinyflow_nb.errors import UnknownChain
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.ports import DefinitionStore, PublishedVersion

Chain = str | ChainDefinition
"""`name`, `name@3`, a definition, or a definition's JSON."""


PUT_SECONDS = 3600.0
"""A definition that is used is put again once so much time has passed."""


class Resolved(NamedTuple):
    definition: ChainDefinition
    ref: str
    """`name@3`, or `name@#1f2e3d4c` if it is not published."""


class Registry:
    def __init__(self, store: DefinitionStore, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._put: dict[str, float] = {}
        """When definitions were put, by hash: a store may forget one that no run has used for long."""
        self._kept: dict[str, ChainDefinition] = {}
        """Definitions by hash: content that can't change, so it is not state."""

    async def resolve(self, chain: Chain) -> Resolved:
        """The definition to run, kept in the store.

        Raises:
            UnknownChain: no such name or version.
            DefinitionError: its JSON is wrong.
        """
        if isinstance(chain, ChainDefinition):
            await self._keep(chain)
            return Resolved(chain, chain.short_ref)
        if chain.lstrip().startswith("{"):
            return await self.resolve(ChainDefinition.from_json(chain))
        name, _, version = chain.partition("@")
        if version and not version.isdecimal():
            raise UnknownChain(f"{chain!r}: a version is a number, as in {name}@2")
        found = await self._store.resolve(name, int(version) if version else None)
        if found is None:
            raise UnknownChain(await self._unknown(name, version))
        hash, number = found
        definition = await self.get(hash)
        if definition.name != name:  # the same content may be published under several names
            definition = definition.model_copy(update={"name": name})
        return Resolved(definition, f"{name}@{number}")

    async def get(self, hash: str) -> ChainDefinition:
        """Raises UnknownChain if the store does not have it."""
        definition = self._kept.get(hash)
        if definition is None:
            definition = await self._store.get(hash)
            if definition is None:
                raise UnknownChain(f"the definition #{hash[:8]} is not in this store any more")
            self._remember(definition)
        return definition

    async def publish(self, chain: ChainDefinition | str) -> str:
        """Make it the current version of its name; returns `name@N`.

        Raises:
            DefinitionError: the text is no definition.
        """
        definition = ChainDefinition.from_json(chain) if isinstance(chain, str) else chain
        await self._keep(definition)
        return f"{definition.name}@{await self._store.publish(definition.name, definition.hash)}"

    async def published(self, name: str | None = None) -> list[PublishedVersion]:
        return await self._store.published(name)

    async def _keep(self, definition: ChainDefinition) -> None:
        now = self._now()
        if now - self._put.get(definition.hash, 0.0) > PUT_SECONDS:
            await self._store.put(definition)
            self._put[definition.hash] = now
            self._remember(definition)

    def _remember(self, definition: ChainDefinition) -> None:
        self._kept[definition.hash] = definition
        if len(self._kept) > 256:
            oldest = next(iter(self._kept))
            del self._kept[oldest]
            self._put.pop(oldest, None)

    async def _unknown(self, name: str, version: str) -> str:
        if version:
            versions = await self._store.published(name)
            if versions:
                return f"{name} has no version {version}; its newest is {versions[0].version}"
        names = [p.name for p in await self._store.published()]
        close = get_close_matches(name, names, 1)
        hint = f"did you mean {close[0]!r}?" if close else "publish it first: %tinyflow publish " + name
        return f"no chain {name!r} is published here; {hint}"
