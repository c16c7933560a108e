"""The registry: from what a caller names to the definition it means."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple

from tinyflow_nb.engine.registry_index import RegistryIndex, Version
from tinyflow_nb.engine.vetting import Vetting
from tinyflow_nb.errors import DeprecatedChain, UnknownChain
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.reference import Reference
from tinyflow_nb.model.registry import PublishedVersion, RegistryEntry
from tinyflow_nb.model.signature import Signature, SignedDefinition
from tinyflow_nb.ports import DefinitionStore, Trust

Chain = str | ChainDefinition
"""`name`, `name@3`, `name@label`, a definition, or a definition's JSON."""
KEPT = 256


class Resolved(NamedTuple):
    definition: ChainDefinition
    ref: str
    """`name@3`, or `name@#1f2e3d4c` if it is not published."""


class Registry:
    """Reads the registry; `Publishing` changes it."""

    def __init__(self, store: DefinitionStore, now: Callable[[], float], trust: Trust) -> None:
        self._store = store
        self._index = RegistryIndex()
        self.vetting = Vetting(store, trust, now, self.published)
        self._kept: dict[str, ChainDefinition] = {}
        """Definitions by hash, to look at: content that can't change, so it is not state."""

    async def index(self) -> RegistryIndex:
        """The registry as it is now."""
        known = self._index.epoch
        entries = await self._store.log(known)
        self._index.apply(entries[self._index.epoch - known :])  # somebody else here may have been faster
        return self._index

    @property
    def epoch(self) -> int:
        """Of the registry as it was looked at last."""
        return self._index.epoch

    async def log(self) -> list[RegistryEntry]:
        """Everything that happened to the published chains, oldest first."""
        return await self._store.log()

    async def signatures(self, hash: str) -> list[SignedDefinition]:
        """Of a definition; unchecked."""
        return await self._store.signed(hash)

    async def put(self, definition: ChainDefinition, signature: Signature) -> None:
        """Keep a definition with somebody's signature, checked before."""
        await self._store.put(definition, signature)

    async def append(self, entries: list[RegistryEntry], epoch: int) -> bool:
        """Add entries if nothing has changed since `epoch`."""
        return await self._store.append(entries, epoch)

    # ------------------------------------------------------------------ from a reference to a definition

    async def submit(self, chain: Chain) -> Resolved:
        """The definition to run, kept in the store: signed here if it is given, else trusted here.

        Raises:
            UnknownChain: no such name, version or label.
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
            UnknownChain: no such name, version or label.
            DefinitionError: its JSON is wrong.
        """
        if isinstance(chain, ChainDefinition):
            return Resolved(chain, chain.short_ref)
        if _is_json(chain):
            return await self.resolve(ChainDefinition.from_json(chain))
        version = await self.version(chain)
        if version.deprecated:
            # From one place, so that Python tells it once however the chain is used.
            told = f"{version.ref} is deprecated: {version.deprecated}"
            warnings.warn(told, DeprecatedChain, stacklevel=1)
        definition = await self.get(version.hash)
        if definition.name != version.name:  # the same content may be published under several names
            definition = definition.model_copy(update={"name": version.name})
            self.vetting.looked_at(definition)
        return Resolved(definition, version.ref)

    async def version(self, ref: str) -> Version:
        """Raises UnknownChain: no such name, version or label."""
        found = (await self.index()).find(ref)
        if found is None:
            raise UnknownChain(self._unknown(ref))
        return found

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

    async def published(self, name: str | None = None) -> list[PublishedVersion]:
        """Every version of a name, newest first; without a name the current one of each."""
        index = await self.index()
        if name is not None:
            versions = sorted(index.names[name].versions.values(), key=_newest) if name in index.names else []
        else:
            versions = [found for n in sorted(index.names) if (found := index.find(n)) is not None]
        return [_row(index, version) for version in versions]

    def _remember(self, definition: ChainDefinition) -> None:
        self._kept[definition.hash] = definition
        if len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]

    def _unknown(self, ref: str) -> str:
        parsed = Reference.parse(ref)
        if parsed is None:
            return f"{ref!r} is no reference to a chain: write name, name@2 or name@label"
        name = self._index.names.get(parsed.name)
        if name is None or not name.versions:
            close = get_close_matches(
                parsed.name, [n for n, found in self._index.names.items() if found.current], 1
            )
            hint = (
                f"did you mean {close[0]!r}?"
                if close
                else f"publish it first: %tinyflow publish {parsed.name}"
            )
            return f"no chain {parsed.name!r} is published here; {hint}"
        if parsed.label:
            close = get_close_matches(parsed.label, name.labels, 1)
            known = f"did you mean {parsed.name}@{close[0]}?" if close else (
                f"its labels are {', '.join(sorted(name.labels)) or 'none'}"
            )  # fmt: skip
            return f"{parsed.name} has no label {parsed.label!r}; {known}"
        if 0 < (parsed.version or 0) <= name.newest:
            return f"{ref} was deleted; {parsed.name}@{name.current} is the current version"
        return f"{parsed.name} has no version {parsed.version}; its newest is {max(name.versions)}"


def _newest(version: Version) -> int:
    return -version.number


def _row(index: RegistryIndex, version: Version) -> PublishedVersion:
    return PublishedVersion(
        version.name, version.number, version.hash, version.at, index.is_current(version), version.who,
        version.origin, tuple(index.labels_of(version)), version.deprecated,
    )  # fmt: skip


def _is_json(chain: str) -> bool:
    return chain.lstrip().startswith("{")
