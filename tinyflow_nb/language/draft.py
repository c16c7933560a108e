"""A node as its function and decorator say it, before its names are looked up."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from tinyflow_nb.language.cell import Function
from tinyflow_nb.language.each import EachText
from tinyflow_nb.language.written import Written
from tinyflow_nb.model.definition import Edge, OnError, Parameter


@dataclass(slots=True)
class NodeDraft:
    """What the text alone says about one node; `deferred` options are known once the cell has run."""

    id: str
    function: Function
    type: str = "code"
    decorator: ast.expr | None = None
    given: dict[str, ast.expr] = field(default_factory=dict)
    """The options written, each with its value."""
    type_options: dict[str, JsonValue] = field(default_factory=dict)
    """`options=`: what a type of another package is told."""
    settled: dict[str, Any] = field(default_factory=dict)
    deferred: dict[str, ast.expr] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    """The model's own settings, of @llm."""
    deferred_settings: dict[str, ast.expr] = field(default_factory=dict)
    when: Written | None = None
    until: Written | None = None
    each: EachText | None = None
    after: dict[str, ast.expr] = field(default_factory=dict)
    inputs: dict[str, Written] = field(default_factory=dict)
    initial: Written | dict[str, Written] | None = None
    tools: list[str] = field(default_factory=list)
    on_error: OnError = field(default_factory=OnError)
    docstring: ast.Constant | None = None
    body: bool = True
    """Whether the function has more than a docstring and `...`."""
    parameters: list[Parameter] = field(default_factory=list)
    edges: dict[str, Edge] = field(default_factory=dict)
    """By source: everything this node waits for."""

    @property
    def word(self) -> str:
        """The decorator that makes it: @llm, @confirm, @chain, or @node for our code and others' types."""
        return self.type if self.type in ("llm", "confirm", "chain") else "node"

    def prompt(self) -> Written | None:
        """The docstring as the template it is for @llm and @confirm."""
        if self.docstring is None or self.word in ("node", "chain"):
            return None
        return Written(str(self.docstring.value), self.docstring, "template")

    def initial_texts(self) -> list[Written]:
        if self.initial is None:
            return []
        return list(self.initial.values()) if isinstance(self.initial, dict) else [self.initial]

    def arguments(self) -> list[ast.arg]:
        return [*self.function.args.args, *self.function.args.kwonlyargs]

    def defaults(self) -> dict[str, ast.expr]:
        """Default values by parameter."""
        arguments = self.function.args
        positional = arguments.args[max(0, len(arguments.args) - len(arguments.defaults)) :]
        found = {a.arg: d for a, d in zip(positional, arguments.defaults, strict=False)}
        for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if value is not None:
                found[argument.arg] = value
        return found
