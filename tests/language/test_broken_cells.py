"""Every mistake a cell can hold, with the exact message, line, column and hint it gets.

The table is in `broken_cells/*.txt`: `##### rule: what`, the cell, `--->`, then one
`line:column message` for each problem, its hint indented below it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tinyflow_nb.errors import DefinitionError
from tinyflow_nb.language import parse


class BrokenCell(NamedTuple):
    title: str
    cell: str
    expected: str


def _read(file: Path) -> list[BrokenCell]:
    found = []
    for entry in file.read_text(encoding="utf-8").split("##### ")[1:]:
        title, _, rest = entry.partition("\n")
        cell, expected = rest.split("--->\n")
        found.append(BrokenCell(f"{file.stem}: {title}", cell, expected))
    return found


TABLE = [
    entry for file in sorted((Path(__file__).parent / "broken_cells").glob("*.txt")) for entry in _read(file)
]


def test_the_table_is_there() -> None:
    assert len(TABLE) >= 130


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry.title)
def test_broken_cell(entry: BrokenCell) -> None:
    """SEMANTICS 1-10 and 31-43, as each title says."""
    with pytest.raises(DefinitionError) as caught:
        parse(entry.cell, "broken")
    lines = []
    for problem in caught.value.problems:
        lines.append(f"{problem.line}:{problem.column} {problem.message}\n")
        if problem.hint:
            lines.append(f"    {problem.hint}\n")
    assert "".join(lines) == entry.expected


def test_lines_count_from_the_magic_line() -> None:
    """The magic puts an empty line in front, so that line 1 is its own."""
    with pytest.raises(DefinitionError) as caught:
        parse("\ndef answer(question):\n    return nothing\n", "broken")
    assert [(p.line, p.column) for p in caught.value.problems] == [(3, 12)]


@pytest.mark.parametrize("name", ["", "1st", "two words", "ünïcode", "x" * 121, "a.b"])
def test_names_no_chain_can_have(name: str) -> None:
    with pytest.raises(DefinitionError, match="a chain can't be named"):
        parse("def answer(question):\n    return question\n", name)


def test_the_error_shows_itself() -> None:
    """No stack of ours: the name, how many, and each with its place and hint."""
    with pytest.raises(DefinitionError) as caught:
        parse("def answer(question):\n    return pd.DataFrame(nothing)\n", "triage")
    assert str(caught.value) == (
        "triage: 2 mistakes\n"
        "  line 2, column 12: 'pd' is not defined\n"
        "    write `import pandas as pd` at the top\n"
        "  line 2, column 25: 'nothing' is not defined\n"
        "    define or import it; a notebook's value comes in by `--bind nothing` or `-i nothing=@nothing`"
    )


def test_nothing_runs_if_there_is_a_mistake(tmp_path: Path) -> None:
    """SEMANTICS 32, 37: checks that need no execution come first."""
    flag = tmp_path / "ran"
    text = (
        f"from pathlib import Path\nran = Path({str(flag)!r}).touch()\ndef answer(question):\n    return qu"
    )
    with pytest.raises(DefinitionError):
        parse(text, "broken")
    assert not flag.exists()
    parse(text + "estion", "broken")
    assert flag.exists()
