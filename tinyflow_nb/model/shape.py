"""Shape: a definition's graph made ready for counting, once per definition.

The reducer takes the arrivals from here, a store the counts they are counted against.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from tinyflow_nb.model.commit import Arrival
from tinyflow_nb.model.definition import ChainDefinition, NodeDefinition


class NodeShape(NamedTuple):
    id: str
    edges: int
    """Incoming edges, one per source."""
    data: int
    """Those of them that carry data."""
    any: bool
    judged: bool
    """It is claimed to be judged first: a condition or an expression may yet skip it, or it is
    expanded into items."""
    reads: tuple[str, ...]
    """Nodes whose outputs its claim brings along."""
    orders: tuple[str, ...]
    """Those of them it has no data edge from."""
    handles: str
    """The node it stands in for, if it is a handler."""
    done: tuple[Arrival, ...]
    """What its success tells its successors."""
    skipped: tuple[Arrival, ...]
    """What its being skipped tells them."""
    failed: tuple[Arrival, ...]
    """What its failure tells its handler."""
    tags: tuple[str, ...]


class Shape(NamedTuple):
    nodes: dict[str, NodeShape]
    entry: tuple[str, ...]
    results: tuple[str, ...]


_shapes: OrderedDict[str, Shape] = OrderedDict()


def shape_of(definition: ChainDefinition) -> Shape:
    """The definition's shape; kept for the 256 definitions used last."""
    shape = _shapes.get(definition.hash)
    if shape is None:
        shape = _shapes[definition.hash] = build_shape(definition)
        if len(_shapes) > 256:
            _shapes.popitem(last=False)
    return shape


class _Pair:
    """All edges between two nodes, as one."""

    __slots__ = ("data", "handler", "required")

    def __init__(self) -> None:
        self.data = self.handler = self.required = False


def build_shape(definition: ChainDefinition) -> Shape:
    """What `shape_of` keeps. A pair of nodes counts as one edge, however many reasons it has."""
    incoming: dict[str, dict[str, _Pair]] = {n.id: {} for n in definition.nodes}
    outgoing: dict[str, dict[str, _Pair]] = {n.id: {} for n in definition.nodes}
    for edge in definition.edges:
        pair = incoming[edge.target].setdefault(edge.source, _Pair())
        outgoing[edge.source][edge.target] = pair
        pair.handler |= edge.kind == "handler"
        if edge.kind == "data":
            pair.data = True
            pair.required |= edge.required
    handled = {n.on_error.handler: n.id for n in definition.nodes if n.on_error.kind == "handler"}
    nodes: dict[str, NodeShape] = {}
    for node in definition.nodes:
        into = incoming[node.id]
        done, skipped, failed = _arrivals(node.id, outgoing[node.id])
        handles = handled.get(node.id, "")
        nodes[node.id] = NodeShape(
            id=node.id,
            edges=len(into),
            data=sum(pair.data for pair in into.values()),
            any=node.join == "any",
            judged=bool(node.when or node.each) or _may_skip_itself(node),
            reads=tuple(source for source, pair in into.items() if not pair.handler),
            orders=tuple(source for source, pair in into.items() if not (pair.handler or pair.data)),
            handles=handles,
            done=done,
            skipped=skipped,
            failed=failed,
            tags=node.tags,
        )
    entry = tuple(id for id, into in incoming.items() if not into)
    return Shape(nodes, entry, definition.results())


def _arrivals(
    source: str, outgoing: dict[str, _Pair]
) -> tuple[tuple[Arrival, ...], tuple[Arrival, ...], tuple[Arrival, ...]]:
    done, skipped, failed = [], [], []
    for target, pair in outgoing.items():
        if pair.handler:  # it is needed only if the source fails
            done.append(Arrival(target, source, 2, False))
            skipped.append(Arrival(target, source, 2, False))
            failed.append(Arrival(target, source, 0, False))
        else:
            done.append(Arrival(target, source, 0, pair.data))
            skipped.append(Arrival(target, source, 2 if pair.required else 1, pair.data))
    return tuple(done), tuple(skipped), tuple(failed)


def _may_skip_itself(node: NodeDefinition) -> bool:
    """Expressions besides `when` skip their node if they use a skipped one (SEMANTICS 3)."""
    return node.type != "code" or any(p.source == "expression" for p in node.parameters)
