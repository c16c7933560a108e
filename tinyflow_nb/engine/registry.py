"""The registry: from what a caller names to the definition it means, and publishing."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple

from tinyflow_nb.engine.vetting import Vetting
from tinyflow_nb.errors import UnknownChain
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.ports import DefinitionStore, PublishedVersion, Trust

Chain = str | ChainDefinition
"""`name`, `name@3`, a definition, or a definition's JSON."""
KEPT = 256


class Resolved(NamedTuple):
    definition: ChainDefinition
    ref: str
    """`name@3`, or `name@#1f2e3d4c` if it is not published."""


class Registry:
    def __init__(self, store: DefinitionStore, now: Callable[[], float], trust: Trust) -> None:
        self._store = store
        self.vetting = Vetting(store, trust, now)
        self._kept: dict[str, ChainDefinition] = {}
        """Definitions by hash, to look at: content that can't change, so it is not state."""

    async def submit(self, chain: Chain) -> Resolved:
        """The definition to run, kept in the store: signed here if it is given, else trusted here.

        Raises:
            UnknownChain: no such name or version.
            DefinitionError: its JSON is wrong.
            NotTrusted: it is published by somebody who is not trusted here.
        """
        definition, ref = await self.resolve(chain)
        if isinstance(chain, str) and not _is_json(chain):
            return Resolved(await self.vetting.passed(definition.hash, definition.name, ref), ref)
        definition = await self.vetting.submit(definition)
        self._remember(definition)
        return Resolved(definition, ref)

    async def resolve(self, chain: Chain) -> Resolved:
        """The definition that is meant, to look at: it may be anybody's, so nothing of it may be executed.

        Raises:
            UnknownChain: no such name or version.
            DefinitionError: its JSON is wrong.
        """
        if isinstance(chain, ChainDefinition):
            return Resolved(chain, chain.short_ref)
        if _is_json(chain):
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
            self.vetting.looked_at(definition)
        return Resolved(definition, f"{name}@{number}")

    async def get(self, hash: str) -> ChainDefinition:
        """A definition to look at. Raises UnknownChain if the store does not have it."""
        definition = self._kept.get(hash)
        if definition is None:
            definition = await self._store.get(hash)
            if definition is None:
                raise UnknownChain(f"the definition #{hash[:8]} is not in this store any more")
            self.vetting.looked_at(definition)
            self._remember(definition)
        return definition

    async def publish(self, chain: ChainDefinition | str) -> str:
        """Make it the current version of its name; returns `name@N`.

        Raises:
            DefinitionError: the text is no definition.
            NotTrusted: it was taken from the store, and is not trusted here.
        """
        definition = ChainDefinition.from_json(chain) if isinstance(chain, str) else chain
        await self.vetting.submit(definition)
        return f"{definition.name}@{await self._store.publish(definition.name, definition.hash)}"

    async def published(self, name: str | None = None) -> list[PublishedVersion]:
        return await self._store.published(name)

    def _remember(self, definition: ChainDefinition) -> None:
        self._kept[definition.hash] = definition
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]

    async def _unknown(self, name: str, version: str) -> str:
        if version:
            versions = await self._store.published(name)
            if versions:
                return f"{name} has no version {version}; its newest is {versions[0].version}"
        names = [p.name for p in await self._store.published()]
        close = get_close_matches(name, names, 1)
        hint = f"did you mean {close[0]!r}?" if close else "publish it first: %tinyflow publish " + name
        return f"no chain {name!r} is published here; {hint}"


def _is_json(chain: str) -> bool:
    return chain.lstrip().startswith("{")
