"""Publishing: how the registry changes. Each change is checked against the registry it would make, and
added only if nothing has changed meanwhile; the loser looks again (SEMANTICS 45)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from tinyflow_nb.engine.pins import chain_nodes
from tinyflow_nb.engine.registry import Registry
from tinyflow_nb.engine.registry_index import RegistryIndex, Version
from tinyflow_nb.errors import CycleError, DefinitionError, InvalidOperation, Problem, UnknownChain
from tinyflow_nb.language.calls import check_call
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.reference import LABEL, Reference
from tinyflow_nb.model.registry import RegistryEntry

Change = Callable[[RegistryIndex], list[RegistryEntry]]
"""From the registry as it is to what is to be added; [] if all is as it is to be."""


class Publishing:
    """One per executor."""

    def __init__(self, registry: Registry, now: Callable[[], float]) -> None:
        self._registry = registry
        self.now = now

    async def publish(self, definition: ChainDefinition, who: str, origin: str) -> str:
        """Make it the current version of its name; gives `name@N`, the same for the same content.

        Raises:
            DefinitionError: a chain node names no published chain, or does not fit the one it calls.
            CycleError: it would close a circle of calls.
            NotTrusted: it was taken from the store, and is not trusted here.
        """
        await self._registry.vetting.submit(definition)
        name = definition.name
        refs = tuple(dict.fromkeys(str(node.options["ref"]) for node in chain_nodes(definition)))
        while True:
            index = await self._registry.index()
            await self._check_calls(definition, index)
            known = index.with_hash(name, definition.hash)
            if known is not None and index.is_current(known):
                return known.ref
            if known is not None:
                entry = RegistryEntry("current", name, known.number, self.now(), who, origin)
            else:
                number = (index.names[name].newest if name in index.names else 0) + 1
                entry = RegistryEntry(
                    "publish", name, number, self.now(), who, origin, hash=definition.hash, refs=refs
                )
            if await self._added(index, [entry]):
                return f"{name}@{entry.version}"

    async def label(self, ref: str, label: str, who: str, origin: str) -> None:
        """Move a label to a version (`ref` names one), so that `name@label` means it.

        Raises:
            UnknownChain: there is no such version.
            CycleError: it would close a circle of calls.
            InvalidOperation: the text can't be a label.
        """
        if not LABEL.fullmatch(label):
            raise InvalidOperation(
                f"{label!r} can't be a label: letters, digits, _ and - make one, no digit first"
            )

        def change(index: RegistryIndex) -> list[RegistryEntry]:
            version = self._found(index, ref)
            if index.names[version.name].labels.get(label) == version.number:
                return []
            return [
                RegistryEntry("label", version.name, version.number, self.now(), who, origin, label=label)
            ]

        await self._change(ref, change)

    async def unlabel(self, name: str, label: str, who: str, origin: str) -> None:
        """Take a label away.

        Raises:
            UnknownChain: there is no such name or label.
            InvalidOperation: published chains refer to it.
        """

        def change(index: RegistryIndex) -> list[RegistryEntry]:
            version = self._found(index, f"{name}@{label}")
            callers = [v.ref for v in index.callers(version.name) if f"{name}@{label}" in v.refs]
            if callers:
                raise InvalidOperation(f"{name}@{label} is used by {', '.join(callers)}: change those first")
            return [RegistryEntry("label", name, 0, self.now(), who, origin, label=label)]

        await self._change(f"{name}@{label}", change)

    async def deprecate(self, ref: str, reason: str, who: str, origin: str) -> None:
        """Have who uses a version be warned; an empty reason takes that back.

        Raises:
            UnknownChain: there is no such version.
        """

        def change(index: RegistryIndex) -> list[RegistryEntry]:
            version = self._found(index, ref)
            if version.deprecated == reason:
                return []
            at = self.now()
            return [RegistryEntry("deprecate", version.name, version.number, at, who, origin, reason=reason)]

        await self._change(ref, change)

    async def delete(self, ref: str, who: str, origin: str) -> None:
        """Take a version away that nobody uses; its number is not used again.

        Raises:
            UnknownChain: there is no such version.
            InvalidOperation: published chains refer to it, or a label does.
            CycleError: the name would come to mean a version that closes a circle of calls.
        """

        def change(index: RegistryIndex) -> list[RegistryEntry]:
            version = self._found(index, ref)
            users = [v.ref for v in index.callers(version.name, version.number)]
            if users:
                raise InvalidOperation(f"{version.ref} is used by {', '.join(users)}: change those first")
            labels = index.labels_of(version)
            if labels:
                raise InvalidOperation(f"{version.ref} has the label {labels[0]!r}: move that first")
            return [RegistryEntry("delete", version.name, version.number, self.now(), who, origin)]

        await self._change(ref, change)

    # ------------------------------------------------------------------ inside

    async def _change(self, ref: str, change: Change) -> None:
        while True:
            index = await self._registry.index()
            try:
                entries = change(index)
            except KeyError:
                raise UnknownChain(await self._unknown(ref)) from None
            if not entries or await self._added(index, entries):
                return

    def _found(self, index: RegistryIndex, ref: str) -> Version:
        found = index.find(ref)
        if found is None:
            raise KeyError(ref)
        return found

    async def _unknown(self, ref: str) -> str:
        try:
            await self._registry.version(ref)
        except UnknownChain as e:
            return str(e)
        return f"{ref} changed just now; try again"

    async def _added(self, index: RegistryIndex, entries: list[RegistryEntry]) -> bool:
        """Whether the entries are in the registry now.

        Raises:
            CycleError: with them it would have a circle.
        """
        epoch = index.epoch
        check_circles(index, entries)
        if await self._registry.append(entries, epoch):
            return True
        await asyncio.sleep(random.uniform(0, 0.01))  # others are at it: not all at once again
        return False

    async def _check_calls(self, definition: ChainDefinition, index: RegistryIndex) -> None:
        """Raises DefinitionError, with the line of each chain node that names none, or does not fit it."""
        problems: list[Problem] = []
        for node in chain_nodes(definition):
            ref = str(node.options["ref"])
            parsed = Reference.parse(ref)
            if parsed is not None and parsed.name == definition.name and parsed.floats and not parsed.label:
                problems.append(
                    Problem(node.line, 1, f"{node.id!r} would call its own chain, {ref}, for ever")
                )
                continue
            version = index.find(ref)
            if version is None:
                problems.append(Problem(node.line, 1, f"{node.id!r}: {await self._unknown(ref)}"))
            else:
                child = await self._registry.get(version.hash)
                problems += check_call(definition, node, child, version.ref)
        if problems:
            raise DefinitionError(problems, definition.name)


def check_circles(index: RegistryIndex, entries: list[RegistryEntry]) -> RegistryIndex:
    """The registry as it would be with these entries.

    Raises:
        CycleError: with these entries added, chains would call each other in a circle; with its path.
    """
    changed = index.overlaid({entry.name for entry in entries})
    changed.apply(entries)
    for entry in entries:
        name = changed.names[entry.name]
        number = entry.version if entry.kind in ("publish", "current", "label") else name.current
        version = name.versions.get(number)
        circle = changed.cycle_through(version) if version is not None else []
        if circle:
            path = [v.ref for v in circle]
            raise CycleError(
                path, f"chains would call each other in a circle: {' > '.join(path)}; nothing changed"
            )
    return changed
