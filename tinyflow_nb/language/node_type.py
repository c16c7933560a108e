"""`@node(type="shout", options={...})`: a node of a type that another package registers."""

from __future__ import annotations

import ast

from pydantic import JsonValue

from tinyflow_nb import node_types
from tinyflow_nb.language.source import Report
from tinyflow_nb.language.words import did_you_mean


def check_type(type: str, at: ast.expr, report: Report, *, may_be_elsewhere: bool) -> bool:
    """Whether a node can be of this type; if not, it is reported.

    Args:
        may_be_elsewhere: a stored definition's: it may run where its package is installed.
    """
    decorator = node_types.DECORATOR_OF.get(type)
    if decorator is not None:
        hint = "leave `type=` out" if decorator == "node" else f"write @{decorator}"
        report.add(at, f"`type=` can't be {type!r}: that is what @{decorator} makes", hint)
        return False
    if may_be_elsewhere or type in node_types.registered():
        return True
    others = sorted(node_types.registered().keys() - node_types.DECORATOR_OF.keys())
    known = f"known here: {', '.join(others)}" if others else "install the package that registers it"
    report.add(at, f"the node type {type!r} is not installed here", did_you_mean(type, others) or known)
    return False


def checked_options(value: JsonValue) -> dict[str, JsonValue]:
    """Raises ValueError with what it should have been."""
    if not isinstance(value, dict):
        raise ValueError('a dict of JSON values: {"loud": True}')
    return value
