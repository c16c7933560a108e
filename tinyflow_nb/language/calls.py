"""Whether a chain node fits the chain it calls: its parameters are that chain's inputs (SEMANTICS 36)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinyflow_nb.errors import Problem
from tinyflow_nb.language.words import did_you_mean
from tinyflow_nb.model.definition import ChainDefinition, NodeDefinition, Parameter

Schema = dict[str, Any]


def check_call(
    definition: ChainDefinition, node: NodeDefinition, child: ChainDefinition, chain: str
) -> Iterator[Problem]:
    """What is wrong with one chain node, at its line.

    Args:
        child: the chain it calls.
        chain: how that is named.
    """
    inputs = {i.name: i for i in child.inputs}
    given = {p.name: p for p in node.parameters if p.source != "context"}
    for name in given:
        if name not in inputs:
            hint = did_you_mean(name, inputs) or f"it takes {', '.join(inputs) or 'no inputs'}"
            yield Problem(
                node.line, 1, f"{node.id!r} gives {chain} the input {name!r}, which it has not", hint
            )
    for name, spec in inputs.items():
        if spec.required and name not in given:
            hint = f"add it: def {node.id}({', '.join([*given, name])})"
            yield Problem(node.line, 1, f"{node.id!r} does not give {chain} its input {name!r}", hint)
    for name in given.keys() & inputs.keys():
        produced, wanted = _produced(definition, given[name]), inputs[name].json_schema
        if not _may_fit(produced, wanted):
            yield Problem(
                node.line, 1,
                f"{node.id!r} gives {chain} {_named(produced)} as {name!r}, which takes {_named(wanted)}",
                f'convert it in a node before, or by inputs={{"{name}": ...}}',
            )  # fmt: skip


def _produced(definition: ChainDefinition, parameter: Parameter) -> Schema:
    """JSON Schema of what reaches a parameter; empty if that is not known."""
    if parameter.source == "input":
        return next(i.json_schema for i in definition.inputs if i.name == parameter.reference)
    if parameter.source == "node":
        source = definition.node(parameter.reference)
        schema = source.output_schema or {}
        return {"type": "array", "items": schema} if source.each else schema
    return {}


_WIDER = {"integer": {"integer", "number"}}


def _may_fit(produced: Schema, wanted: Schema) -> bool:
    """False only if no value of the one can be of the other: what is not plain is not judged."""
    kind, accepted = produced.get("type"), wanted.get("type")
    choices, allowed = _choices(produced), _choices(wanted)
    if choices is not None and allowed is not None:
        return any(choice in allowed for choice in choices)
    if not isinstance(kind, str) or not isinstance(accepted, str):
        return True
    if accepted not in _WIDER.get(kind, {kind}) and not (kind == "number" and accepted == "integer"):
        return False
    if kind == "array":
        return _may_fit(_dict(produced.get("items")), _dict(wanted.get("items")))
    return True


def _choices(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    found = schema.get("enum")
    return found if isinstance(found, list) else None


def _dict(value: Any) -> Schema:
    return value if isinstance(value, dict) else {}


_ARTICLES = {
    "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "array": "a list", "object": "a mapping", "null": "nothing",
}  # fmt: skip


def _named(schema: Schema) -> str:
    choices = _choices(schema)
    if choices is not None:
        return "one of " + ", ".join(map(str, choices))
    kind = str(schema.get("type", "anything"))
    if kind == "array" and _dict(schema.get("items")).get("type"):
        return f"a list of {schema['items']['type']}s"
    return _ARTICLES.get(kind, kind)
