"""What a notebook says of a chain while it is typed: `NAME?`, and the signature of `NAME.start(`."""

from __future__ import annotations

import functools
import inspect
from base64 import b64encode
from collections.abc import Callable
from textwrap import indent
from typing import TYPE_CHECKING, Any, TypeVar

from tinyflow_nb.language.form_schema import describe, without_null

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition, InputDefinition

T = TypeVar("T")
_TYPES = {"string": str, "integer": int, "number": float, "boolean": bool, "array": list, "object": dict}


def described(definition: ChainDefinition) -> str:
    """Its description, inputs and nodes, as text."""
    parts = [definition.description] if definition.description else []
    if definition.inputs:
        parts.append("Inputs\n" + _aligned([_input(one) for one in definition.inputs]))
    nodes = []
    for node in definition.nodes:
        before = dict.fromkeys(edge.source for edge in definition.edges if edge.target == node.id)
        nodes.append((node.id, node.type, f"after {', '.join(before)}" if before else "at once"))
    parts.append("Nodes\n" + _aligned(nodes))
    return "\n\n".join(parts)


def in_markdown(definition: ChainDefinition) -> str:
    """The same, and its graph. The words are in a block of code: none of them is markup."""
    from tinyflow_nb_widgets import render_svg

    words = indent(described(definition), "    ")
    image = b64encode(render_svg(definition).encode()).decode()
    return f"{words}\n\n![The chain's graph](data:image/svg+xml;base64,{image})\n"


def _input(one: InputDefinition) -> tuple[str, str, str]:
    what = describe(one.json_schema, one.json_schema)
    return one.name, what if one.required else f"{what}; {one.default!r} if not given", one.description


def _aligned(rows: list[tuple[str, str, str]]) -> str:
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"  {a:<{first}}  {b:<{second}}  {c}".rstrip() for a, b, c in rows)


def with_inputs(start: Callable[..., T], definition: ChainDefinition) -> Callable[..., T]:
    """`start` with the chain's inputs as its parameters, for tooltips and completion."""

    @functools.wraps(start)
    def starting(*values: Any, **keywords: Any) -> T:
        return start(*values, **keywords)

    own = inspect.signature(start)
    # what has a name no parameter may have goes by the one dict
    names = [one for one in definition.inputs if one.name.isidentifier() and one.name not in own.parameters]
    inputs = [
        inspect.Parameter(
            one.name, inspect.Parameter.KEYWORD_ONLY, annotation=_annotation(one),
            default=inspect.Parameter.empty if one.required else one.default,
        )
        for one in names
    ]  # fmt: skip
    deadline = own.parameters["deadline"].replace(annotation=inspect.Parameter.empty)
    vars(starting)["__signature__"] = inspect.Signature([*inputs, deadline])
    return starting


def _annotation(one: InputDefinition) -> Any:
    schema, optional = without_null(one.json_schema, one.json_schema)
    known = _TYPES.get(str(schema.get("type")))
    if known is None:
        return inspect.Parameter.empty
    return known | None if optional else known
