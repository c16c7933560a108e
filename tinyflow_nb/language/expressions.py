"""Expressions and prompts: one bounded, sandboxed Jinja2 for `when`, `until`, `inputs`, `initial`
and every text a chain renders.

Both see plain JSON. A skipped node may be asked `is defined`, given a `default(v)`, negated, and
stand in `or` and `and`, where it counts as false; any other use raises SkippedUsed (SEMANTICS 3).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from jinja2 import meta, nodes

from tinyflow_nb.errors import ExpressionError
from tinyflow_nb.language.expression_problems import Found, problems, single_braces
from tinyflow_nb.language.expression_sandbox import BoundedContext, SkippedUsed, check_text
from tinyflow_nb.language.expression_tree import RESULT, SANDBOX, accepts_missing, compiled, read_tree

__all__ = [
    "Comparison", "Found", "SkippedUsed", "evaluate", "literal_comparisons", "names", "problems", "render",
    "single_braces", "template_names", "tolerated_names", "tolerated_template_names",
]  # fmt: skip


class Comparison(NamedTuple):
    """`name op constant`; a list of constants after `in` gives one Comparison for each."""

    name: str
    op: str
    """`==`, `!=`, `in` or `not in`."""
    constant: Any


def evaluate(expression: str, scope: Mapping[str, Any], skipped: Collection[str] = ()) -> Any:
    """The expression's value as plain JSON. `scope` is plain JSON by name and is not changed.

    Raises:
        SkippedUsed: it needs one of the `skipped` names.
        ExpressionError: it can't be evaluated.
    """
    try:
        code = compiled(expression, False)
        context = BoundedContext(SANDBOX, scope, skipped)
        for _ in code(context):
            pass
    except SkippedUsed:
        raise
    except Exception as error:
        raise ExpressionError(f"in `{_shortened(expression)}`: {_plain(error)}") from error
    return context.vars[RESULT]


def render(template: str, scope: Mapping[str, Any], skipped: Collection[str] = ()) -> str:
    """The template's text: a str is inserted as it is, anything else as readable JSON.

    Raises:
        SkippedUsed: it needs one of the `skipped` names.
        ExpressionError: it can't be rendered.
    """
    if "{" not in template:
        return template
    parts, length = [], 0
    try:
        code = compiled(template, True)
        for part in code(BoundedContext(SANDBOX, scope, skipped)):
            parts.append(part)
            length += len(part)
            check_text(length)
    except SkippedUsed:
        raise
    except Exception as error:
        raise ExpressionError(f"in the text {_shortened(template)!r}: {_plain(error)}") from error
    return "".join(parts)


@functools.lru_cache(maxsize=1024)
def names(expression: str) -> frozenset[str]:
    """The names it reads. Raises ExpressionError if it is no expression."""
    tree = read_tree(expression, template=False)
    return frozenset(name.name for name in tree.find_all(nodes.Name))


@functools.lru_cache(maxsize=256)
def template_names(template: str) -> frozenset[str]:
    """The names it reads from outside, its own loop variables left out.

    Raises:
        ExpressionError: it is no template.
    """
    tree = read_tree(template, template=True)
    if tree.find(nodes.For) is None and tree.find(nodes.Assign) is None:
        return frozenset(name.name for name in tree.find_all(nodes.Name))
    return frozenset(meta.find_undeclared_variables(tree))


def tolerated_names(expression: str) -> frozenset[str]:
    """Those names whose every use accepts a skipped node. Raises ExpressionError."""
    return _tolerated(read_tree(expression, template=False)) & names(expression)


def tolerated_template_names(template: str) -> frozenset[str]:
    """The same for a template. Raises ExpressionError."""
    return _tolerated(read_tree(template, template=True)) & template_names(template)


def _tolerated(tree: nodes.Template) -> frozenset[str]:
    accepted: set[int] = set()
    used: dict[str, bool] = {}
    stack: list[nodes.Node] = [tree]
    while stack:
        node = stack.pop()
        accepted.update(map(id, accepts_missing(node)))
        if isinstance(node, nodes.Name):
            used[node.name] = used.get(node.name, True) and id(node) in accepted
        stack.extend(node.iter_child_nodes())
    return frozenset(name for name, tolerated in used.items() if tolerated)


def literal_comparisons(expression: str) -> list[Comparison]:
    """Every comparison of a bare name with a constant, to be checked against the name's type.

    Raises:
        ExpressionError: it is no expression.
    """
    found = []
    for compare in read_tree(expression, template=False).find_all(nodes.Compare):
        left: nodes.Expr = compare.expr
        for operand in compare.ops:
            found.extend(_comparisons(left, operand.op, operand.expr))
            left = operand.expr
    return found


_OPERATORS = {"eq": "==", "ne": "!=", "in": "in", "notin": "not in"}


def _comparisons(left: nodes.Expr, op: str, right: nodes.Expr) -> list[Comparison]:
    if op in ("eq", "ne") and isinstance(left, nodes.Const):
        left, right = right, left
    if not isinstance(left, nodes.Name) or op not in _OPERATORS:
        return []
    if op in ("eq", "ne"):
        constants = [right]
    else:
        constants = right.items if isinstance(right, (nodes.List, nodes.Tuple)) else []
    return [Comparison(left.name, _OPERATORS[op], c.value) for c in constants if isinstance(c, nodes.Const)]


def _shortened(source: str) -> str:
    line = " ".join(source.split())
    return line if len(line) <= 60 else line[:57] + "..."


_KINDS = {
    "str": "text", "int": "a number", "float": "a number", "bool": "a boolean", "NoneType": "none",
    "list": "a list", "dict": "a mapping",
}  # fmt: skip


def _plain(error: Exception) -> str:
    """The error in a cell author's words."""
    if isinstance(error, ZeroDivisionError):
        return "divides by zero"
    message = str(error) or type(error).__name__
    if isinstance(error, TypeError):
        compared = re.search(r"not supported between instances of '(\w+)' and '(\w+)'", message)
        operands = re.search(r"unsupported operand type\(s\) for (\S+): '(\w+)' and '(\w+)'", message)
        if compared:
            left, right = (_KINDS.get(k, k) for k in compared.groups())
            return f"can't compare {left} with {right}"
        if operands:
            op, left, right = operands[1], *(_KINDS.get(operands[i], operands[i]) for i in (2, 3))
            return f"`{op}` can't take {left} and {right}"
        if message.startswith("can only concatenate"):
            return "`+` adds numbers or lists, or text to text: join anything else with `~`"
    return message
