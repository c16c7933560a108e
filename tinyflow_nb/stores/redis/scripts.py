"""The Lua scripts: one for each operation.

Redis 7 keeps them as a library of functions, made once. To an older Redis each is a script, whose whole
text is run at each call.
"""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from importlib.resources.abc import Traversable

from tinyflow_nb.model.status import Status

PARTS = ("run", "claims", "items", "settle", "steps")
"""What the scripts that change a run have in common."""
CHANGE_A_RUN = {
    "create": ("run", "claims"), "commit": PARTS, "claim": ("run", "claims"), "renew": ("run",),
    "append": ("run",), "join": ("run",),
}  # fmt: skip
ALONE = (
    "backlog",
    "between",
    "count",
    "deadlines",
    "due",
    "expire",
    "forget",
    "keep",
    "publish",
    "read",
    "release",
    "roster",
    "runs",
    "sent",
    "unsent",
    "values",
    "watch",
)
WORDS = {
    **{str(status): number for number, status in enumerate(Status, 1)},
    "EDGES": 1, "DATA": 2, "ANY": 3, "JUDGED": 4, "HANDLES": 5, "READS": 6, "ORDERS": 7, "TAGS": 8,
}  # fmt: skip
"""What the scripts write for numbers: statuses, and positions in a node's shape."""


def _text(folder: Traversable, *names: str) -> str:
    whole = "".join((folder / f"{name}.lua").read_text() for name in names)
    return re.sub(r"(?<!['\w])[A-Z]+(?!['\w])", lambda word: str(WORDS.get(word[0], word[0])), whole)


class Scripts:
    """How each operation is called, and what has to be loaded first."""

    def __init__(self) -> None:
        folder = files("tinyflow_nb.stores.redis") / "lua"
        self.sources = {name: _text(folder, name) for name in ALONE}
        body = [_text(folder, *PARTS)]
        for name in ALONE:
            body.append(f"function operations.{name}()\n{self.sources[name]}end\n")
        for name, parts in CHANGE_A_RUN.items():
            own = _text(folder, name)
            self.sources[name] = f"{_text(folder, *parts)}begin()\n{own}"
            body.append(f"function operations.{name}()\nbegin()\n{own}end\n")
        library = "local KEYS, ARGV\nlocal operations = {}\n" + "".join(body)
        version = hashlib.sha256(library.encode()).hexdigest()[:10]
        for name in self.sources:
            library += (
                f"redis.register_function('tinyflow_{name}_{version}', function(keys, args)"
                f" KEYS, ARGV = keys, args return operations.{name}() end)\n"
            )
        self.library = f"#!lua name=tinyflow_{version}\n{library}"
        self._functions = {name: f"tinyflow_{name}_{version}" for name in self.sources}
        self._hashes = {
            name: hashlib.sha1(text.encode()).hexdigest()  # noqa: S324  Redis names scripts so
            for name, text in self.sources.items()
        }
        self.old = False
        """The servers are too old for functions."""

    def call(self, name: str) -> tuple[str, str]:
        """The beginning of the command that calls an operation."""
        return ("EVALSHA", self._hashes[name]) if self.old else ("FCALL", self._functions[name])

    def load(self, name: str) -> tuple[str, ...]:
        """The command that makes it known to a server."""
        return ("SCRIPT", "LOAD", self.sources[name]) if self.old else (
            "FUNCTION", "LOAD", "REPLACE", self.library
        )  # fmt: skip
