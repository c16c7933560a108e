"""Where things are: lines and columns count characters from 1, whatever the literal looks like."""

from __future__ import annotations

import ast

import pytest

from tinyflow_nb.language.source import Place, Report, Source
from tinyflow_nb.language.syntax import read
from tinyflow_nb.language.words import Neighbours


@pytest.mark.parametrize(
    "literal",
    [
        '"ab|cd"', "'ab|cd'", '"""ab\n  |cd"""', 'r"\\d|\\""',
        '"\\x41\\u00e9\\N{DIGIT ONE}\\t|"', '"\\\n|x"',
        '"ä\\"|ö"', '("a" \'b\'  # "no"\n   "c|d")', '"a" r"\\n|"', 'u"|"', '"\\d|"', '"\\101\\0|"',
        "'''a'b|'''", '"" "|"',
    ],
)  # fmt: skip
def test_inside_a_literal(literal: str) -> None:
    """The mark in the value is found where the mark is in the text."""
    text = f"größe = 'ß'; x = {literal}\n"
    source = Source(text)
    tree = read(source, Report(source))
    assert tree is not None
    constant = tree.body[1].value  # type: ignore[attr-defined]
    line = text[: text.index("|")].count("\n") + 1
    column = len(text[: text.index("|")].rpartition("\n")[2]) + 1
    assert source.inside(constant, constant.value.index("|")) == Place(line, column)


def test_behind_the_end() -> None:
    source = Source('x = "ab"')
    constant = ast.parse(source.text).body[0].value  # type: ignore[attr-defined]
    assert source.inside(constant, 2) == source.inside(constant, 99) == Place(1, 8)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("intnet", "intent"), ("inten", "intent"), ("intents", "intent"), ("Intent", "intent"),
        ("imtent", "intent"), ("question", ""), ("tone", ""), ("toen", "tone"), ("zone", ""), ("draft2", ""),
        ("part_b", ""), ("part_ab", ""), ("summray_text", "summary_text"), ("x", ""),
    ],
)  # fmt: skip
def test_rule_31_what_nearly_spells_a_name(name: str, near: str) -> None:
    known = Neighbours(["intent", "tone", "draft1", "part_a", "summary_text", "y"])
    assert known.near(name) == near
