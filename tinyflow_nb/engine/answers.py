"""A person's answer: which unit it is for, and whether it fits (SEMANTICS 16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tinyflow_nb.engine.items import items_of
from tinyflow_nb.errors import ResumeError
from tinyflow_nb.language.expressions import evaluate
from tinyflow_nb.language.forms import check_answer
from tinyflow_nb.language.values import from_json, to_json
from tinyflow_nb.model.commit import Answer
from tinyflow_nb.model.shape import shape_of
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import item_of, node_of

if TYPE_CHECKING:
    from tinyflow_nb.engine.plan import Plan
    from tinyflow_nb.model.definition import ChainDefinition, NodeDefinition


def answer_step(
    definition: ChainDefinition, state: ChainState, answer: Any, node: str, answer_id: str, who: str,
    plan: Plan | None,
) -> Answer | None:  # fmt: skip
    """The step that answers; None if this very answer is there already.

    Args:
        plan: if this process may run the cell's code, its types check the answer too.

    Raises:
        ResumeError
    """
    waiting = state.waiting()
    unit = _unit(state, waiting, node, answer_id)
    if unit is None:
        return None
    asked = waiting[unit].waiting_for or {}
    adapter = plan.nodes[node_of(unit)].output if plan else None
    value = check_answer(asked["schema"], answer, asked.get("initial"), adapter)
    text = to_json(value, None, unit)
    spec = definition.node(node_of(unit))
    is_item = item_of(unit) is not None
    arrivals = () if is_item else shape_of(definition).nodes[spec.id].done
    round = waiting[unit].round
    again = bool(spec.until) and not _holds(definition, spec, state, item_of(unit), from_json(text))
    exhausted = again and round >= spec.max_rounds and spec.on_exhausted == "result"
    repeat = again and not exhausted  # beyond the last round the unit fails, where it runs
    return Answer("answer", unit, text, answer_id, who, arrivals, repeat, round, exhausted)


def _holds(
    definition: ChainDefinition, spec: NodeDefinition, state: ChainState, item: int | None, value: Any
) -> bool:
    """Whether `until` holds with this answer: it sees what it would see where the node runs."""
    stands_in = {id: _stand_in(state, node) for id, node in state.nodes.items()}
    outputs = {id: n.output for id, n in stands_in.items() if n.status is Status.SUCCEEDED}
    skipped = [id for id, n in stands_in.items() if n.status is Status.SKIPPED]
    scope = {**definition.constants, **state.inputs, **outputs}

    def look(expression: str, extra: Mapping[str, Any] | None = None) -> Any:
        return evaluate(expression, {**scope, **(extra or {})}, skipped)

    variables: dict[str, Any] = {}
    if spec.each is not None and item is not None:
        variables = dict(zip(spec.each.variables, items_of(spec.each, look)[item], strict=True))
    return bool(look(spec.until, {**variables, spec.id: value}))


def _stand_in(state: ChainState, node: NodeState) -> NodeState:
    """Who speaks for a node: itself, or the handler of its failure."""
    while node.status is Status.FAILED and node.handled_by:
        node = state.nodes[node.handled_by]
    return node


def _unit(state: ChainState, waiting: dict[str, NodeState], node: str, answer_id: str) -> str | None:
    name, _, round = node.partition("#")
    nodes = [n for n in state.nodes.values() if not name or n.id == node_of(name)]
    answered = [u.answered_by for n in nodes for u in (n, *(n.items or ())) if u.answered_by]
    if any(a["answer_id"] == answer_id for a in answered):
        return None
    asked = name or (next(iter(waiting)) if len(waiting) == 1 else "")
    if asked in waiting:
        if round and round != str(waiting[asked].round):
            raise ResumeError(f"{node} does not wait any more: it is in round {waiting[asked].round}")
        return asked
    if state.status.terminal:
        raise ResumeError(f"run {state.id} is {state.status}: it takes no answers any more")
    open_forms = ", ".join(waiting) or "none"
    if name:
        found = state.nodes.get(node_of(name))
        if found is None:
            raise ResumeError(f"{state.chain} has no node {name!r}; waiting now: {open_forms}")
        if found.answered_by:
            by = found.answered_by.get("who") or "somebody"
            raise ResumeError(f"{name} was answered by {by} already; waiting now: {open_forms}")
        raise ResumeError(f"{name} is {found.status} and does not wait; waiting now: {open_forms}")
    if not waiting:
        raise ResumeError(f"run {state.id} is {state.status}: nothing in it waits for an answer yet")
    raise ResumeError(f"several nodes wait; say which with node=: {open_forms}")
