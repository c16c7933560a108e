"""RegistryIndex: the published chains as their log tells them. Pure: the same entries give the same index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import lru_cache

from tinyflow_nb.model.reference import Reference
from tinyflow_nb.model.registry import RegistryEntry

_parsed = lru_cache(65_536)(Reference.parse)


@dataclass(slots=True)
class Version:
    """One published version."""

    name: str
    number: int
    hash: str
    refs: tuple[str, ...]
    """What its chain nodes refer to."""
    at: float
    who: str
    origin: str
    deprecated: str = ""
    """Why it should not be used any more."""

    @property
    def ref(self) -> str:
        return f"{self.name}@{self.number}"


@dataclass(slots=True)
class Name:
    """One name, with its versions."""

    versions: dict[int, Version] = field(default_factory=dict)
    """Without those that were deleted."""
    newest: int = 0
    """The highest number ever given."""
    current: int = 0
    """The version the bare name means; 0: none is left."""
    labels: dict[str, int] = field(default_factory=dict)


class RegistryIndex:
    """Kept in step with the log; all questions are answered from here."""

    def __init__(self) -> None:
        self.epoch = 0
        """Entries that are in it."""
        self.names: dict[str, Name] = {}

    def apply(self, entries: Iterable[RegistryEntry]) -> None:
        """Take over what came after `epoch`."""
        for entry in entries:
            self.epoch += 1
            name = self.names.setdefault(entry.name, Name())
            match entry.kind:
                case "publish":
                    name.versions[entry.version] = Version(
                        entry.name, entry.version, entry.hash, entry.refs, entry.at, entry.who, entry.origin
                    )
                    name.newest = max(name.newest, entry.version)
                    name.current = entry.version
                case "current":
                    name.current = entry.version
                case "label" if entry.version:
                    name.labels[entry.label] = entry.version
                case "label":
                    name.labels.pop(entry.label, None)
                case "deprecate":
                    name.versions[entry.version].deprecated = entry.reason
                case "delete":
                    del name.versions[entry.version]
                    if name.current == entry.version:
                        name.current = max(name.versions, default=0)

    def overlaid(self, names: AbstractSet[str]) -> RegistryIndex:
        """A copy in which these names may be changed; the others are the same objects."""
        copy = RegistryIndex()
        copy.epoch = self.epoch
        copy.names = dict(self.names)
        for name in names & self.names.keys():
            found = self.names[name]
            versions = {number: replace(version) for number, version in found.versions.items()}
            copy.names[name] = Name(versions, found.newest, found.current, dict(found.labels))
        return copy

    # ------------------------------------------------------------------ looking

    def find(self, ref: str) -> Version | None:
        """The version a reference means now."""
        parsed = _parsed(ref)
        name = self.names.get(parsed.name) if parsed is not None else None
        if parsed is None or name is None:
            return None
        number = parsed.version or (name.labels.get(parsed.label, 0) if parsed.label else name.current)
        return name.versions.get(number)

    def with_hash(self, name: str, hash: str) -> Version | None:
        """The version of a name that has this content."""
        versions = self.names[name].versions.values() if name in self.names else ()
        return next((v for v in versions if v.hash == hash), None)

    def is_current(self, version: Version) -> bool:
        return self.names[version.name].current == version.number

    def labels_of(self, version: Version) -> list[str]:
        return sorted(
            label for label, number in self.names[version.name].labels.items() if number == version.number
        )

    def all(self) -> Iterator[Version]:
        """Every version there is."""
        for name in self.names.values():
            yield from name.versions.values()

    def callers(self, name: str, number: int | None = None) -> list[Version]:
        """The versions that refer to a chain now, or to one version of it: who a change would reach."""
        found = []
        for version in self.all():
            called = (self.find(ref) for ref in version.refs)
            if any(c and c.name == name and number in (None, c.number) for c in called):
                found.append(version)
        return found

    # ------------------------------------------------------------------ circles

    def cycle_through(self, version: Version) -> list[Version]:
        """A circle of calls that a version is part of, from it back to it; [] if there is none.

        Whatever changes in a registry - a version comes, a name or label moves - changes edges to one
        version only; so a circle that is new goes through that version.
        """
        came_from: dict[int, Version] = {}  # by identity: this walks through all that is published
        stack = [version]
        while stack:
            at = stack.pop()
            for ref in at.refs:
                called = self.find(ref)
                if called is version:
                    path = [called, at]
                    while path[-1] is not version:
                        path.append(came_from[id(path[-1])])
                    return path[::-1]
                if called is not None and id(called) not in came_from:
                    came_from[id(called)] = at
                    stack.append(called)
        return []
