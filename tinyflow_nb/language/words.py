"""The names a cell may use without importing them, and which name in a cell means which of them."""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Iterable
from typing import Final

DECORATORS: Final = ("node", "llm", "confirm", "chain", "tool")
PUBLIC: Final = (
    *DECORATORS, "Input", "Chain", "Retry", "default", "Output", "prompt", "user", "assistant", "secret",
    "ExecutionContext",
)  # fmt: skip
LATER: Final = ("http", "template", "search", "knowledge")
"""Decorators of node types that are not there yet."""
PACKAGE: Final = "tinyflow_nb"

RESERVED: Final = frozenset({"skip", "fail", "error", "true", "false", "none", "loop", "self"})
"""Mean something of their own in `on_error=`, expressions or prompts."""
BUILTINS: Final = frozenset(name for name in dir(builtins) if not name.startswith("_"))

_ALIASES: Final = {
    "pd": "import pandas as pd", "np": "import numpy as np", "plt": "import matplotlib.pyplot as plt",
    "sns": "import seaborn as sns", "tf": "import tensorflow as tf", "torch": "import torch",
    "nx": "import networkx as nx", "pl": "import polars as pl", "px": "import plotly.express as px",
    "requests": "import requests", "httpx": "import httpx", "bs4": "import bs4", "pandas": "import pandas",
    "numpy": "import numpy", "BaseModel": "from pydantic import BaseModel",
    "Field": "from pydantic import Field", "TypeAdapter": "from pydantic import TypeAdapter",
    "Path": "from pathlib import Path", "Enum": "from enum import Enum",
    "StrEnum": "from enum import StrEnum", "dataclass": "from dataclasses import dataclass",
    "datetime": "from datetime import datetime",
    "date": "from datetime import date", "timedelta": "from datetime import timedelta",
    "Decimal": "from decimal import Decimal", "Counter": "from collections import Counter",
    "defaultdict": "from collections import defaultdict", "partial": "from functools import partial",
    "cache": "from functools import cache", "lru_cache": "from functools import lru_cache",
    "sleep": "from time import sleep", "dt": "import datetime as dt",
}  # fmt: skip
_TYPING: Final = frozenset({
    "Any", "Annotated", "Callable", "Dict", "Final", "Generic", "List", "Literal", "NamedTuple",
    "NotRequired", "Optional", "Protocol", "Required", "Set", "Tuple", "Type", "TypedDict", "TypeVar",
    "Union", "cast",
})  # fmt: skip
_COLLECTIONS_ABC: Final = frozenset({
    "AsyncIterator", "AsyncGenerator", "AsyncIterable", "Generator", "Iterable", "Iterator", "Mapping",
    "Sequence",
})  # fmt: skip
_STANDARD: Final = frozenset({
    "abc", "argparse", "ast", "asyncio", "base64", "collections", "contextlib", "copy", "csv",
    "dataclasses", "decimal", "difflib", "enum", "functools", "glob", "hashlib", "heapq", "html", "io",
    "itertools", "json", "logging", "math", "operator", "os", "pathlib", "pprint", "random", "re",
    "shutil", "sqlite3", "statistics", "string", "subprocess", "sys", "tempfile", "textwrap", "threading",
    "time", "traceback", "typing", "unicodedata", "urllib", "uuid", "zipfile",
})  # fmt: skip


def import_line(name: str) -> str:
    """The import that most likely was forgotten, or ""."""
    if name in _ALIASES:
        return _ALIASES[name]
    if name in _TYPING:
        return f"from typing import {name}"
    if name in _COLLECTIONS_ABC:
        return f"from collections.abc import {name}"
    return f"import {name}" if name in _STANDARD else ""


class Words:
    """Which of the cell's names mean a word of this package."""

    def __init__(self) -> None:
        self._local: dict[str, str] = {word: word for word in (*PUBLIC, *LATER)}
        self._packages: set[str] = set()

    def imported(self, local: str, word: str) -> None:
        self._local[local] = word

    def package(self, local: str) -> None:
        """`import tinyflow_nb as local`."""
        self._packages.add(local)

    def shadowed(self, local: str) -> None:
        """The cell gives the name a meaning of its own."""
        self._local.pop(local, None)

    def of(self, expression: ast.expr) -> str:
        """The word an expression stands for, or ""."""
        if isinstance(expression, ast.Name):
            return self._local.get(expression.id, "")
        match expression:
            case ast.Attribute(value=ast.Name(id=package), attr=word) if package in self._packages:
                return word
        return ""

    def of_call(self, expression: ast.expr) -> str:
        """The word that is called, or ""."""
        return self.of(expression.func) if isinstance(expression, ast.Call) else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or "" if nothing is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.75)
    return f"did you mean {near[0]!r}?" if near else ""


class Neighbours:
    """Finds the known name that a name nearly spells, in time independent of how many there are."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._by_part: dict[str, str] = {}
        for name in known:
            self.add(name)

    def add(self, name: str) -> None:
        for part in _parts(name):
            self._by_part.setdefault(part, name)

    def near(self, name: str) -> str:
        """A known name one slip of the keyboard away from this one, or ""."""
        for part in _parts(name):
            known = self._by_part.get(part)
            if known is not None and known != name and _slip(name, known):
                return known
        return ""


def _parts(name: str) -> list[str]:
    """The name, and it without any one of its letters: two names a slip apart share one of these."""
    plain = name.lower()
    return [plain, *(plain[:i] + plain[i + 1 :] for i in range(len(plain)))]


def _slip(a: str, b: str) -> bool:
    a, b = a.lower(), b.lower()
    if min(len(a), len(b)) < 5:  # short names are near each other by nature: only letters swapped
        return len(a) == len(b) and sorted(a) == sorted(b)
    numbered = "0123456789"
    if a.rstrip(numbered) == b.rstrip(numbered) and a != b:  # draft1, draft2
        return False
    tokens_a, tokens_b = a.split("_"), b.split("_")
    if len(tokens_a) == len(tokens_b):  # part_a, part_b
        different = [(x, y) for x, y in zip(tokens_a, tokens_b, strict=True) if x != y]
        return not all(len(x) < 3 and len(y) < 3 for x, y in different) or not different
    return True
