"""The graph questions a definition must answer before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition


def find_cycle(nodes: list[str], edges: list[tuple[str, str]]) -> list[str]:
    """A cycle as its path `[a, b, ..., a]`, or `[]`. Only names in `nodes` are looked at."""
    following: dict[str, list[str]] = {n: [] for n in nodes}
    for source, target in edges:
        if source in following and target in following:
            following[source].append(target)
    done: set[str] = set()
    for start in nodes:  # depth first with a stack of our own: a line may be thousands long
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, int]] = [(start, 0)]
        while stack:
            node, at = stack.pop()
            if at == 0:
                if node in done:
                    continue
                path.append(node)
                on_path.add(node)
            if at < len(following[node]):
                stack.append((node, at + 1))
                successor = following[node][at]
                if successor in on_path:
                    return [*path[path.index(successor) :], successor]
                if successor not in done:
                    stack.append((successor, 0))
            else:
                done.add(node)
                path.pop()
                on_path.discard(node)
    return []


def check_graph(definition: ChainDefinition) -> None:
    """Raises ValueError if the graph contradicts itself (a definition may be made by hand)."""
    ids = [n.id for n in definition.nodes]
    known = set(ids)
    if len(known) != len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise ValueError(f"node {twice!r} is defined twice")
    for edge in definition.edges:
        for end in (edge.source, edge.target):
            if end not in known:
                raise ValueError(f"edge {edge.source} -> {edge.target} names no node {end!r}")
    inputs = {i.name for i in definition.inputs}
    sources: dict[str, set[str]] = {i: set() for i in ids}
    for edge in definition.edges:
        sources[edge.target].add(edge.source)
    for node in definition.nodes:
        for p in node.parameters:
            if p.source == "node" and p.reference not in sources[node.id]:
                raise ValueError(f"node {node.id!r} reads {p.reference!r} without an edge from it")
            if p.source == "input" and p.reference not in inputs:
                raise ValueError(f"node {node.id!r} reads {p.reference!r}, which is no input")
        if node.on_error.kind == "handler" and node.id not in sources.get(node.on_error.handler, ()):
            raise ValueError(f"node {node.id!r} has no edge to its handler {node.on_error.handler!r}")
    cycle = find_cycle(ids, [(e.source, e.target) for e in definition.edges])
    if cycle:
        raise ValueError("the nodes wait for each other: " + " -> ".join(cycle))
