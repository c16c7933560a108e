"""A definition's module: run once, typed, with the cell's lines in its tracebacks."""

from __future__ import annotations

import linecache
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb.errors import DefinitionError
from tinyflow_nb.language import module as modules
from tinyflow_nb.language import parse
from tinyflow_nb.language.module import CellModule, load_module, print_sink

CELL = """
from dataclasses import dataclass
from pydantic import BaseModel

question: str
k: int = Input(20, ge=1)

class Model(BaseModel):
    child: "Model | None" = None

@dataclass
class Pair:
    left: "int"

def a(question, k) -> Model:
    return Model()

def b(a, k: float, pair: "Pair | None" = None) -> Pair:
    print("in", k, sep="-", end="!")
    raise ValueError("broken")
""".replace(', pair: "Pair | None" = None', "")


def test_types_and_functions() -> None:
    """SEMANTICS 33: the consumer's annotation, else an input's declared type."""
    module = load_module(parse(CELL, "chain"))
    namespace = module.namespace
    assert module.output_types == {"a": namespace["Model"], "b": namespace["Pair"]}
    assert module.parameter_types["a"]["question"] is str
    assert module.parameter_types["a"]["k"] == module.input_types["k"]
    assert module.parameter_types["b"] == {"a": None, "k": float}
    assert module.functions["a"]("x", 1) == namespace["Model"]()


def test_rule_32_it_runs_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = f"""
def _log():
    with open({str(log)!r}, "a") as file:
        return file.write("x")
written = _log()
def a(question): return question
"""
    definition = parse(text, "chain")
    threads = [threading.Thread(target=load_module, args=(definition,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert load_module(definition) is load_module(definition)
    assert log.read_text() == "x"


def test_bindings_make_a_module_of_their_own() -> None:
    definition = parse("double = rows * 2\ndef a(): return double", "chain", bindings={"rows": [1]})
    assert load_module(definition, {"rows": [3]}).functions["a"]() == [3, 3]
    assert load_module(definition, {"rows": [4]}).functions["a"]() == [4, 4]


def test_tracebacks_show_the_cells_line() -> None:
    definition = parse(CELL, "chain")
    module = load_module(definition)
    assert module.filename == f"<tinyflow chain {definition.hash[:8]}>"
    token = print_sink.set(lambda text: None)
    try:
        module.functions["b"](None, 1.0)
    except ValueError as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        assert (frame.lineno, frame.line) == (20, 'raise ValueError("broken")')
    finally:
        print_sink.reset(token)
    linecache.checkcache()
    assert linecache.getline(module.filename, 20).strip() == 'raise ValueError("broken")'


def test_rule_26_print_becomes_the_nodes_log(capsys: pytest.CaptureFixture[str]) -> None:
    function = load_module(parse("def a(q):\n    print(q, 1, sep='-', end='!')\n", "chain")).functions["a"]
    lines: list[str] = []
    token = print_sink.set(lines.append)
    function("x")
    print_sink.reset(token)
    function("y")
    assert (lines, capsys.readouterr().out) == (["x-1!"], "y-1!")


def test_modules_are_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "KEPT", 3)
    monkeypatch.setattr(modules, "_modules", type(modules._modules)())
    loaded: list[CellModule] = [load_module(parse(f"def a(q): return {i}", "forgotten")) for i in range(6)]
    assert [module.name in sys.modules for module in loaded] == [False] * 3 + [True] * 3
    assert [module.filename in linecache.cache for module in loaded] == [False] * 3 + [True] * 3
    assert loaded[0].functions["a"](0) == 0


def test_what_running_raises_is_told_at_the_line() -> None:
    definition = parse(
        "import json\nx = json.loads(text)\ndef a(q): return x", "chain", bindings={"text": "1"}
    )
    with pytest.raises(DefinitionError) as caught:
        load_module(definition, {"text": "{"})
    problem = caught.value.problems[0]
    assert (problem.line, problem.column) == (2, 5)
    assert problem.message.startswith("running the cell raised JSONDecodeError: Expecting property name")


@pytest.mark.parametrize("raised", ["SystemExit(3)", "ValueError()", "RecursionError('deep')"])
def test_whatever_a_cell_raises_is_a_definition_error(raised: str) -> None:
    with pytest.raises(DefinitionError, match="line 2, column 5: running the cell raised"):
        parse(f"def _f():\n    raise {raised}\nx = _f()\ndef a(q): return q", "chain")


def test_the_words_need_no_import() -> None:
    names: dict[str, Any] = load_module(parse("def a(q): return q", "chain")).namespace
    for word in ("node", "llm", "confirm", "chain", "tool", "Input", "Chain", "Retry", "default", "Output",
                 "prompt", "user", "assistant", "secret", "ExecutionContext"):  # fmt: skip
        assert callable(names[word])
