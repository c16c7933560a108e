"""The Lua scripts: one for each operation, loaded by name."""

from __future__ import annotations

import hashlib
from importlib.resources import files

CHANGE_A_RUN = ("create", "commit", "claim", "renew", "append")
"""Scripts that `run.lua` is put before."""


def _read() -> dict[str, str]:
    folder = files("tinyflow_nb.stores.redis") / "lua"
    texts = {f.name.removesuffix(".lua"): f.read_text() for f in folder.iterdir() if f.name.endswith(".lua")}
    run = texts.pop("run")
    return {name: run + text if name in CHANGE_A_RUN else text for name, text in texts.items()}


SOURCES = _read()


def shas() -> dict[str, str]:
    """What EVALSHA calls each by."""
    return {name: hashlib.sha1(text.encode()).hexdigest() for name, text in SOURCES.items()}  # noqa: S324
