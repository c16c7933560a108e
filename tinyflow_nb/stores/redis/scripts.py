"""The Lua scripts: one for each operation, loaded by name."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

from tinyflow_nb.model.status import Status

PARTS = {
    "create": ("run", "claims", "create"),
    "commit": ("run", "claims", "settle", "steps", "commit"),
    "settle": ("run", "claims", "settle", "commit"),
    "claim": ("run", "claims", "claim"),
    "renew": ("run", "renew"),
    "append": ("run", "append"),
}
"""Scripts made of several files. `settle` is `commit` without what only rarer steps need: Redis reads
the whole text at each call."""
ALONE = ("due", "expire", "forget", "keep", "publish", "read", "runs", "values", "watch")
WORDS = {
    **{str(status): number for number, status in enumerate(Status, 1)},
    "EDGES": 1, "DATA": 2, "ANY": 3, "JUDGED": 4, "HANDLES": 5, "READS": 6, "ORDERS": 7, "TAGS": 8,
}  # fmt: skip
"""What the scripts write for numbers: statuses, and positions in a node's shape."""


def _read() -> dict[str, str]:
    folder = files("tinyflow_nb.stores.redis") / "lua"

    def text(*parts: str) -> str:
        whole = "".join((folder / f"{part}.lua").read_text() for part in parts)
        return re.sub(r"(?<!['\w])[A-Z]+(?!['\w])", lambda word: str(WORDS.get(word[0], word[0])), whole)

    return {name: text(*parts) for name, parts in PARTS.items()} | {name: text(name) for name in ALONE}


SOURCES = _read()


def shas() -> dict[str, str]:
    """What EVALSHA calls each by."""
    return {name: hashlib.sha1(text.encode()).hexdigest() for name, text in SOURCES.items()}  # noqa: S324
