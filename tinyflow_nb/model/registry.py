"""What happened to the published chains: entries of a log that only grows."""

from __future__ import annotations

import json
from typing import Literal, NamedTuple, Self

EntryKind = Literal["publish", "current", "label", "deprecate", "delete"]
"""`publish`: a new version, which becomes the current one. `current`: an older version becomes the current
one again. `label`: a label moves to a version, or is taken away (version 0). `deprecate`: a version is,
or with an empty reason is no more. `delete`: a version is taken away; its number is not used again."""


class RegistryEntry(NamedTuple):
    """One entry."""

    kind: EntryKind
    name: str
    version: int
    at: float
    """Unix seconds by the store's clock."""
    who: str = ""
    origin: str = ""
    """Where it was done: a notebook's or file's path."""
    hash: str = ""
    """Of `publish`: its definition's."""
    refs: tuple[str, ...] = ()
    """Of `publish`: what its chain nodes refer to."""
    label: str = ""
    reason: str = ""
    """Of `deprecate`."""

    def to_json(self) -> str:
        return json.dumps(self, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        fields = json.loads(text)
        entry = cls(*fields)
        return entry._replace(refs=tuple(entry.refs))


class PublishedVersion(NamedTuple):
    """One row of the lists of published chains."""

    name: str
    version: int
    hash: str
    at: float
    current: bool
    who: str = ""
    origin: str = ""
    """Where it was published: a notebook's or file's path."""
    labels: tuple[str, ...] = ()
    deprecated: str = ""
    """Why it should not be used any more."""
