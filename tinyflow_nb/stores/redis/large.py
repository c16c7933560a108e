"""Large values: kept once beside the run, by their hash, and passed on by reference."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from tinyflow_nb.errors import StoreDamaged
from tinyflow_nb.stores.redis.servers import Servers

LARGE = 32_768
"""Characters from which a value is kept apart."""
MARK = "\x00"
"""Begins a reference; no JSON text does."""
REFERENCE = 65
"""Characters of a reference."""
AT_HAND = 32_000_000
"""Characters of large values a process has at hand, so that it need not ask for what it just wrote."""


def is_reference(text: str | None) -> bool:
    return text is not None and text[:1] == MARK


class Large:
    """The large values of one call."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        """By reference."""

    def stored(self, text: str) -> str:
        """The text, or its reference."""
        if len(text) < LARGE:
            return text
        reference = MARK + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        self.texts[reference] = text
        return reference

    def arguments(self) -> list[Any]:
        """Their number, then hash and text of each."""
        found: list[Any] = [len(self.texts)]
        for reference, text in self.texts.items():
            found += (reference[1:], text)
        return found


class LargeValues:
    """Those of all runs; the ones used last are at hand."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._size = 0

    def remember(self, texts: dict[str, str]) -> None:
        for reference, text in texts.items():
            if reference not in self._texts:
                self._texts[reference] = text
                self._size += len(text)
        while self._size > AT_HAND:
            self._size -= len(self._texts.popitem(last=False)[1])

    async def texts(self, key: str, references: Iterable[str]) -> dict[str, str]:
        """By reference, the texts of those kept beside the run of that key.

        Raises:
            StoreError
        """
        found = {r: self._texts[r] for r in references if r in self._texts}
        missing = [r for r in dict.fromkeys(references) if r not in found]
        if missing:
            texts = await self._servers.call(key, "HMGET", f"{key}:big", *(r[1:] for r in missing))
            fetched = dict(zip(missing, texts, strict=True))
            if None in fetched.values():
                raise StoreDamaged(f"{self._servers.address} lost a large value of {key}")
            self.remember(fetched)
            found.update(fetched)
        return found
