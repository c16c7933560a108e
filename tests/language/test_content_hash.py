"""SEMANTICS 39: the hash is that of what the cell says, the same on every Python."""

from __future__ import annotations

import pytest

from tinyflow_nb.language import parse

CELL = '''
"""Chain."""
import json

question: str

LIMIT = -1.50
BIG = 1_000_000

class Model:
    """A model.

    More.
    """
    x: int = 0x10

@llm("m", temperature=.5)
def a(question) -> str:
    """Say  {{ question }}:

        indented
    more
    """

async def _b(a, *, k=(1, "zwei", None, True, b"x")):
    def inner(x, /, y=..., *args, z, **kw): return lambda: (yield)
    match a:
        case {"k": [1, *_]} | str(): return f"{a!r:>{k}}" f"{k}é" "x" rf"\\d{a}"
    return [x async for x in a if x] + [*a][1:-1:2], {**a}, not a is b""
'''

SAME = {
    "comments": CELL.replace("import json", "# why\nimport json  # because"),
    "blank lines": CELL.replace("\n\n@llm", "\n\n\n\n@llm").replace("import", "\nimport"),
    "quotes": CELL.replace('"m"', "'m'"),
    "numbers": CELL.replace("1_000_000", "1000000").replace("0x10", "16").replace(".5)", "0.50)"),
    "parentheses": CELL.replace("= -1.50", "= (-(1.50))"),
    "line breaks": CELL.replace('@llm("m", temperature=.5)', '@llm(\n    "m",\n    temperature=.5,\n)'),
    "the docstring's indentation": CELL.replace("    More.\n    ", "    More.\n"),
    "the prompt's trailing spaces": CELL.replace("question }}:\n", "question }}:   \n"),
    "the prompt's last line": CELL.replace('    more\n    """', '    more"""'),
    "strings side by side": CELL.replace('"zwei"', '"zw" "ei"'),
    "a prefix that says nothing": CELL.replace('"zwei"', 'u"zwei"'),
    "line ends": CELL.replace("\n", "\r\n"),
}
OTHER = {
    "a word of the prompt": CELL.replace("Say", "Tell"),
    "spaces inside the prompt": CELL.replace("Say  ", "Say "),
    "the prompt's own indentation": CELL.replace("        indented", "      indented"),
    "a number's type": CELL.replace("1_000_000", "1_000_000.0"),
    "a bool for a number": CELL.replace("(1, ", "(True, "),
    "an option": CELL.replace(".5)", ".6)"),
    "a model": CELL.replace('"m"', '"n"'),
    "a name": CELL.replace("LIMIT", "LIMITS"),
    "the order": CELL.replace("LIMIT = -1.50\nBIG = 1_000_000\n", "BIG = 1_000_000\nLIMIT = -1.50\n"),
    "bytes for text": CELL.replace('b"x"', '"x"'),
    "a conversion": CELL.replace("!r", "!s"),
    "where a text is split": CELL.replace('"zwei"', '"zwei", "x"'),
}


def test_the_same_on_every_python() -> None:
    """Found with 3.11, 3.12 and 3.13; it changes only with the canonical form itself."""
    assert parse(CELL, "chain").hash == "5fcaa93b023ac2142d821505f0fc94354631bfcd0818b8c740b7b001eb4ca712"


@pytest.mark.parametrize("text", SAME.values(), ids=SAME.keys())
def test_what_does_not_count(text: str) -> None:
    assert text != CELL
    assert parse(text, "chain").hash == parse(CELL, "chain").hash


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER.keys())
def test_what_counts(text: str) -> None:
    assert text != CELL
    assert parse(text, "chain").hash != parse(CELL, "chain").hash


def test_the_name_does_not_count() -> None:
    assert parse(CELL, "chain").hash == parse(CELL, "other").hash


def test_the_short_reference() -> None:
    definition = parse(CELL, "chain")
    assert definition.short_ref == f"chain@#{definition.hash[:8]}"
