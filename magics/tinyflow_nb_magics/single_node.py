"""One node by itself: its rendered prompt, or one call of its body. Nothing is stored."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from tinyflow_nb.engine.call import Call
from tinyflow_nb.engine.inputs import check_inputs
from tinyflow_nb.engine.live_run import LiveRun
from tinyflow_nb.engine.node_types import installed
from tinyflow_nb.engine.plan import NodePlan, Plan, make_plan
from tinyflow_nb.engine.threads import ThreadPool
from tinyflow_nb.errors import InputError, InvalidOperation
from tinyflow_nb.language.expression_sandbox import SkippedUsed
from tinyflow_nb.language.values import from_json, to_json
from tinyflow_nb.model.commit import Claim
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import item_of, node_of
from tinyflow_nb.nodes.llm import rendered_messages
from tinyflow_nb.ports import Produced, Suspend
from tinyflow_nb_magics.arguments import did_you_mean

if TYPE_CHECKING:
    from tinyflow_nb.engine.executor import ChainExecutor
    from tinyflow_nb.engine.workshop import Workshop
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.state import ChainState
    from tinyflow_nb.ports import ChunkKind

ALONE = "alone"
"""The run id a node sees that runs by itself."""


class Messages(list[dict[str, str]]):
    """Rendered messages, `role` and `content` each, shown as text."""

    def __repr__(self) -> str:
        return "\n\n".join(f"{message['role']}:\n{message['content']}" for message in self)


async def prompt_alone(
    definition: ChainDefinition, bindings: Mapping[str, Any], node: str, values: Mapping[str, Any]
) -> Messages:
    """See `ChainHandle.prompt`."""
    plan = make_plan(definition, installed(), bindings)
    return await _rendered(_call_of(plan, _known_node(plan, node), values), {})


async def call_alone(
    definition: ChainDefinition, bindings: Mapping[str, Any], node: str, values: Mapping[str, Any]
) -> Any:
    """See `ChainHandle.call`."""
    plan = make_plan(definition, installed(), bindings)
    wanted = _known_node(plan, node)
    call = _call_of(plan, wanted, values)
    try:
        result = await asyncio.wait_for(wanted.executor.execute(call), wanted.timeout)
    except SkippedUsed as skipped:
        raise InputError(f"{node} needs {skipped.name}=...") from None
    except TimeoutError:
        raise InvalidOperation(f"{node} took longer than its timeout of {wanted.timeout:g} s") from None
    if isinstance(result, Suspend):
        raise InvalidOperation(f"{node} asks a person; start a run and answer it there")
    output = result.output if isinstance(result, Produced) else result
    return from_json(to_json(output, wanted.output, f"node {node!r}"))


async def prompt_in_run(executor: ChainExecutor, run_id: str, unit: str) -> Messages:
    """See `NodeView.prompt`."""
    state = await executor.state(run_id)
    return await prompt_of(await plan_of(executor, state), state, unit)


async def plan_of(executor: ChainExecutor, state: ChainState) -> Plan:
    """What a run is rendered from.

    Raises:
        NotTrusted, DefinitionError: its code may not, or can't, be loaded here.
    """
    name = state.chain.partition("@")[0]
    definition = await executor.registry.vetting.passed(state.definition_hash, name, state.id)
    return make_plan(definition, installed())


async def prompt_of(plan: Plan, state: ChainState, unit: str) -> Messages:
    """See `NodeView.prompt`."""
    node = _known_node(plan, node_of(unit))
    waiting = [id for id in node.shape.reads if not state.nodes[id].status.terminal]
    if waiting:
        raise InvalidOperation(f"{unit} reads {', '.join(waiting)}, which has not ended yet")
    outputs = {id: _output(state, id) for id in node.shape.reads}
    item = None
    index = item_of(unit)
    if node.definition.each is not None:
        if index is None:
            raise InvalidOperation(f"{unit} runs per item: look at run[{unit + '[0]'!r}].prompt")
        item = _item(plan, node, state.inputs, outputs, index)
    previous = json.dumps(state.nodes[node_of(unit)].output) if node.definition.until else None
    return await _rendered(_bare_call(plan, node, state.inputs, outputs, item, previous), outputs)


def _output(state: ChainState, id: str) -> str | None:
    """What consumers of a node receive, as JSON text; None if it was skipped."""
    node = state.nodes[id]
    if node.handled_by:
        node = state.nodes[node.handled_by]
    return json.dumps(node.output) if node.status is Status.SUCCEEDED else None


def _item(
    plan: Plan, node: NodePlan, inputs: dict[str, Any], outputs: dict[str, str | None], index: int
) -> list[Any]:
    each = node.definition.each
    assert each is not None
    judging = _bare_call(plan, node, inputs, outputs, None, None)
    several = len(each.variables) > 1
    items = [list(value) if several else [value] for value in judging.evaluate(each.items)]
    if each.condition:
        named = [dict(zip(each.variables, item, strict=True)) for item in items]
        items = [i for i, names in zip(items, named, strict=True) if judging.evaluate(each.condition, names)]
    return items[index]


# ------------------------------------------------------------------ from names to a call


def _known_node(plan: Plan, node: str) -> NodePlan:
    if node not in plan.nodes:
        hint = did_you_mean(node, plan.nodes) or f"it has {', '.join(plan.nodes)}"
        raise InvalidOperation(f"{plan.definition.name} has no node {node!r}; {hint}")
    return plan.nodes[node]


def _call_of(plan: Plan, node: NodePlan, values: Mapping[str, Any]) -> Call:
    """A call that sees these values, each by the name of a node, an input or a loop variable."""
    definition = plan.definition
    spec = node.definition
    inputs = {i.name: i for i in definition.inputs}
    loop = spec.each.variables if spec.each else ()
    own = [p.name for p in spec.parameters if p.source in ("previous", "error")]
    _refuse_unknown(spec.id, values, [*node.shape.reads, *inputs, *loop, *own])
    _refuse_missing(node, values, plan)
    given = {name: value for name, value in values.items() if name in inputs and name not in loop}
    defaults = {i.name: i.default for i in definition.inputs if not i.required}
    if set(inputs) <= given.keys() | defaults.keys():
        given = check_inputs(definition, given)
    texts = {name: to_json(value, None, name) for name, value in values.items()}
    outputs = {id: texts.get(id) for id in node.shape.reads}
    item = [from_json(texts[name]) for name in loop] if loop else None
    previous = texts.get(spec.id) if spec.id in own else None
    return _bare_call(plan, node, {**defaults, **given}, outputs, item, previous, values.get("error"))


def _refuse_unknown(node: str, values: Mapping[str, Any], known: Sequence[str]) -> None:
    unknown = [name for name in values if name not in known]
    if unknown:
        hint = did_you_mean(unknown[0], known) or f"it takes {', '.join(known) or 'none'}"
        raise InputError(f"{node} does not read {unknown[0]!r}; {hint}")


def _refuse_missing(node: NodePlan, values: Mapping[str, Any], plan: Plan) -> None:
    spec = node.definition
    optional = {i.name for i in plan.definition.inputs if not i.required}
    missing = [
        p.reference
        for p in spec.parameters
        if p.source in ("node", "input", "item") and p.required and p.reference not in {*values, *optional}
    ]
    missing += [name for name in (spec.each.variables if spec.each else ()) if name not in values]
    if missing:
        names = list(dict.fromkeys(missing))
        raise InputError(f"{spec.id} needs {', '.join(f'{name}=...' for name in names)}", names)


def _bare_call(
    plan: Plan, node: NodePlan, inputs: dict[str, Any], outputs: Mapping[str, str | None],
    item: list[Any] | None, previous: str | None, error: dict[str, Any] | None = None,
) -> Call:  # fmt: skip
    id = node.definition.id
    live = LiveRun(ALONE, plan.definition.short_ref, plan, inputs, {}, 1, None, 0.0)
    unit = f"{id}[0]" if item is not None else id
    claim = Claim(
        ALONE,
        1,
        unit,
        0,
        1,
        1,
        dict(outputs),
        None if item is None else json.dumps(item),
        previous,
        error=error,
    )
    return _CallAlone(live, node, claim)


class _CallAlone(Call):
    """What it streams is not heard: its output tells it all."""

    __slots__ = ()

    def __init__(self, live: LiveRun, plan: NodePlan, claim: Claim) -> None:
        super().__init__(live, plan, claim, cast("Workshop", None))

    def emit(self, kind: ChunkKind, value: Any) -> None:
        pass

    async def in_thread(self, function: Callable[[], Any]) -> Any:
        threads = ThreadPool(1)
        try:
            return await threads.submit(function)
        finally:
            threads.close()


async def _rendered(call: Call, outputs: Mapping[str, str | None]) -> Messages:
    if call.node.type != "llm":
        raise InvalidOperation(f"{call.node.id} is a {call.node.type} node: only @llm nodes have a prompt")
    try:
        return Messages(await rendered_messages(call))
    except SkippedUsed as skipped:
        needs = "was skipped" if skipped.name in outputs else "is needed: give " + skipped.name + "=..."
        raise InvalidOperation(
            f"the prompt of {call.node.id} can't be rendered: {skipped.name} {needs}"
        ) from None
