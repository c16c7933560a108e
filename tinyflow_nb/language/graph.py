"""A chain's graph while it is being found: what the steps of its reading share."""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from tinyflow_nb.language.cell import Cell
from tinyflow_nb.language.draft import NodeDraft
from tinyflow_nb.language.source import At, Positioned, Report
from tinyflow_nb.model.definition import Edge

EdgeKind = Literal["data", "order", "handler"]
_STRENGTH: Final[dict[EdgeKind, int]] = {"order": 0, "handler": 1, "data": 2}


@dataclass(slots=True)
class InputDraft:
    """One input: declared, or known by the parameters that name it."""

    name: str
    at: Positioned
    declared: bool
    default: ast.expr | None = None
    """As written, of an undeclared one."""
    parameters: list[tuple[NodeDraft, ast.arg]] = field(default_factory=list)


@dataclass(slots=True)
class Graph:
    """Nodes and inputs by name, and what is known about the names of a cell."""

    cell: Cell
    report: Report
    drafts: list[NodeDraft]
    tools: frozenset[str]
    bound: frozenset[str]
    """Names whose values `--bind` brings."""
    nodes: dict[str, NodeDraft] = field(default_factory=dict)
    inputs: dict[str, InputDraft] = field(default_factory=dict)
    constants: dict[str, At] = field(default_factory=dict)
    """Those that expressions and prompts name, and where first."""
    used_bindings: set[str] = field(default_factory=set)
    """Bound names that expressions and prompts name."""
    handlers: dict[str, NodeDraft] = field(default_factory=dict)
    """By the handler's id, the node it stands in for."""
    places: dict[tuple[str, str], At] = field(default_factory=dict)
    """By source and target, what made the edge."""

    def edge(self, draft: NodeDraft, source: str, kind: EdgeKind, at: At, required: bool = True) -> None:
        """`draft` waits for `source`; the strongest of several reasons is kept."""
        self.places.setdefault((source, draft.id), at)
        old = draft.edges.get(source)
        new = Edge(source=source, target=draft.id, kind=kind, required=required and kind == "data")
        if old is None or (_STRENGTH[kind], new.required) > (_STRENGTH[old.kind], old.required):
            draft.edges[source] = new

    def known(self, draft: NodeDraft) -> Mapping[str, object]:
        """Every name the texts of a node may read."""
        own = {p.name for p in draft.parameters if p.source != "context"}
        variables = draft.each.variables if draft.each else ()
        own_names: dict[str, object] = dict.fromkeys((*own, *variables, *self.bound))
        return ChainMap(own_names, self.nodes, self.inputs, self.cell.assigned)  # type: ignore[arg-type]

    def check_not_failed(self, draft: NodeDraft, name: str, at: At) -> None:
        failing = self.handlers.get(draft.id)
        if failing is not None and name == failing.id:
            self.report.add(
                at, f"{name!r} has no output when its handler {draft.id!r} runs: it has failed",
                "take the parameter `error` for what went wrong",
            )  # fmt: skip
