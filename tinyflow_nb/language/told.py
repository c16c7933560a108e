"""What the text alone tells of a node's definition: all but its types and its late options."""

from __future__ import annotations

from typing import Any, Final

from pydantic import JsonValue

from tinyflow_nb.language.canonical import clean
from tinyflow_nb.language.draft import NodeDraft
from tinyflow_nb.language.option_values import DEFAULT_MAX_STEPS, DEFAULT_REASKS, PLAIN
from tinyflow_nb.language.written import Written
from tinyflow_nb.model.definition import Each, NodeDefinition

_LATE: Final = frozenset({"output_schema", "options"})


def told_fields(draft: NodeDraft) -> dict[str, Any]:
    """Fields of the NodeDefinition; a deferred option is left out until it is settled."""
    each = draft.each
    told: dict[str, Any] = {
        "id": draft.id,
        "type": draft.type,
        "description": _cleaned(draft) if draft.word in ("node", "chain") else "",
        "line": draft.function.lineno,
        "parameters": tuple(draft.parameters),
        "when": draft.when.text if draft.when else "",
        "until": draft.until.text if draft.until else "",
        "after": tuple(draft.after),
        "on_error": draft.on_error,
        "each": each
        and Each(
            variables=each.variables,
            items=each.items.text,
            condition=each.condition.text if each.condition else "",
        ),
    }
    for name, field in NodeDefinition.model_fields.items():
        if name in draft.settled and name not in told:
            told[name] = draft.settled[name]
        elif name not in told and name not in _LATE and not (name in PLAIN and name in draft.deferred):
            told[name] = field.default
    return told


def told_options(draft: NodeDraft) -> dict[str, JsonValue]:
    """The options of its type; of a form, without its schema."""
    prompt = _cleaned(draft)
    if draft.type == "llm":
        return {
            "models": draft.settled.get("model", []),
            "prompt": "" if draft.body else prompt,
            "system": prompt if draft.body else "",
            "body": draft.body,
            "settings": draft.settings,
            "tools": list(draft.tools),
            "max_steps": draft.settled.get("max_steps", DEFAULT_MAX_STEPS),
            "reasks": draft.settled.get("reasks", DEFAULT_REASKS),
        }
    if draft.type == "confirm":
        return {"message": prompt, "initial": _initial(draft)}
    if draft.type == "chain":
        return {
            "ref": draft.settled.get("ref", ""),
            "on_parent_close": draft.settled.get("on_parent_close", "stop"),
        }
    return draft.type_options


def _initial(draft: NodeDraft) -> JsonValue:
    if isinstance(draft.initial, Written):
        return draft.initial.text
    if draft.initial is None:
        return None
    return {name: written.text for name, written in draft.initial.items()}


def _cleaned(draft: NodeDraft) -> str:
    return clean(str(draft.docstring.value)) if draft.docstring is not None else ""
