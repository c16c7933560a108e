"""How a chain is named: `doc_summary`, `doc_summary@2`, `doc_summary@prod`, `doc_summary@#1f2e3d4c`."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

REF = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(@([1-9][0-9]*|[A-Za-z_][A-Za-z0-9_-]*))?")
"""What a chain may be referred to by. Without a version it floats: it means the current one."""
LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Reference(NamedTuple):
    """A reference in its parts."""

    name: str
    version: int | None = None
    label: str = ""

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None if the text is no reference."""
        if not REF.fullmatch(text):
            return None
        name, _, rest = text.partition("@")
        if rest.isdecimal():
            return cls(name, int(rest))
        return cls(name, None, rest)

    @property
    def floats(self) -> bool:
        """Whether what it means may change: it names no version."""
        return self.version is None

    def __str__(self) -> str:
        rest = self.label or (str(self.version) if self.version is not None else "")
        return f"{self.name}@{rest}" if rest else self.name
