"""Everything a cell's text says without being run: its nodes, edges, inputs and hash."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass

from tinyflow_nb.language.bodies import find_nodes
from tinyflow_nb.language.canonical import content_hash
from tinyflow_nb.language.cell import Cell, take_stock
from tinyflow_nb.language.draft import NodeDraft
from tinyflow_nb.language.graph import Graph
from tinyflow_nb.language.scopes import check_reach, check_undefined
from tinyflow_nb.language.source import Place, Report, Source
from tinyflow_nb.language.syntax import compiled, read
from tinyflow_nb.language.wiring import wire
from tinyflow_nb.language.words import BUILTINS, PUBLIC
from tinyflow_nb.model.definition import Edge

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,119}")


@dataclass(slots=True)
class Analysis:
    """A text that had no mistake."""

    source: Source
    cell: Cell
    drafts: list[NodeDraft]
    graph: Graph
    bindings: tuple[str, ...]
    hash: str

    def edges(self) -> tuple[Edge, ...]:
        return tuple(edge for draft in self.drafts for edge in draft.edges.values())


def analyse(name: str, bound: Collection[str], report: Report, *, any_type: bool = False) -> Analysis | None:
    """Reads the report's source; None if it has mistakes, and then the report has them all.

    Args:
        any_type: node types need not be installed here.
    """
    source = report.source
    if not _NAME.fullmatch(name):
        report.add(
            Place(1, 1), f"a chain can't be named {name!r}",
            "take letters, digits and underscores, no digit first, 120 at most",
        )  # fmt: skip
    tree = read(source, report)
    if tree is None:
        return None
    try:
        return _analysed(tree, bound, report, any_type)
    except RecursionError:
        report.add(Place(1, 1), "the cell is nested too deeply to be read")
        return None


def _analysed(tree: ast.Module, bound: Collection[str], report: Report, any_type: bool) -> Analysis | None:
    cell = take_stock(tree, report)
    for name in sorted(set(bound) & set(cell.defined())):
        report.add(
            Place(1, 1), f"the cell defines {name!r} itself, and `--bind {name}` would replace it",
            "leave --bind out, or rename one of them",
        )  # fmt: skip
    drafts = find_nodes(cell, report, any_type=any_type)
    tools = cell.functions.keys() - {draft.id for draft in drafts}
    graph = wire(cell, drafts, tools, bound, report)
    check_reach(tree, report, graph.nodes, graph.inputs)
    check_undefined(tree, report, [*cell.defined(), *PUBLIC, *BUILTINS], bound)
    if not drafts and not report.has_errors():
        report.add(
            Place(1, 1), "the cell has no node",
            "write a public function: `def answer(question): ...`; its parameters are its inputs",
        )  # fmt: skip
    if report.has_errors() or compiled(report.source, tree, "<tinyflow>", report) is None:
        return None
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | graph.used_bindings
    bindings = tuple(sorted(used & set(bound)))
    return Analysis(report.source, cell, drafts, graph, bindings, content_hash(tree))
