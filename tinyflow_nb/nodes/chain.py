"""Chain nodes: another chain does the work, as a run of its own."""

from __future__ import annotations

import inspect
from typing import Any

from tinyflow_nb.language.values import from_json, to_json
from tinyflow_nb.ports import NodeCall, SubChain


class ChainNode:
    """Its parameters are the other chain's inputs, by name (SEMANTICS 36)."""

    timeout = 60.0
    """Of asking for the other chain; the time that has is the node's own `timeout`."""

    async def execute(self, call: NodeCall) -> SubChain:
        arguments = dict(call.arguments)
        if call.function is not None and len(arguments) < len(call.node.parameters):
            # what a skipped parent leaves to the parameter's default
            bound = inspect.signature(call.function).bind_partial(**arguments)
            bound.apply_defaults()
            arguments = bound.arguments
        what = f"node {call.node.id!r}"
        inputs: dict[str, Any] = {
            name: from_json(to_json(value, None, f"{what}, {name}")) for name, value in arguments.items()
        }
        return SubChain(str(call.node.options["ref"]), inputs)
