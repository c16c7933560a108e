"""The magic line, split as it is written: no expansion, a quoted value is literal (SEMANTICS 38)."""

from __future__ import annotations

from typing import NamedTuple

from tinyflow_nb.errors import TinyflowError

_QUOTES = "\"'"


class MagicError(TinyflowError):
    """A magic's line is wrong; nothing was done."""


class Word(NamedTuple):
    """One word of a line. Of `question="two words"` the name is `question`, the value `two words`."""

    text: str
    """Without its quotes."""
    name: str = ""
    """What stands before the first `=`, if that is not inside quotes; else ""."""
    value: str = ""
    quoted: bool = False

    @property
    def is_pair(self) -> bool:
        return bool(self.name)

    @property
    def is_flag(self) -> bool:
        """`-i`, `--wait`, `--deadline=3m`; a negative number is none."""
        dashed = self.text.startswith("-") and self.text[1:2] not in ("", ".") and not self.text[1].isdigit()
        return dashed and (self.is_pair or not self.quoted)


def split_line(line: str) -> list[Word]:
    r"""The words of a line.

    A quote opens a quoted text at the start of a word or behind its first `=`, so `don't` needs none.
    Inside, a backslash before the same quote makes it part of the text; any other stays what it is.

    Raises:
        MagicError: a quote is not closed, or something follows it without a space.
    """
    words: list[Word] = []
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        word, at = _word(line, at)
        words.append(word)
    return words


def _word(line: str, at: int) -> tuple[Word, int]:
    if line[at] in _QUOTES:
        text, at = _quoted(line, at)
        return Word(text, quoted=True), at
    start = at
    name: str | None = None
    while at < len(line) and not line[at].isspace():
        if line[at] == "=" and name is None:
            name = line[start:at]
            if line[at + 1 : at + 2] and line[at + 1] in _QUOTES:
                value, at = _quoted(line, at + 1)
                return Word(f"{name}={value}", name, value, True), at
        at += 1
    text = line[start:at]
    if not name:
        return Word(text), at
    return Word(text, name, text[len(name) + 1 :]), at


def _quoted(line: str, at: int) -> tuple[str, int]:
    """The text between the quote at `at` and its closing one, and what follows."""
    quote, start = line[at], at
    text: list[str] = []
    at += 1
    while at < len(line) and line[at] != quote:
        if line[at] == "\\" and line[at + 1 : at + 2] == quote:
            at += 1
        text.append(line[at])
        at += 1
    if at == len(line):
        raise MagicError(f"the quote at {_excerpt(line, start)} is not closed")
    at += 1
    if at < len(line) and not line[at].isspace():
        raise MagicError(f"a space is missing after the quoted text, before {_excerpt(line, at)}")
    return "".join(text), at


def _excerpt(line: str, at: int) -> str:
    rest = line[at:]
    return rest if len(rest) <= 30 else f"{rest[:29]}…"
