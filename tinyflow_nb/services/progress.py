"""Who starts services may show how far it got."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def step(self, what: str) -> None:
        """What is done now, for a person: "starting Redis"."""
        ...

    def downloaded(self, done: int, total: int) -> None:
        """Bytes of the download so far; called from any thread."""
        ...


class Silent:
    """Shows nothing."""

    def step(self, what: str) -> None: ...

    def downloaded(self, done: int, total: int) -> None: ...
