"""Node types that a package registers, used from a cell: `@node(type="shout", options={...})`."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tinyflow_nb import ChainFailed, Event, connect
from tinyflow_nb.engine.node_types import installed
from tinyflow_nb.errors import DefinitionError, SettingsError
from tinyflow_nb.language import load, parse
from tinyflow_nb.node_types import registered

PACKAGE = """
class ShoutNode:
    timeout = 10.0

    async def execute(self, call):
        if "fails" in call.node.options:
            raise ValueError(call.node.options["fails"])
        call.emit("text", "shouting")
        text = call.arguments["text"] + (call.function(**call.arguments) or "")
        return text.upper() + "!" * call.node.options.get("marks", 0)
"""
CELL = '''
MARKS = 2

def text(question: str) -> str:
    return question + ","

@node(type="shout", options={"marks": MARKS, "to": ["all", None]}, timeout="3s")
def loud(text: str) -> str:
    """Shouts."""

@node(type="shout")
async def louder(loud: str, text: str = "x"): ...
'''


@pytest.fixture(autouse=True)
def fresh_lookups() -> Iterator[None]:
    for lookup in (registered, installed):
        lookup.cache_clear()
    yield
    for lookup in (registered, installed):
        lookup.cache_clear()


def _install(folder: Path, name: str = "shouting", type_: str = "shout") -> None:
    """What pip leaves behind of a package that registers a node type."""
    (folder / f"{name}.py").write_text(PACKAGE)
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[tinyflow_nb.nodes]\n{type_} = {name}:ShoutNode\n")


def _recipe() -> list[str]:
    """The module and the cell that the contributors' page shows."""
    page = (Path(__file__).resolve().parents[2] / "CONTRIBUTING.md").read_text("utf-8")
    recipe = page.partition("## A node type of your own")[2].partition("\n## ")[0]
    return [textwrap.dedent(part) for part in re.findall(r"```python\n(.*?)```", recipe, re.DOTALL)]


@pytest.fixture
def shouting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    _install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shouting", raising=False)
    return tmp_path


def test_a_cell_names_the_type_and_its_options(shouting: Path) -> None:
    definition = parse(CELL, "chain")
    loud = definition.node("loud")
    assert loud.type == "shout"
    assert loud.options == {"marks": 2, "to": ["all", None]}
    assert (loud.description, loud.timeout) == ("Shouts.", 3.0)
    assert loud.output_schema == {"type": "string"}
    assert [(e.source, e.target) for e in definition.edges] == [
        ("text", "loud"), ("loud", "louder"), ("text", "louder"),
    ]  # fmt: skip
    assert "shouting" not in sys.modules, "a cell is read without importing the package"


def test_type_and_options_are_part_of_the_hash(shouting: Path) -> None:
    """SEMANTICS 39."""
    cells = [CELL, CELL.replace('@node(type="shout")\n', ""), CELL.replace('"all"', '"some"')]
    assert len({parse(cell.replace(": ...", ": return 1"), "chain").hash for cell in cells}) == 3


def test_json_round_trip_even_where_the_type_is_not_installed(
    shouting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = parse(CELL, "chain")
    assert load(definition.to_json()) == definition
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(shouting)])
    registered.cache_clear()
    assert load(definition.to_json()) == definition


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("type", "code", "has another type"), ("options", {"marks": 9}, "has other options")],
)
def test_a_stored_definition_that_lies_is_refused(
    shouting: Path, field: str, value: object, message: str
) -> None:
    data = json.loads(parse(CELL, "chain").to_json())
    data["nodes"][1][field] = value
    with pytest.raises(DefinitionError, match=f"node 'loud' {message} than its source says"):
        load(json.dumps(data))


def test_an_unknown_type_is_told_with_those_there_are(shouting: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse('@node(type="shuot")\ndef a(q): ...\n@node(type="whisper")\ndef b(a): ...\n', "chain")
    assert [(p.line, p.column, p.message, p.hint) for p in caught.value.problems] == [
        (1, 12, "the node type 'shuot' is not installed here", "did you mean 'shout'?"),
        (3, 12, "the node type 'whisper' is not installed here", "known here: shout"),
    ]


def test_a_type_registered_twice_is_refused(shouting: Path) -> None:
    _install(shouting, name="crying")
    with pytest.raises(SettingsError, match="node type 'shout' is registered twice"):
        parse(CELL, "chain")


async def test_it_runs(shouting: Path) -> None:
    async with connect("memory://") as executor:
        definition = parse(CELL.partition('@node(type="shout")')[0], "chain")
        run = await executor.execute_async(definition, {"question": "hello"})
        assert await executor.wait(run, timeout=60) == "HELLO,!!"
        events: list[Event] = [event async for event in executor.events(run)]
    assert "shouting" in [e.data.get("text") for e in events if e.type == "node.output"]


async def test_the_recipe_of_the_contributors_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, cell = _recipe()
    _install(tmp_path, "recipe")
    (tmp_path / "recipe.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    async with connect("memory://") as executor:
        definition = parse(cell.partition("\n")[2], "shouting")
        assert await executor.execute(definition, {"text": "hello"}, timeout=60) == "HELLO!!"


async def test_its_failure_is_the_node_s(shouting: Path) -> None:
    cell = '@node(type="shout", options={"fails": "hoarse"})\ndef loud(text: str) -> str: ...\n'
    async with connect("memory://") as executor:
        with pytest.raises(ChainFailed, match="hoarse"):
            await executor.execute(parse(cell, "chain"), {"text": "hello"}, timeout=60)


async def test_the_function_may_have_a_body(shouting: Path) -> None:
    cell = '@node(type="shout")\ndef loud(text: str) -> str:\n    return " you"\n'
    async with connect("memory://") as executor:
        assert await executor.execute(parse(cell, "chain"), {"text": "hey"}, timeout=60) == "HEY YOU"
