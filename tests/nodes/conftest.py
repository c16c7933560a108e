"""A NodeCall made by hand: a node is tested without an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tinyflow_nb.model.context import ExecutionContext
from tinyflow_nb.model.definition import NodeDefinition, Parameter


@dataclass
class Call:
    """What a node's executor sees, and what it emitted."""

    node: NodeDefinition
    arguments: dict[str, Any] = field(default_factory=dict)
    scope: dict[str, Any] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()
    context: ExecutionContext = field(
        default_factory=lambda: ExecutionContext(run="r1", chain="c@1", node="draft")
    )
    function: Callable[..., Any] | None = None
    output_type: Any = None
    module: Mapping[str, Any] = field(default_factory=dict)
    chunks: list[tuple[str, Any]] = field(default_factory=list)

    def emit(self, kind: str, value: Any) -> None:
        self.chunks.append((kind, value))

    async def in_thread(self, function: Callable[[], Any]) -> Any:
        return await asyncio.to_thread(function)

    def emitted(self, kind: str) -> list[Any]:
        return [value for k, value in self.chunks if k == kind]


@pytest.fixture
def llm_call() -> Callable[..., Call]:
    """`llm_call("prompt {{ x }}", str, scope={"x": 1}, models=["m"], settings={...})`."""

    def make(prompt: str = "Say hello", output_type: Any = None, *, scope: Mapping[str, Any] | None = None,
             arguments: Mapping[str, Any] | None = None, skipped: tuple[str, ...] = (),
             parameters: tuple[Parameter, ...] = (), function: Callable[..., Any] | None = None,
             module: Mapping[str, Any] | None = None, **options: Any) -> Call:  # fmt: skip
        node = NodeDefinition(
            id="draft",
            type="llm",
            parameters=parameters,
            options={"models": ["fake"], "prompt": prompt, "max_steps": 8, "reasks": 2, **options},
        )
        return Call(
            node, dict(arguments or {}), dict(scope or {}), frozenset(skipped),
            function=function, output_type=output_type, module=module or {},
        )  # fmt: skip

    return make
