"""From names to edges: what each node waits for."""

from __future__ import annotations

from collections.abc import Iterable

from tinyflow_nb.language.cell import Cell
from tinyflow_nb.language.draft import NodeDraft
from tinyflow_nb.language.graph import Graph
from tinyflow_nb.language.parameters import Parameters
from tinyflow_nb.language.source import Report
from tinyflow_nb.language.texts import Texts
from tinyflow_nb.language.words import did_you_mean
from tinyflow_nb.model.graph import find_cycle


def wire(
    cell: Cell, drafts: list[NodeDraft], tools: Iterable[str], bound: Iterable[str], report: Report
) -> Graph:
    """Resolves every name of the drafts and fills their parameters and edges; problems are reported."""
    graph = Graph(cell, report, drafts, frozenset(tools), frozenset(bound), {d.id: d for d in drafts})
    for draft in drafts:
        _handler(graph, draft)
    parameters, texts = Parameters(graph), Texts(graph)
    for draft in drafts:
        parameters.resolve(draft)
    for draft in drafts:
        texts.resolve(draft)
        _order(graph, draft)
        _join(graph, draft)
    for handler, failing in graph.handlers.items():
        graph.edge(graph.nodes[handler], failing.id, "handler", failing.given["on_error"])
    _cycle(graph)
    return graph


def _handler(graph: Graph, draft: NodeDraft) -> None:
    if draft.on_error.kind != "handler":
        return
    name, at = draft.on_error.handler, draft.given["on_error"]
    handler = graph.nodes.get(name)
    if handler is None:
        hint = did_you_mean(name, [*graph.nodes, "fail", "skip"])
        graph.report.add(
            at, f"`on_error=` names no node: {name!r}",
            hint or 'write "fail", "skip", default(v) or the name of a handler node',
        )  # fmt: skip
    elif handler is draft:
        graph.report.add(at, f"{name!r} can't handle its own error", "write a handler node for it")
    elif name in graph.handlers:
        graph.report.add(
            at, f"{name!r} handles {graph.handlers[name].id!r} already: a handler serves one node",
            "write a second one; both may call the same helper",
        )  # fmt: skip
    else:
        graph.handlers[name] = draft
        if handler.settled.get("result"):
            graph.report.add(
                handler.given["result"], f"{name!r} is a handler: it is never a result of its own",
                f"mark {draft.id!r}, the node it stands in for",
            )  # fmt: skip


def _order(graph: Graph, draft: NodeDraft) -> None:
    for name, at in draft.after.items():
        if name == draft.id:
            graph.report.add(at, f"{name!r} can't wait for itself", "name another node")
        elif name in graph.nodes:
            graph.edge(draft, name, "order", at, required=False)
        else:
            hint = did_you_mean(name, graph.nodes) or "`after=` takes the names of nodes"
            graph.report.add(at, f"`after=` names no node: {name!r}", hint)


def _join(graph: Graph, draft: NodeDraft) -> None:
    if draft.settled.get("join") != "any":
        return
    data = [edge for edge in draft.edges.values() if edge.kind == "data"]
    if not data:
        graph.report.add(
            draft.given["join"], f'join="any" needs nodes to choose from, and {draft.id!r} reads none',
            "add parameters that name nodes, each with a default",
        )  # fmt: skip
    arguments = {a.arg: a for a in draft.arguments()}
    for parameter in draft.parameters:
        if parameter.source == "node" and parameter.required:
            graph.report.add(
                arguments[parameter.name], f'with join="any" {parameter.name!r} needs a default: '
                "only the winner has a value", f"write `{parameter.name}=None`",
            )  # fmt: skip
    if draft.when is not None:
        for name in sorted(draft.when.names(graph.report) & {edge.source for edge in data}):
            graph.report.add(
                draft.when.place_of(graph.report, name),
                f'with join="any" `when=` can\'t name {name!r}: it is judged before a winner is known',
                "check the value in the body",
            )  # fmt: skip


def _cycle(graph: Graph) -> None:
    edges = [(e.source, e.target) for draft in graph.drafts for e in draft.edges.values()]
    for handler, failing in graph.handlers.items():  # who waits for the failed node waits for its stand-in
        behind = [target for source, target in edges if source == failing.id and target != handler]
        for target in behind:
            edges.append((handler, target))
            graph.places.setdefault((handler, target), failing.given["on_error"])
    cycle = find_cycle(list(graph.nodes), edges)
    if cycle:
        at = graph.places[cycle[-2], cycle[-1]]
        graph.report.add(
            at, "the nodes wait for each other: " + " -> ".join(cycle),
            "take one of these names away; to repeat a node use until=",
        )  # fmt: skip
