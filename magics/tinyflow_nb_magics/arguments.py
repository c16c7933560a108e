"""Flags and words of a magic's line, by a table of what a command takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from tinyflow_nb_magics.magic_line import MagicError, Word, split_line

FlagKind = Literal["switch", "value", "pairs"]


@dataclass(frozen=True, slots=True)
class Flag:
    """`pairs` takes every `k=v` behind it, and may come again."""

    name: str
    kind: FlagKind
    help: str
    takes: str = ""
    """How the help names its value."""


@dataclass(slots=True)
class Arguments:
    """A line as its command reads it."""

    words: list[Word] = field(default_factory=list)
    """What belongs to no flag."""
    pairs: dict[str, Word] = field(default_factory=dict)
    switches: set[str] = field(default_factory=set)
    values: dict[str, list[str]] = field(default_factory=dict)

    def value(self, flag: str) -> str:
        """The last one given, or ""."""
        return self.values.get(flag, [""])[-1]


def read_arguments(line: str, flags: Sequence[Flag], command: str) -> Arguments:
    """
    Raises:
        MagicError: an unknown flag, a flag without its value, the same name given twice.
    """
    known = {flag.name: flag for flag in flags}
    found = Arguments()
    words = split_line(line)
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if not word.is_flag:
            found.words.append(word)
            continue
        # `--deadline=3m` is `--deadline 3m`
        name, value = (word.name, word.value) if word.is_pair else (word.text, None)
        flag = known.get(name)
        if flag is None:
            raise MagicError(f"{command} has no flag {name}{_or_close(name, known)}")
        if flag.kind == "switch":
            if value is not None:
                raise MagicError(f"{name} takes no value")
            found.switches.add(name)
        elif flag.kind == "value":
            if value is None:
                if at == len(words) or words[at].is_flag:
                    raise MagicError(f"{name} needs a value: {name} {flag.takes}")
                value = words[at].text
                at += 1
            found.values.setdefault(name, []).append(value)
        else:
            at = _pairs(found, words, at, flag)
    return found


def _pairs(found: Arguments, words: Sequence[Word], at: int, flag: Flag) -> int:
    start = at
    while at < len(words) and words[at].is_pair and not words[at].is_flag:
        add_pair(found.pairs, words[at])
        at += 1
    if at == start:
        what = f", not {words[at].text!r}" if at < len(words) else ""
        raise MagicError(f"{flag.name} needs {flag.takes}{what}")
    return at


def add_pair(pairs: dict[str, Word], word: Word) -> None:
    """Raises MagicError if the name is there already."""
    if word.name in pairs:
        raise MagicError(f"{word.name} is given twice")
    pairs[word.name] = word


def no_more_words(words: Sequence[Word], command: str) -> None:
    """Raises MagicError if something is left that the command does not take."""
    if words:
        hint = "; quote a value that has spaces" if not words[0].is_pair else f"; write -i {words[0].text}"
        raise MagicError(f"{command}: unexpected {words[0].text!r}{hint}")


def did_you_mean(name: str, known: Sequence[str] | Mapping[str, object]) -> str:
    """`did you mean 'x'?`, or "" if nothing is close."""
    close = get_close_matches(name, list(known), 1)
    return f"did you mean {close[0]!r}?" if close else ""


def _or_close(name: str, known: Mapping[str, Flag]) -> str:
    close = get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]}?" if close else f"; it knows {', '.join(known)}"
