"""All there is to see of one unit: what the node panel asks for, and the page of a run tells."""

from __future__ import annotations

import ast
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import item_of, node_of
from tinyflow_nb_widgets.remedies import remedy
from tinyflow_nb_widgets.text import error_line, printable

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition, NodeDefinition, Parameter
    from tinyflow_nb.model.state import ChainState, NodeState

LARGEST = 200_000
"""Characters of JSON of one value that is shown; of a larger one the beginning is."""
_AROUND = 2
"""Lines shown before and after the one where it failed."""


def unit_detail(definition: ChainDefinition, state: ChainState, unit: str) -> dict[str, Any] | None:
    """The panel's `NodeDetail`, or None if the run has no such unit."""
    node = next((n for n in definition.nodes if n.id == node_of(unit)), None)
    known = _unit(state, unit)
    if node is None or known is None:
        return None
    return {
        "unit": unit, "type": node.type, "description": printable(node.description), "tags": list(node.tags),
        "status": known.status.value, "items": len(known.items or ()),
        "inputs": _inputs(definition, state, node, unit),
        "output": bounded(known.output), "has_output": known.status is Status.SUCCEEDED,
        "usage": known.usage, "worker": known.worker, "child": known.child, "attempts": known.attempts,
        "error": failure(definition, known.error), "reason": printable(known.reason),
        "source": source_of(definition, node.id),
        "started_at": known.started_at, "finished_at": known.finished_at,
    }  # fmt: skip


def _unit(state: ChainState, unit: str) -> NodeState | None:
    node = state.nodes.get(node_of(unit))
    item = item_of(unit)
    if node is None or item is None:
        return node
    items = node.items or []
    return items[item] if 0 <= item < len(items) else None


def failure(definition: ChainDefinition, error: dict[str, Any] | None) -> dict[str, Any] | None:
    """An error with the cell's lines around it and, where one is known, its mend."""
    if not error:
        return None
    line = int(error.get("line") or 0)
    return {
        "title": printable(error_line(error)), "message": printable(str(error.get("message") or "")),
        "attempt": int(error.get("attempt") or 0), "line": line, "excerpt": excerpt(definition, line),
        "traceback": _lines(error.get("traceback")), "answer": _lines(error.get("answer")),
        "fix": remedy(error), "path": path_of(error),
    }  # fmt: skip


def path_of(error: dict[str, Any]) -> list[str]:
    """Down to the chain in which it began: `ask (line 4)`, `doc_summary@2 > draft (line 7)`."""
    return [
        printable(f"{s.get('chain')} > {s.get('node')} (line {s.get('line')})")
        for s in error.get("path") or ()
    ]


def excerpt(definition: ChainDefinition, line: int) -> list[list[Any]]:
    """The cell's lines around one, numbered: `[[3, "def draft():"], ...]`."""
    lines = definition.source.splitlines()
    if not 0 < line <= len(lines):
        return []
    first = max(1, line - _AROUND)
    return [[n, printable(lines[n - 1])] for n in range(first, min(len(lines), line + _AROUND) + 1)]


def source_of(definition: ChainDefinition, node: str) -> dict[str, Any]:
    """`text` of the node's function, with its decorators, and the `line` it begins at; 0 without a source."""
    first, last = _functions(definition.source).get(node, (0, 0))
    text = "\n".join(definition.source.splitlines()[first - 1 : last]) if first else ""
    return {"line": first, "text": printable(text)}


@lru_cache(maxsize=64)
def _functions(source: str) -> dict[str, tuple[int, int]]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # a definition may have been made by hand
        return {}
    functions = [part for part in tree.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {
        f.name: (min([f.lineno, *(d.lineno for d in f.decorator_list)]), f.end_lineno or f.lineno)
        for f in functions
    }


def _inputs(
    definition: ChainDefinition, state: ChainState, node: NodeDefinition, unit: str
) -> list[dict[str, Any]]:
    """What it reads: its parameters, then what its prompt or expressions name besides."""
    found = [_input(definition, state, node, p, unit) for p in node.parameters if p.source != "context"]
    named = {p.reference for p in node.parameters if p.source == "node"}
    others = (e.source for e in definition.edges if e.target == node.id and e.kind != "handler")
    return found + [_of_node(state, id, id) for id in dict.fromkeys(others) if id not in named]


def _input(
    definition: ChainDefinition, state: ChainState, node: NodeDefinition, parameter: Parameter, unit: str
) -> dict[str, Any]:
    name, reference = parameter.name, parameter.reference
    match parameter.source:
        case "node":
            return _of_node(state, name, reference)
        case "input":
            defaults = {i.name: i.default for i in definition.inputs if not i.required}
            known = {**defaults, **state.inputs}
            return _value(name, "input", known.get(reference), reference in known)
        case "item":
            return _of_item(state, node, name, unit)
        case "expression":
            return {**_value(name, "expression", None, False), "note": printable(reference)}
        case other:
            return _value(name, other, None, False)


def _of_node(state: ChainState, name: str, id: str) -> dict[str, Any]:
    """As its consumers receive it: a handler's output, should one stand in."""
    source = state.nodes.get(id)
    if source is not None and source.handled_by:
        source = state.nodes.get(source.handled_by)
    there = source is not None and source.status is Status.SUCCEEDED
    value = _value(name, f"node {id}" if name != id else "node", source.output if source else None, there)
    if source is not None and not there:
        value["note"] = source.status.value.lower()
    return value


def _of_item(state: ChainState, node: NodeDefinition, name: str, unit: str) -> dict[str, Any]:
    """Known without evaluating anything if the items are a name's value as it is."""
    item, each = item_of(unit), node.each
    if each is None:
        return _value(name, "item", None, False)
    listed: Any = state.inputs.get(each.items)
    if each.items in state.nodes:
        listed = state.nodes[each.items].output
    if (
        item is None
        or each.condition
        or len(each.variables) > 1
        or not isinstance(listed, list)
        or item >= len(listed)
    ):
        return {**_value(name, "item", None, False), "note": printable(f"one of {each.items}")}
    return _value(name, "item", listed[item], True)


def _value(name: str, source: str, value: Any, known: bool) -> dict[str, Any]:
    return {"name": name, "source": source, "value": bounded(value), "known": known, "note": ""}


def bounded(value: Any) -> Any:
    """The value, or the beginning of its text if it is too large for a page."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= LARGEST else f"{value[:LARGEST]}\n… ({len(value)} characters)"
    text = json.dumps(value, ensure_ascii=False)
    return value if len(text) <= LARGEST else f"{text[:LARGEST]}\n… ({len(text)} characters of JSON)"


def _lines(value: Any) -> str:
    if isinstance(value, list):
        return printable("\n".join(str(line).rstrip("\n") for line in value))
    return printable(str(value or ""))
