"""All there is to see of one unit: what the node panel asks for, and the page of a run tells."""

from __future__ import annotations

import ast
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tinyflow_nb.engine.given import Given, GivenValues
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import item_of, node_of
from tinyflow_nb_widgets.remedies import remedy
from tinyflow_nb_widgets.text import error_line, printable

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition, NodeDefinition
    from tinyflow_nb.model.state import ChainState, NodeState

LARGEST = 200_000
"""Characters of JSON of one value that is shown; of a larger one the beginning is."""
_AROUND = 2
"""Lines shown before and after the one where it failed."""


def unit_detail(
    definition: ChainDefinition, state: ChainState, unit: str, given: GivenValues | None = None
) -> dict[str, Any] | None:
    """The panel's `NodeDetail`, or None if the run has no such unit.

    Args:
        given: of the run, if more is known than its state, or more units than one are looked at.
    """
    node = next((n for n in definition.nodes if n.id == node_of(unit)), None)
    known = _unit(state, unit)
    if node is None or known is None:
        return None
    return {
        "unit": unit, "type": node.type, "description": printable(node.description),
        "status": known.status.value, "items": len(known.items or ()),
        "inputs": [_reads(value) for value in (given or GivenValues(definition, state)).of(unit)],
        "output": bounded(known.output), "has_output": known.status is Status.SUCCEEDED,
        "child": known.child, "attempts": known.attempts, "facts": _facts(node, known),
        "error": failure(definition, known.error),
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


def _facts(node: NodeDefinition, known: NodeState) -> list[str]:
    """What else there is to say of it, a few words each."""
    usage = known.usage or {}
    into, out, cost = (usage.get(name) for name in ("input_tokens", "output_tokens", "cost"))
    found = [
        f"{known.attempts} attempts" if known.attempts > 1 else "", known.reason,
        str(usage.get("model") or ""), f"{into or 0} → {out or 0} tokens" if into or out else "",
        f"cost {cost:.3g}" if isinstance(cost, int | float) else "",
        f"on {known.worker}" if known.worker else "", f"tags {', '.join(node.tags)}" if node.tags else "",
    ]  # fmt: skip
    return [printable(fact) for fact in found if fact]


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


def _reads(given: Given) -> dict[str, Any]:
    """An expression by its text, anything else by where it comes from."""
    source = {
        "node": f"node {given.reference}" if given.name != given.reference else "node",
        "expression": f"= {given.reference}", "previous": "its last output",
    }.get(given.source, given.source)  # fmt: skip
    return {
        "name": given.name, "source": printable(source), "value": bounded(given.value),
        "known": given.known, "note": printable(given.why),
    }  # fmt: skip


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
