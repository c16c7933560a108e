"""A chain as Mermaid text, for documents that draw it: `flowchart LR ...`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyflow_nb_widgets.text import printable

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition, Edge, NodeDefinition

_SHAPES = {"llm": ('(["', '"])'), "confirm": ('{{"', '"}}'), "chain": ('[["', '"]]')}
_ARROWS = {"data": "-->", "order": "-.->", "handler": "-.->|on error|"}


def render_mermaid(definition: ChainDefinition) -> str:
    """Nodes are `n0`, `n1` ... in the definition's order, so that no name can be a word of Mermaid's."""
    names = {node.id: f"n{at}" for at, node in enumerate(definition.nodes)}
    lines = [f"    {names[node.id]}{_box(node)}" for node in definition.nodes]
    lines += [f"    {names[e.source]} {_arrow(e)} {names[e.target]}" for e in definition.edges]
    return "\n".join(["flowchart LR", *lines]) + "\n"


def _arrow(edge: Edge) -> str:
    return _ARROWS[edge.kind]


def _box(node: NodeDefinition) -> str:
    opening, closing = _SHAPES.get(node.type, ('["', '"]'))
    return f"{opening}{_words(node.id)}{closing}"


def _words(text: str) -> str:
    """As text between quotes, whatever is in it: Mermaid knows `#` and a code point."""
    return "".join(c if c.isalnum() or c in "_ -." else f"#{ord(c)};" for c in printable(text))
