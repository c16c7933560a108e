"""Definitions as JSON that anybody may have written: lies are refused, and no code runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb.errors import DefinitionError
from tinyflow_nb.language import load, parse

CELL = """
LIMIT = 3
def a(question: str) -> str: return question
@node(when="a != '' and LIMIT > 2", on_error="fallback", retry=2, each="x in [1, 2]")
def b(a, x): return a
def fallback(a, error=None): return a
"""


def _json() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(parse(CELL, "chain").to_json())
    return data


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(data: dict[str, Any]) -> None:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        at: Any = data
        for part in way:
            at = at[part]
        at[last] = value

    return change


def _drop_handler_edge(data: dict[str, Any]) -> None:
    data["edges"] = [edge for edge in data["edges"] if edge["kind"] != "handler"]


def _drop_order_of_edges(data: dict[str, Any]) -> None:
    data["edges"].reverse()


LIES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "newer": (_set("schema_version", 2), "the definition has schema version 2; this package reads up to 1"),
    "hash": (_set("hash", "0" * 64), "the hash is 00000000, but the source's is"),
    "source": (_set("source", CELL + "def c(b): return b\n"), "but the source's is"),
    "broken source": (_set("source", "def a(question): return x"), "'x' is not defined"),
    "cycle": (
        lambda data: data["edges"].append({"source": "b", "target": "a", "kind": "order", "required": False}),
        "the nodes wait for each other: a -> b -> a",
    ),
    "edge to nowhere": (
        lambda data: data["edges"].append({"source": "b", "target": "z", "kind": "data", "required": True}),
        "edge b -> z names no node 'z'",
    ),
    "a node twice": (lambda data: data["nodes"].append(data["nodes"][0]), "node 'a' is defined twice"),
    "a node more": (
        lambda data: data["nodes"].append({"id": "z"}), "the definition has other nodes than its source says"
    ),
    "no handler edge": (_drop_handler_edge, "node 'b' has no edge to its handler 'fallback'"),
    "an edge more": (
        lambda data: data["edges"].append({"source": "a", "target": "b", "kind": "order", "required": False}),
        "the definition has other edges than its source says",
    ),
    "another kind of edge": (_set("edges.0.required", False), "the definition has other edges"),
    "another type": (_set("nodes.0.type", "llm"), "node 'a' has another type than its source says"),
    "another condition": (_set("nodes.1.when", "true"), "node 'b' has another when than its source says"),
    "another retry": (_set("nodes.1.retry.max", 900), "node 'b' has another retry than its source says"),
    "a retry that is not there": (_set("nodes.0.retry.max", 9), "node 'a' has another retry"),
    "another loop": (_set("nodes.1.each.items", "[1]"), "node 'b' has another each than its source says"),
    "another handler": (_set("nodes.1.on_error", {"kind": "fail"}), "node 'b' has another on_error"),
    "another parameter": (_set("nodes.0.parameters.0.required", False), "node 'a' has another parameters"),
    "another line": (_set("nodes.0.line", 7), "node 'a' has another line than its source says"),
    "another result": (_set("nodes.0.result", True), "node 'a' has another result than its source says"),
    "an input more": (
        lambda data: data["inputs"].append({"name": "z"}), "the definition has other inputs"
    ),
    "an input that nobody has": (_set("nodes.0.parameters.0.reference", "z"), "reads 'z', which is no input"),
    "other constants": (_set("constants", {}), "the definition has other constants than its source says"),
    "another constant": (_set("constants.LIMIT", 30), "the constant 'LIMIT' has another value"),
    "another description": (_set("description", "harmless"), "the definition has another description"),
    "an unknown field": (_set("trusted", True), "trusted: Extra inputs are not permitted"),
    "a name that is none": (_set("name", "../x"), "name: String should match pattern"),
    "options of another model": (_set("nodes.0.options", {"models": ["x"]}), "node 'a' has other options"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_definition_that_lies_is_refused(lie: tuple[Callable[[dict[str, Any]], None], str]) -> None:
    change, message = lie
    data = _json()
    change(data)
    with pytest.raises(DefinitionError) as caught:
        load(json.dumps(data))
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '"x"', "{}", '{"name": 5}', "[" * 100_000, b"\xff\xfe"])
def test_what_is_no_definition_is_refused(text: str | bytes) -> None:
    with pytest.raises(DefinitionError):
        load(text)


def test_the_truth_is_accepted() -> None:
    data = _json()
    assert load(json.dumps(data)) == parse(CELL, "chain")
    _drop_order_of_edges(data)
    load(json.dumps(data))


def test_loading_runs_no_code(tmp_path: Path) -> None:
    flag = tmp_path / "ran"
    text = f"from pathlib import Path\nran = Path({str(flag)!r}).touch()\ndef a(question): return question\n"
    stored = parse(text, "chain").to_json()
    flag.unlink()
    load(stored)
    assert not flag.exists()
