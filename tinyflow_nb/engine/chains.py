"""Chains: what people and programs do with the published chains."""

from __future__ import annotations

from collections.abc import Mapping

from tinyflow_nb.engine.bundle import exported, import_bundle
from tinyflow_nb.engine.comparing import difference
from tinyflow_nb.engine.pins import LocalChain, call_problems
from tinyflow_nb.engine.registry import Chain
from tinyflow_nb.engine.registry_index import RegistryIndex
from tinyflow_nb.engine.watching import Watching
from tinyflow_nb.errors import Problem
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.registry import PublishedVersion, RegistryEntry
from tinyflow_nb.trust.review import Review


class Chains(Watching):
    """The registry's part of the ChainExecutor. `who` and `origin` (a notebook's or file's path) are for
    those who read its history."""

    async def publish(self, definition: ChainDefinition | str, *, who: str = "", origin: str = "") -> str:
        """Make it the current version of its name; gives `name@N`, the same for the same content.

        Raises:
            DefinitionError: it is none; or a chain node names no published chain, or does not fit it.
            CycleError: it would close a circle of calls; nothing changed.
            NotTrusted: it was taken from the store, and is not trusted here.
        """
        found = ChainDefinition.from_json(definition) if isinstance(definition, str) else definition
        return await self._publishing.publish(found, who, origin)

    async def label(self, ref: str, label: str, *, who: str = "", origin: str = "") -> None:
        """Have `name@label` mean the version that `ref` means now.

        Raises:
            UnknownChain: there is no such version.
            CycleError: it would close a circle of calls; nothing changed.
            InvalidOperation: the text can't be a label.
        """
        await self._publishing.label(ref, label, who, origin)

    async def unlabel(self, name: str, label: str, *, who: str = "", origin: str = "") -> None:
        """Take a label away.

        Raises:
            UnknownChain: there is no such name or label.
            InvalidOperation: published chains refer to it.
        """
        await self._publishing.unlabel(name, label, who, origin)

    async def deprecate(self, ref: str, reason: str, *, who: str = "", origin: str = "") -> None:
        """Have who uses a version be warned; an empty reason takes that back. Raises UnknownChain."""
        await self._publishing.deprecate(ref, reason, who, origin)

    async def unpublish(self, ref: str, *, who: str = "", origin: str = "") -> None:
        """Take a version away that nobody uses.

        Raises:
            UnknownChain: there is no such version.
            InvalidOperation: published chains refer to it, or a label does.
            CycleError: the name would come to mean a version that closes a circle of calls.
        """
        await self._publishing.delete(ref, who, origin)

    # ------------------------------------------------------------------ looking

    async def chains(self, name: str | None = None) -> list[PublishedVersion]:
        """The current version of each published name, or every version of one, newest first."""
        return await self.registry.published(name)

    async def history(self, name: str) -> list[RegistryEntry]:
        """What happened to a name, oldest first: who published, moved and withdrew what, and when."""
        return [entry for entry in await self.registry.log() if entry.name == name]

    async def call_problems(
        self, definition: ChainDefinition, chains: Mapping[str, LocalChain] | None = None
    ) -> list[Problem]:
        """What is wrong with the chains that an unpublished definition calls - unknown names, inputs that
        do not fit, circles - each at the line of its chain node. Stores and executes nothing.

        Args:
            chains: unpublished chains that `@chain("name")` may mean, by name.
        """
        return await call_problems(self.registry, definition, chains or {})

    async def callers(self, ref: str) -> list[str]:
        """The published versions (`name@N`) that refer to a chain - a bare name: to any version of it -
        directly: whom a change of it reaches.

        Raises:
            UnknownChain
        """
        version = await self.registry.version(ref)
        index = await self.registry.index()
        number = version.number if "@" in ref else None
        return [found.ref for found in index.callers(version.name, number)]

    async def registry_index(self) -> RegistryIndex:
        """All of the registry at once, to look at: names, versions, labels and what refers to what."""
        return await self.registry.index()

    async def definition(self, chain: Chain) -> ChainDefinition:
        """Raises UnknownChain."""
        return (await self.registry.resolve(chain)).definition

    async def diff(self, old: str, new: str) -> str:
        """What changed from one version to another: nodes, edges, inputs and settings line by line, then a
        unified diff of the sources; "" if nothing did.

        Raises:
            UnknownChain
        """
        before, after = await self.registry.resolve(old), await self.registry.resolve(new)
        return difference(before.definition, after.definition, before.ref, after.ref)

    async def review(self, what: str) -> Review:
        """What to read before trusting a published chain, or the one of a run: nothing of it is executed.

        Args:
            what: `name`, `name@3`, or a run's id.

        Raises:
            UnknownChain
            DefinitionError: what the store has is no definition any more.
        """
        header = await self._store.header(what)
        if header is not None:
            name = header.chain.partition("@")[0]
            return await self.registry.vetting.review(header.definition, name, what)
        definition, ref = await self.registry.resolve(what)
        return await self.registry.vetting.review(definition.hash, definition.name, ref)

    async def vouch(self, review: Review) -> None:
        """Sign with one's own key what was reviewed: who trusts that key executes it from then on.

        Raises:
            NotTrusted: that key is revoked.
            DefinitionError: what was reviewed contradicts itself.
        """
        await self.registry.vetting.vouch(review)

    # ------------------------------------------------------------------ moving between stores

    async def export_chains(self, *refs: str) -> str:
        """Chains with all they call, and their signatures, as one JSON document.

        Raises:
            UnknownChain
        """
        return await exported(self.registry, refs)

    async def import_chains(self, text: str, *, who: str = "", origin: str = "") -> list[str]:
        """Publish what another store exported, all of it or nothing; gives the versions it is here.

        Importing trusts nobody: whose code it is decides whether it is executed.

        Raises:
            DefinitionError: it is no such document, or what is in it was altered or does not fit.
            CycleError: chains in it would call each other in a circle here.
            InvalidOperation: a version others refer to by number is another one here.
        """
        return await import_bundle(self.registry, self._publishing, text, who, origin)
