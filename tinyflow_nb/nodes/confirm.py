"""Confirm nodes: a person is asked, and the run waits for the answer without holding a worker."""

from __future__ import annotations

from typing import Any

from tinyflow_nb.language.expressions import evaluate, render
from tinyflow_nb.ports import NodeCall, Suspend


class ConfirmNode:
    """Its message and initial values are expressions; its answer's schema is the definition's."""

    timeout = 60.0
    """Of making the form; the time to answer is the node's own `timeout`."""

    async def execute(self, call: NodeCall) -> Suspend:
        options: dict[str, Any] = call.node.options
        initial = options.get("initial")
        scope, skipped = call.scope, call.skipped
        if isinstance(initial, dict):
            filled: Any = {field: evaluate(text, scope, skipped) for field, text in initial.items()}
        else:
            filled = evaluate(initial, scope, skipped) if initial else None
        message = render(options.get("message") or "", scope, skipped)
        return Suspend(message, options["schema"], filled)
