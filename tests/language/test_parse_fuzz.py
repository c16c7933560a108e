"""Whatever the text, `parse` gives a definition or a DefinitionError whose places are in the text."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinyflow_nb.errors import DefinitionError
from tinyflow_nb.language import load, parse

SEEDS = [
    re.split(r"--->\n", entry)[0].partition("\n")[2]
    for file in sorted((Path(__file__).parent / "broken_cells").glob("*.txt"))
    for entry in file.read_text(encoding="utf-8").split("##### ")[1:]
]
PIECES = st.sampled_from([
    "\n", "    ", '"""', "'", "{{", "}}", "{%", "%}", "\\", "(", ")", "[", "]", "{", "}", ":", ",", "=", "@",
    "def a(q): return q\n", "@llm\n", "@node(", "each=", "when=", '"x in y"', "q", "*", "**k", "lambda: ",
    "async ", "await ", "yield ", "return ", "!", "%", "\0", "\ud800", "ä", "\u2028", "\x0c", "\r", "\t",
    "0" * 5000,
    "class A: ", "f'{q}'", "import math\n", "not " * 50, "-" * 300, "(" * 250,
    "if True:\n  ", "type X = int\n",
])  # fmt: skip


def _check(text: str) -> None:
    try:
        definition = parse(text, "fuzzed")
    except DefinitionError as error:
        lines = re.split(r"\r\n|\r|\n", text)
        found = [
            (p.severity, p.message != "", 1 <= p.line <= len(lines), p.column >= 1) for p in error.problems
        ]
        assert set(found) == {("error", True, True, True)}  # both outcomes are right
    else:
        assert load(definition.to_json()) == definition


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=12).map("".join))
def test_arbitrary_text(text: str) -> None:
    _check(text)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SEEDS), st.integers(0, 400), st.integers(0, 30), st.one_of(PIECES, st.text(max_size=4))
)
def test_a_cell_with_a_piece_replaced(seed: str, at: int, length: int, piece: str) -> None:
    at = min(at, len(seed))
    _check(seed[:at] + piece + seed[at + length :])


def test_deep_nesting() -> None:
    for text in ("x = " + "(" * 5000, "x = " + "-" * 100_000 + "1", "x = " + "+".join("1" * 20_000),
                 "x = " + "[" * 90 + "]" * 90 + "\ndef a(): return x",
                 "def a(q):\n    return " + ".b" * 20_000, "x = " + "a.b" + ".c" * 5000):  # fmt: skip
        _check(text)
