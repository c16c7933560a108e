"""A cell's text, and where in it a syntax node or a character of a string literal stands."""

from __future__ import annotations

import ast
import bisect
import itertools
import re
from collections.abc import Callable
from typing import NamedTuple

from tinyflow_nb.errors import Problem

_PREFIX = re.compile(r"([A-Za-z]*)('''|\"\"\"|'|\")")
_ESCAPE = re.compile(
    r"\\(?:(\n)|[\\'\"abfnrtv]|[0-7]{1,3}|x[0-9A-Fa-f]{2}|N\{[^}]*\}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})"
)


class Place(NamedTuple):
    """Counts from 1, in characters."""

    line: int
    column: int


Positioned = ast.expr | ast.stmt | ast.arg | ast.keyword | ast.alias | ast.excepthandler
At = Positioned | Place | Callable[[], Place]
"""A place, or what has one; a function is called only if there is something to say."""


class Source:
    """The text with its line ends made plain."""

    def __init__(self, text: str) -> None:
        self.text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        self.lines = self.text.split("\n")

    def place(self, line: int, byte_column: int) -> Place:
        """Of a syntax tree's line (from 1) and column (UTF-8 bytes from 0)."""
        if not 1 <= line <= len(self.lines):
            return Place(max(1, min(line, len(self.lines))), 1)
        text = self.lines[line - 1]
        if text.isascii():
            return Place(line, byte_column + 1)
        return Place(line, len(text.encode()[:byte_column].decode(errors="replace")) + 1)

    def of(self, node: Positioned) -> Place:
        """Where a node begins; a function's or class's name rather than its `def`."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return self._name_of(node)
        return self.place(node.lineno, node.col_offset)

    def _name_of(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Place:
        text = self.lines[node.lineno - 1]
        found = re.compile(rf"\b{re.escape(node.name)}\b").search(text, node.col_offset)
        return Place(node.lineno, found.start() + 1) if found else self.place(node.lineno, node.col_offset)

    def inside(self, literal: ast.Constant, offset: int) -> Place:
        """Where the character at `offset` of a string literal's value is written."""
        start = self._index(literal.lineno, literal.col_offset)
        end = self._index(literal.end_lineno or literal.lineno, literal.end_col_offset or 0)
        starts = [start + i for i in _value_offsets(self.text[start:end])]
        index = starts[min(offset, len(starts) - 1)] if starts else start
        line = bisect.bisect_right(self._line_starts(), index)
        return Place(line, index - self._line_starts()[line - 1] + 1)

    def unknown_escape(self, literal: ast.Constant) -> int | None:
        """The offset in a string literal's value of its first backslash that escapes nothing."""
        start = self._index(literal.lineno, literal.col_offset)
        end = self._index(literal.end_lineno or literal.lineno, literal.end_col_offset or 0)
        raw = self.text[start:end]
        if "\\" not in raw:
            return None
        for value_offset, i in enumerate(_value_offsets(raw)):
            if raw[i : i + 1] == "\\" and not _ESCAPE.match(raw, i) and not _is_raw(raw):
                return value_offset
        return None

    def _index(self, line: int, byte_column: int) -> int:
        place = self.place(line, byte_column)
        return self._line_starts()[place.line - 1] + place.column - 1

    def _line_starts(self) -> list[int]:
        if not hasattr(self, "_starts"):
            lengths = (len(line) + 1 for line in self.lines)
            self._starts = [0, *itertools.accumulate(lengths)]
        return self._starts


def _is_raw(raw: str) -> bool:
    prefix = _PREFIX.match(raw)
    return prefix is not None and "r" in prefix[1].lower()


def _value_offsets(raw: str) -> list[int]:
    """For each character of the value, where in the literal's text it begins; then where it ends.

    `raw` may be several literals side by side.
    """
    offsets: list[int] = []
    at = 0
    while at < len(raw):
        opening = _PREFIX.match(raw, at)
        if opening is None:  # white space, a comment or a line's end between two literals
            at = raw.find("\n", at) + 1 or len(raw) if raw[at] == "#" else at + 1
            continue
        quote, raw_string = opening[2], "r" in opening[1].lower()
        at = opening.end()
        while at < len(raw) and not raw.startswith(quote, at):
            escape = _ESCAPE.match(raw, at) if raw[at] == "\\" and not raw_string else None
            if escape is None:
                if raw[at] == "\\":  # the quote behind it does not close the string
                    offsets.append(at)
                    at += 1
                offsets.append(at)
                at += 1
            else:
                if escape[1] is None:
                    offsets.append(at)
                at = escape.end()
        end = at
        at += len(quote)
    return [*offsets, end] if offsets else [at]


class Report:
    """Collects what is wrong with one source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._found: dict[tuple[int, int, str], Problem] = {}

    def add(self, at: At, message: str, hint: str = "", *, severity: str = "error") -> None:
        place = self._place(at)
        key = (place.line, place.column, message)
        self._found.setdefault(key, Problem(place.line, place.column, message, hint, severity))

    def has_errors(self) -> bool:
        return any(p.severity == "error" for p in self._found.values())

    def _place(self, at: At) -> Place:
        if isinstance(at, Place):
            return at
        return at() if callable(at) else self.source.of(at)

    def reported(self, at: At) -> bool:
        """Whether something is already said about that very place."""
        place = self._place(at)
        return any(key[:2] == place for key in self._found)

    def problems(self, severity: str) -> list[Problem]:
        """In reading order."""
        found = [p for p in self._found.values() if p.severity == severity]
        return sorted(found, key=lambda p: (p.line, p.column))
