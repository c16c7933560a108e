"""Open forms and given answers, as the front end shows them. It reads the JSON Schema itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyflow_nb.language.forms import inputs_schema
from tinyflow_nb.model.trigger import node_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tinyflow_nb.model.definition import InputDefinition
    from tinyflow_nb.model.state import ChainState, NodeState


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
