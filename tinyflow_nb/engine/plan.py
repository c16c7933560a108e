"""Plan: a definition made ready to run in this process. Derived from it alone, so it may be cached."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tinyflow_nb.errors import DefinitionError, Problem
from tinyflow_nb.language.module import CellModule, load_module
from tinyflow_nb.model.shape import NodeShape, Shape, shape_of

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from tinyflow_nb.model.definition import ChainDefinition, NodeDefinition
    from tinyflow_nb.ports import NodeExecutor


class Binding(NamedTuple):
    """How one parameter gets its value."""

    name: str
    source: str
    reference: str
    adapter: TypeAdapter[Any] | None


class NodePlan:
    """One node, with its function, its executor and the types at its edges."""

    __slots__ = (
        "bindings", "definition", "executor", "function", "is_code", "judged", "output", "output_type",
        "shape", "timeout",
    )  # fmt: skip

    def __init__(
        self, definition: NodeDefinition, shape: NodeShape, executor: NodeExecutor,
        function: Callable[..., Any] | None, output_type: Any, bindings: tuple[Binding, ...],
    ) -> None:  # fmt: skip
        self.definition = definition
        self.shape = shape
        self.executor = executor
        self.function = function
        self.output_type = output_type
        self.output = _adapter(output_type)
        self.bindings = bindings
        self.timeout = definition.timeout or executor.timeout
        self.is_code = definition.type == "code" and inspect.iscoroutinefunction(function)
        """A plain coroutine function: it can run where it is, without a detour."""


class Plan:
    """A chain."""

    __slots__ = ("constants", "definition", "module", "nodes", "prints", "shape")

    def __init__(
        self, definition: ChainDefinition, module: CellModule, nodes: dict[str, NodePlan], shape: Shape
    ) -> None:
        self.definition = definition
        self.module = module
        self.nodes = nodes
        self.shape = shape
        self.constants = definition.constants
        self.prints = "print" in definition.source or "log" in definition.source
        """Whether its functions may write log lines; catching them is not free."""


def make_plan(
    definition: ChainDefinition,
    executors: Mapping[str, NodeExecutor],
    bindings: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Callable[..., Any]] | None = None,
    *,
    module: CellModule | None = None,
) -> Plan:
    """Load the cell's module, unless it is given, and tie every node to its function and executor.

    Raises:
        DefinitionError: a node's type is not known here, or the module fails.
    """
    module = module or load_module(definition, bindings or {})
    shape = shape_of(definition)
    produced = {node.id: _produced(node, module) for node in definition.nodes}
    nodes = {}
    for node in definition.nodes:
        executor = executors.get("code" if overrides and node.id in overrides else node.type)
        if executor is None:
            known = ", ".join(sorted(executors))
            message = f"node {node.id!r} has type {node.type!r}, which is not installed here"
            raise DefinitionError([Problem(node.line, 1, message, f"known types: {known}")], definition.name)
        types = module.parameter_types.get(node.id, {})
        bound = tuple(
            Binding(
                p.name,
                p.source,
                p.reference,
                _adapter(types.get(p.name) or (produced.get(p.reference) if p.source == "node" else None)),
            )
            for p in node.parameters
        )
        function = (overrides or {}).get(node.id) or module.functions.get(node.id)
        nodes[node.id] = NodePlan(
            node, shape.nodes[node.id], executor, function, module.output_types.get(node.id), bound
        )
        if overrides and node.id in overrides:
            nodes[node.id].is_code = inspect.iscoroutinefunction(function)
    return Plan(definition, module, nodes, shape)


def _produced(node: NodeDefinition, module: CellModule) -> Any:
    """The type of what consumers get; a skipped item is null."""
    output: Any = module.output_types.get(node.id)
    return output if node.each is None or output is None else list[output | None]


def _adapter(type: Any) -> TypeAdapter[Any] | None:
    """None where JSON itself is the type."""
    if type is None or type is Any or type is inspect.Parameter.empty:
        return None
    from pydantic import TypeAdapter

    return TypeAdapter(type)
