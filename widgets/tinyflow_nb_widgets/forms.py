"""Open forms and given answers, as the front end shows them. It reads the JSON Schema itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tinyflow_nb.language.form_schema import Schema, without_null
from tinyflow_nb.language.forms import inputs_schema
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import node_of
from tinyflow_nb_widgets.text import printable, readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tinyflow_nb.model.definition import ChainDefinition, InputDefinition
    from tinyflow_nb.model.state import ChainState, NodeState

_MOST_FIELDS = 50
_LONGEST = 4000
"""Characters of one field in the record of an answer: the node's own output has all of it."""


def waiting_forms(state: ChainState) -> list[dict[str, Any]]:
    """The open forms of a run. `key` changes when the same unit asks anew."""
    return [form_of(state, unit, node) for unit, node in state.waiting().items()]


def form_of(state: ChainState, unit: str, node: NodeState) -> dict[str, Any]:
    """What one unit asks."""
    asked = node.waiting_for or {}
    return {
        "key": f"{state.id}/{state.generation}/{unit}/{node.round}/{node.attempts}",
        "unit": unit, "message": str(asked.get("message") or ""),
        "schema": asked.get("schema") or {}, "initial": asked.get("initial"),
    }  # fmt: skip


def input_form(
    inputs: Iterable[InputDefinition], missing: Iterable[str], given: Mapping[str, Any]
) -> dict[str, Any]:
    """The form that asks for a chain's inputs before it runs."""
    names = ", ".join(missing)
    return {"key": "inputs", "unit": "", "message": f"Needed to start: {names}" if names else "Start with:",
            "schema": inputs_schema(inputs), "initial": dict(given)}  # fmt: skip


def answers(definition: ChainDefinition, state: ChainState) -> list[dict[str, Any]]:
    """Who answered what and when, oldest first; `fields` are label and text of each,
    or one without a label."""
    schemas = {node.id: node.output_schema or {} for node in definition.nodes}
    found = []
    for unit in state.units():
        if unit.answered_by and unit.status is Status.SUCCEEDED:
            by, node = unit.answered_by, node_of(unit.id)
            fields = list(_fields("", schemas.get(node, {}), schemas.get(node, {}), unit.output))
            found.append({"unit": unit.id, "node": node, "who": str(by.get("who") or "somebody"),
                          "at": by.get("at") or 0, "fields": fields[:_MOST_FIELDS]})  # fmt: skip
    return sorted(found, key=lambda a: a["at"])


def _fields(label: str, part: Schema, root: Schema, value: Any) -> Iterator[list[str]]:
    """A model's fields one by one, those of a model in it behind its own label."""
    if isinstance(value, dict) and value and not _is_file(value):
        known = without_null(part, root)[0].get("properties", {})
        for name, inner in value.items():
            of = known.get(name, {})
            yield from _fields(" · ".join(filter(None, [label, _label(name, of)])), of, root, inner)
    else:
        yield [printable(label), printable(_told(value))]


def _label(name: str, part: Schema) -> str:
    """As the form names the field."""
    title = name.replace("_", " ") if "$ref" in part or "title" not in part else str(part["title"])
    return title[:1].upper() + title[1:]


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, dict) and _is_file(value):
        size = len(value.get("text") or "") or len(value.get("base64") or "") * 3 // 4
        return f"{value['name']} ({size} bytes)"
    flat = isinstance(value, list) and not any(isinstance(part, dict | list) for part in value)
    text = ", ".join(map(_told, value)) if flat else value if isinstance(value, str) else readable(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _is_file(value: dict[str, Any]) -> bool:
    return value.keys() >= {"name", "mime"} and bool(value.keys() & {"text", "base64"})
