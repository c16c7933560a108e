"""What the documents show is true: their cells are chains, their links and settings exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from tinyflow_nb import ChainDefinition
from tinyflow_nb.cli import app
from tinyflow_nb.settings import Settings
from tinyflow_nb_magics.help import CELL_FLAGS, COMMANDS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    "README.md", "CONTRIBUTING.md", "bench/README.md", "widgets/README.md",
    *sorted(f"docs/{file.name}" for file in (ROOT / "docs").glob("*.md")),
]  # fmt: skip
CELL = re.compile(r"```python\n%%tinyflow (\w+)[^\n]*\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)]+)\)")


def cells() -> list[tuple[str, str]]:
    return [match for name in DOCUMENTS for match in CELL.findall((ROOT / name).read_text("utf-8"))]


@pytest.mark.parametrize(("name", "text"), cells(), ids=[name for name, _ in cells()])
def test_every_cell_is_a_chain(name: str, text: str) -> None:
    assert ChainDefinition.from_source(text, name=name).nodes


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    file = ROOT / document
    text = file.read_text("utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    for link in LINK.findall(text):
        if link.startswith("#"):
            assert link[1:] in anchors, link
        else:
            assert (file.parent / link.partition("#")[0]).exists(), link


def section(title: str) -> str:
    """One section of the reference."""
    text = (ROOT / "docs" / "reference.md").read_text("utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_reference_lists_every_magic() -> None:
    text = section("Magics")
    assert [flag.name for flag in CELL_FLAGS if flag.name != "--help" and f"`{flag.name}" not in text] == []
    assert [name for name in COMMANDS if f"`{name}" not in text] == []


def test_the_reference_lists_every_command() -> None:
    text, commands = section("Command line"), typer.main.get_command(app).commands
    assert commands
    assert [name for name in commands if not re.search(rf"`(tinyflow-nb )?{name}\b", text)] == []


def test_the_reference_lists_every_setting() -> None:
    table = section("Settings")
    listed = set(re.findall(r"^\| `\[?(\w+)", table, re.MULTILINE))
    assert listed == set(Settings.model_fields)
