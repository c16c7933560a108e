"""JSON Schema -> the fields of a form. The front end draws them, the engine validates the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyflow_nb.model.trigger import node_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tinyflow_nb.model.definition import InputDefinition
    from tinyflow_nb.model.state import ChainState, NodeState

_DEEPEST = 16


def fields_of(schema: dict[str, Any], initial: Any = None) -> list[dict[str, Any]]:
    """The fields of an answer; one without a name if the answer is not an object with properties.

    A field has `name`, `label`, `description`, `kind` (boolean, choice, integer, number, text, line
    or json), `required`, `nullable`, `choices`, `minimum`, `maximum`, and `value` if it is pre-filled.
    """
    shape = _resolve(schema, schema)
    properties = shape.get("properties")
    if shape.get("type") != "object" or not properties:
        return [_field("", schema, schema, True, initial)]
    required = set(shape.get("required", ()))
    given = initial if isinstance(initial, dict) else {}
    return [
        _field(name, part, schema, name in required, given.get(name))
        for name, part in properties.items()
    ]  # fmt: skip


def _resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Follow references inside the schema; what stands beside one adds to it."""
    for _ in range(_DEEPEST):
        path = schema.get("$ref")
        if not isinstance(path, str) or not path.startswith("#/"):
            break
        target: Any = root
        for step in path[2:].split("/"):
            target = target.get(step, {}) if isinstance(target, dict) else {}
        schema = {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema


def _field(name: str, part: Any, root: dict[str, Any], required: bool, value: Any) -> dict[str, Any]:
    outer = _resolve(part if isinstance(part, dict) else {}, root)
    shape, nullable = _without_null(outer, root)
    if value is None:
        value = outer.get("default")
    field: dict[str, Any] = {
        "name": name, "label": name.replace("_", " "), "required": required, "nullable": nullable,
        "description": str(outer.get("description") or shape.get("description") or ""),
        **_kind(shape),
    }  # fmt: skip
    if value is not None:
        field["value"] = value
    return field


def _without_null(shape: dict[str, Any], root: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    options = shape.get("anyOf") or shape.get("oneOf")
    if options:
        others = [_resolve(o, root) for o in options if isinstance(o, dict)]
        others = [o for o in others if o.get("type") != "null"]
        if len(others) == 1:
            return others[0], len(others) < len(options)
        if others and all("const" in o for o in others):
            return {"enum": [o["const"] for o in others]}, len(others) < len(options)
    kinds = shape.get("type")
    if isinstance(kinds, list) and "null" in kinds:
        left = [k for k in kinds if k != "null"]
        return {**shape, "type": left[0] if len(left) == 1 else left}, True
    return shape, False


def _kind(shape: dict[str, Any]) -> dict[str, Any]:
    if "enum" in shape or "const" in shape:
        return {"kind": "choice", "choices": list(shape.get("enum", [shape.get("const")]))}
    match shape.get("type"):
        case "boolean":
            return {"kind": "boolean"}
        case "integer" | "number" as kind:
            low = shape.get("minimum", shape.get("exclusiveMinimum"))
            high = shape.get("maximum", shape.get("exclusiveMaximum"))
            return {"kind": kind, "minimum": low, "maximum": high}
        case "string":
            short = "format" in shape or shape.get("maxLength", 1000) <= 80
            return {"kind": "line" if short else "text", "longest": shape.get("maxLength")}
        case _:
            return {"kind": "json"}


def waiting_forms(state: ChainState) -> list[dict[str, Any]]:
    """The open forms of a run. `key` changes when the same unit asks anew."""
    return [_form(state, unit, node) for unit, node in state.waiting().items()]


def _form(state: ChainState, unit: str, node: NodeState) -> dict[str, Any]:
    asked = node.waiting_for or {}
    return {
        "key": f"{state.id}/{state.generation}/{unit}/{node.round}/{node.attempts}",
        "unit": unit, "message": str(asked.get("message") or ""),
        "fields": fields_of(asked.get("schema") or {}, asked.get("initial")),
    }  # fmt: skip


def input_form(
    inputs: Iterable[InputDefinition], missing: Iterable[str], given: Mapping[str, Any]
) -> dict[str, Any]:
    """The form that asks for a chain's inputs before it runs."""
    wanted = tuple(missing)
    fields = []
    for item in inputs:
        schema = dict(item.json_schema)
        if item.description:
            schema["description"] = item.description
        fallback = None if item.required else item.default
        fields.append(_field(item.name, schema, schema, item.required, given.get(item.name, fallback)))
    names = ", ".join(wanted)
    return {"key": "inputs", "unit": "", "message": f"Needed to start: {names}" if names else "Start with:",
            "fields": fields}  # fmt: skip


def answers(state: ChainState) -> list[dict[str, Any]]:
    """Who answered what, oldest first."""
    found = []
    for node in state.nodes.values():
        for unit in (node, *(node.items or ())):
            if unit.answered_by:
                by = unit.answered_by
                found.append({"unit": unit.id, "node": node_of(unit.id), "who": str(by.get("who") or ""),
                              "at": by.get("at") or 0, "answer": unit.output})  # fmt: skip
    return sorted(found, key=lambda a: a["at"])
