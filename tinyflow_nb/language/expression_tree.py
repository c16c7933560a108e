"""From an expression's or template's text to its checked, guarded syntax tree and its code."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, cast

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.parser import Parser

from tinyflow_nb.errors import ExpressionError
from tinyflow_nb.language.expression_filters import FILTERS, TESTS
from tinyflow_nb.language.expression_sandbox import BoundedContext, Sandbox, did_you_mean

MAX_EXPRESSION = 10_000
"""Characters of an expression."""
MAX_TEMPLATE = 200_000
MAX_DEPTH = 100
"""Levels of the syntax tree."""
MAX_PARTS = 10_000
"""Nodes of the syntax tree."""
MAX_BLOCKS = 10
"""Levels of `for` and `if`."""

Code = Callable[[BoundedContext], Iterable[str]]
RESULT = "_result_"

SANDBOX = Sandbox()
SANDBOX.filters = FILTERS
SANDBOX.tests = TESTS

ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.Name,
    nodes.Const, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair, nodes.CondExpr, nodes.Filter, nodes.Test,
    nodes.Compare, nodes.Operand, nodes.Concat, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos,
    nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Getattr, nodes.Getitem,
    nodes.Slice, nodes.Keyword,
)  # fmt: skip


class Mistake(NamedTuple):
    """What is wrong with a tree. `token` is the text to point at, `line` counts from 0."""

    line: int
    token: str
    message: str
    hint: str = ""


def parse(source: str, *, template: bool) -> nodes.Template:
    """The syntax tree; an expression is that of a template which only outputs it.

    Raises:
        ExpressionError: it is too long or deep, or no Jinja2.
    """
    limit = MAX_TEMPLATE if template else MAX_EXPRESSION
    if len(source) > limit:
        raise ExpressionError(f"longer than {limit:,} characters")
    try:
        if template:
            return Parser(SANDBOX, source).parse()
        parser = Parser(SANDBOX, source, state="variable")
        expression = parser.parse_expression()
        if not parser.stream.eos:
            raise TemplateSyntaxError(f"unexpected {parser.stream.current.value!r}", 1)
        return nodes.Template([nodes.Output([expression], lineno=1)], lineno=1)
    except TemplateError as error:
        said = error.message or "not an expression"
        incomplete = "'end of template'" in said and not template
        raise ExpressionError("the expression is not complete" if incomplete else said) from error
    except (RecursionError, MemoryError) as error:
        raise ExpressionError("nested too deeply") from error
    except ValueError as error:
        raise ExpressionError("a number has too many digits") from error


read_tree = functools.lru_cache(maxsize=64)(parse)
"""The same, for those who only look: a text is looked at several times in a row."""


def mistakes(tree: nodes.Template) -> Iterator[Mistake]:
    """What the sandbox refuses in a tree that parses."""
    stack: list[tuple[nodes.Node, int, int, int]] = [(tree, 0, 0, 1)]
    parts = 0
    while stack:
        node, depth, blocks, line = stack.pop()
        parts += 1
        if parts > MAX_PARTS:
            yield Mistake(line - 1, "", f"more than {MAX_PARTS:,} parts", "compute the text in a node")
            return
        line = node.lineno or line  # not every node has one
        depth += 1
        blocks += isinstance(node, (nodes.For, nodes.If))
        if depth > MAX_DEPTH or blocks > MAX_BLOCKS:
            yield Mistake(line - 1, "", "nested too deeply", "compute a part of it in a node")
            return
        yield from _refused(node, line - 1)
        below = [(child, depth, blocks, line) for child in node.iter_child_nodes()]
        stack.extend(reversed(below))


def _refused(node: nodes.Node, line: int) -> Iterator[Mistake]:
    if isinstance(node, nodes.Call):
        if isinstance(node.node, nodes.Getattr):
            yield Mistake(line, f".{node.node.attr}", "methods can't be called here", "use a filter")
        else:
            name = node.node.name if isinstance(node.node, nodes.Name) else ""
            yield Mistake(line, name, "functions can't be called here", "use a filter, or a node for it")
    elif isinstance(node, nodes.Pow):
        yield Mistake(line, "**", "`**` is not available", "multiply, or compute it in a node")
    elif not isinstance(node, ALLOWED):
        tag = type(node).__name__.lower()
        yield Mistake(line, "{%", f"`{tag}` is not available here", "prompts know if, for and set")
    elif isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        yield Mistake(
            line, f".{node.attr}", f"a dot can't read {node.attr!r}: it starts with an underscore",
            f'write ["{node.attr}"] if the data has such a key',
        )  # fmt: skip
    elif isinstance(node, nodes.Name) and node.name == "self":
        yield Mistake(line, "self", "`self` means nothing here", "name a node or an input")
    elif isinstance(node, nodes.Filter) and (node.name not in FILTERS or node.name.startswith("@")):
        hint = did_you_mean(node.name, FILTERS).lstrip("; ") or "see the reference for the filters there are"
        if node.name in ("e", "escape", "forceescape", "safe"):
            hint = "text is inserted as it is, never escaped: leave the filter out"
        yield Mistake(line, node.name, f"there is no filter {node.name!r}", hint)
    elif isinstance(node, nodes.Filter) and node.node is None:
        yield Mistake(line, "{%", "`filter` blocks are not available", "put the filter behind each value")
    elif isinstance(node, nodes.Test) and node.name not in TESTS:
        hint = did_you_mean(node.name, TESTS).lstrip("; ") or "see the reference for the tests there are"
        yield Mistake(line, node.name, f"there is no test {node.name!r}", hint)
    elif isinstance(node, nodes.CondExpr) and node.expr2 is None:
        yield Mistake(line, "if", "`a if b` needs an else", "write `a if b else c`")
    elif isinstance(node, nodes.For) and node.recursive:
        yield Mistake(line, "recursive", "loops can't be recursive")


@functools.lru_cache(maxsize=1024)
def compiled(source: str, template: bool) -> Code:
    """The code of a guarded tree. Of an expression, it sets `RESULT` in the context's variables.

    Raises:
        ExpressionError: with the first mistake.
    """
    tree = parse(source, template=template)
    for mistake in mistakes(tree):
        hint = f" ({mistake.hint})" if mistake.hint else ""
        raise ExpressionError(mistake.message + hint)
    if template:
        _guard_inside(tree)
    else:
        expression = _guard(tree.body[0].nodes[0])  # type: ignore[attr-defined]
        target = nodes.Name(RESULT, "store", lineno=1)
        tree = nodes.Template([nodes.Assign(target, expression, lineno=1)], lineno=1)
    tree.set_environment(SANDBOX)
    try:
        return SANDBOX.from_string(tree).root_render_func
    except TemplateError as error:
        raise ExpressionError(error.message or "not an expression") from error
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise ExpressionError("nested too deeply") from error


def accepts_missing(node: nodes.Node) -> tuple[nodes.Expr, ...]:
    """The operands of a node that may be skipped or missing (SEMANTICS 3)."""
    if isinstance(node, nodes.Not):
        return (node.node,)
    if isinstance(node, (nodes.Or, nodes.And)):
        return (node.left, node.right)
    if isinstance(node, nodes.Test) and node.name in ("defined", "undefined"):
        return (node.node,)
    if isinstance(node, nodes.Filter) and node.name in ("default", "d"):
        return tuple(part for part in (node.node, *node.args) if part is not None)
    return ()


def _guard(node: nodes.Expr, accepting: bool = False) -> nodes.Expr:
    """The expression with its guards; unless `accepting`, its value must be there."""
    _guard_inside(node)
    if isinstance(node, nodes.And):
        node.left, node.right = _filter("@and", node.left), _filter("@and", node.right)
        return node
    if isinstance(node, nodes.Concat):
        return _filter("@joined", nodes.List(node.nodes, lineno=node.lineno))
    if isinstance(node, (nodes.List, nodes.Tuple)):
        return _filter("@built", nodes.List(node.items, lineno=node.lineno))
    if isinstance(node, nodes.Dict):
        return _filter("@built", node)
    may_miss = isinstance(node, (nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Or, nodes.Filter))
    return _filter("@used", node) if may_miss and not accepting else node


def _guard_inside(node: nodes.Node) -> None:
    accepting = {id(part) for part in accepts_missing(node)}
    for field, value in node.iter_fields():
        if isinstance(value, list):
            setattr(node, field, [_guarded_part(part, accepting) for part in value])
        elif isinstance(value, nodes.Node):
            setattr(node, field, _guarded_part(value, accepting))
    if isinstance(node, (nodes.If, nodes.CondExpr)):
        node.test = _tested(node.test)
    elif isinstance(node, nodes.For):
        node.iter = _filter("@looped", node.iter)


def _guarded_part(part: Any, accepting: set[int]) -> Any:
    if isinstance(part, (nodes.Name, nodes.Tuple)) and part.ctx == "store":
        return part
    if isinstance(part, nodes.Expr) and not isinstance(part, nodes.Slice):
        return _guard(part, id(part) in accepting)
    if isinstance(part, nodes.Node):
        _guard_inside(part)
    return part


def _tested(test: nodes.Node) -> nodes.Filter:
    unwrapped = test.node if isinstance(test, nodes.Filter) and test.name == "@used" else None
    return _filter("@tested", unwrapped or test)


def _filter(name: str, node: nodes.Node) -> nodes.Filter:
    return nodes.Filter(cast(nodes.Expr, node), name, [], [], None, None, lineno=node.lineno)
