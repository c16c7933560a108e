"""What changed from one definition to another: in the graph, a line a change, and in the source."""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tinyflow_nb.model.definition import ChainDefinition, NodeDefinition

Facts = Mapping[str, Mapping[str, Any]]
"""By name, what is told of a node, an edge, an input or a setting."""
LONGEST = 60
"""Characters of a value that is told; of a longer one only that it changed: the source below has it."""
_LEFT_OUT = {"id", "line", "parameters", "options"}
"""Of a node's fields: its name, its place, and what is told one by one."""


def difference(before: ChainDefinition, after: ChainDefinition, old: str, new: str) -> str:
    """The graph's changes and a unified diff of the sources; "" if both are the same.

    Args:
        old: how the one before is named, `doc@1`.
        new: the one after.
    """
    old_lines, new_lines = (definition.source.splitlines(keepends=True) for definition in (before, after))
    source = "".join(difflib.unified_diff(old_lines, new_lines, old, new))
    graph = list(graph_changes(before, after))
    if not graph:
        return source and f"The graph is the same.\n\n{source}"
    return "\n".join(["Graph:", *(f"  {line}" for line in graph), "", source])


def graph_changes(before: ChainDefinition, after: ChainDefinition) -> Iterator[str]:
    """`+ node draft (llm)`, `- edge a -> b`; below `~ node draft` what of it changed: `when: "a" -> "b"`."""
    for kind, of in (("node", _nodes), ("edge", _edges), ("input", _inputs), ("settings", _settings)):
        yield from _changes(kind, of(before), of(after))


def _changes(kind: str, before: Facts, after: Facts) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            yield f"- {kind} {name}"
        elif name not in before:
            told = after[name].get("type", "")
            yield f"+ {kind} {name}" + (f" ({told})" if told else "")
        elif before[name] != after[name]:
            yield f"~ {kind} {name}"
            yield from (f"    {line}" for line in _fields(before[name], after[name]))


def _fields(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and "schema" not in name:
            yield from _fields(old, new, f"{path}{name}.")
            continue
        texts = ["none" if v is None else json.dumps(v, ensure_ascii=False) for v in (old, new)]
        short = name != "code" and max(map(len, texts)) <= LONGEST
        yield f"{path}{name}: {' -> '.join(texts) if short else 'changed'}"


def _nodes(definition: ChainDefinition) -> Facts:
    code = _code(definition.source)
    return {node.id: {**_facts(node), "code": code.get(node.id)} for node in definition.nodes}


def _facts(node: NodeDefinition) -> dict[str, Any]:
    facts = node.model_dump(mode="json", exclude=_LEFT_OUT)
    reads = {p.name: f"{p.source} {p.reference}".rstrip() for p in node.parameters}
    return {**facts, **node.options, "parameter": reads}


def _code(source: str) -> dict[str, str]:
    """By function, what its body does; the docstring, a prompt, is told by itself."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # a definition may have been made by hand
        return {}
    found = {}
    for part in tree.body:
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            body = part.body[1:] if ast.get_docstring(part) is not None else part.body
            found[part.name] = "\n".join(map(ast.dump, body))
    return found


def _edges(definition: ChainDefinition) -> Facts:
    """An edge's kind is in its name: two nodes may have several."""
    found = {}
    for edge in definition.edges:
        kind = "" if edge.kind == "data" else f" ({edge.kind})"
        found[f"{edge.source} -> {edge.target}{kind}"] = {"required": edge.required}
    return found


def _inputs(definition: ChainDefinition) -> Facts:
    return {
        each.name: {"type": each.json_schema.get("type", ""), **each.model_dump(mode="json")}
        for each in definition.inputs
    }


def _settings(definition: ChainDefinition) -> Facts:
    return {"of the chain": definition.settings.model_dump(mode="json")}
