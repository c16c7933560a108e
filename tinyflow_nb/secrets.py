"""Named secrets: a cell holds the name, the value is read where the node runs (SEMANTICS 43)."""

from __future__ import annotations

import os
from typing import Final

from tinyflow_nb.errors import SecretMissing

MASK: Final = "[secret {}]"
_MIN_LENGTH: Final = 4
"""Shorter values are not redacted: they would turn up in ordinary text."""
_resolved: dict[str, str] = {}


class Secret:
    """A secret's name. `get()` gives the value; printing or formatting it shows the name only."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError("secret() takes the name of an environment variable")
        self.name = name

    def get(self) -> str:
        """The value, from the environment of the process where the node runs.

        Raises:
            SecretMissing: it is not set there.
        """
        value = os.environ.get(self.name)
        if not value:
            raise SecretMissing(f"the secret {self.name} is missing: set that environment variable")
        _resolved[self.name] = value
        return value

    def __repr__(self) -> str:
        return f"secret({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.name == self.name

    def __hash__(self) -> int:
        return hash((Secret, self.name))


def secret(name: str) -> Secret:
    """The secret of that name; `.get()` reads it when the node runs."""
    return Secret(name)


def redact(text: str) -> str:
    """The text with the values of all secrets this process has read replaced by their names."""
    for name, value in sorted(_resolved.items(), key=lambda item: -len(item[1])):
        if len(value) >= _MIN_LENGTH:
            text = text.replace(value, MASK.format(name))
    return text
