"""Which functions of a cell are nodes, and what their bodies may hold (SEMANTICS 34, 35, 37)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tinyflow_nb.language.canonical import docstring_of
from tinyflow_nb.language.cell import Cell, Function
from tinyflow_nb.language.draft import NodeDraft
from tinyflow_nb.language.options import OptionReader, decorator_word
from tinyflow_nb.language.source import Report
from tinyflow_nb.language.words import BUILTINS, DECORATORS, LATER, RESERVED


def find_nodes(cell: Cell, report: Report, *, any_type: bool = False) -> list[NodeDraft]:
    """A draft of every node, in the order of the text.

    Args:
        any_type: node types need not be installed here.
    """
    reader = OptionReader(cell, report, any_type=any_type)
    drafts: list[NodeDraft] = []
    tools: dict[str, str] = {}
    for function in cell.functions.values():
        decorator, word = _decorator(cell, function, report)
        if word == "tool":
            tools[function.name] = ""
            _check_tool_mark(decorator, report)
            continue
        if word in LATER:
            message = f"@{word} nodes are not available yet"
            report.add(decorator or function, message, _INSTEAD.get(word, "write a code node for now"))
        if function.name.startswith("_"):
            if word:
                report.add(
                    function, f"{function.name!r} starts with an underscore: it is a helper, no node",
                    f"take the underscore or @{word} away",
                )  # fmt: skip
            continue
        kind = "code" if word in ("", "node", *LATER) else word
        draft = NodeDraft(function.name, function, kind, decorator)
        if word not in LATER:
            reader.read(draft)
        tools.update((tool, draft.id) for tool in draft.tools if tool not in tools)
        drafts.append(draft)
    _check_tools(cell, drafts, tools, report)
    nodes = [draft for draft in drafts if draft.id not in tools]
    for draft in nodes:
        _check_name(cell, draft, report)
        _check_signature(draft, report)
        _check_body(draft, report)
    return nodes


_INSTEAD = {
    "http": "make the call in a code node", "template": "write the text in a code node",
}  # fmt: skip


def _decorator(cell: Cell, function: Function, report: Report) -> tuple[ast.expr | None, str]:
    found = [(d, word) for d in function.decorator_list if (word := decorator_word(cell, d))]
    for decorator, word in found[1:]:
        first = found[0][1]
        message = f"a function is one kind of node: it has @{first} already"
        report.add(decorator, message, f"take @{word} away")
    return found[0] if found else (None, "")


def _check_tool_mark(decorator: ast.expr | None, report: Report) -> None:
    if isinstance(decorator, ast.Call):
        report.add(decorator, "@tool takes no options", "write @tool alone")


def _check_tools(cell: Cell, drafts: list[NodeDraft], tools: dict[str, str], report: Report) -> None:
    for draft in drafts:
        value = draft.given.get("tools")
        for item in value.elts if isinstance(value, (ast.List, ast.Tuple)) else ():
            if isinstance(item, ast.Name) and isinstance(cell.literals.node(item), ast.Constant):
                report.add(item, f"the tool {item.id!r} is no function", "define it with `def`")
        if draft.id in tools and draft.decorator is not None:
            report.add(
                draft.function, f"{draft.id!r} is a node and a tool of {tools[draft.id]!r}: it can't be both",
                "take its decorator away, or give the tool a function of its own",
            )  # fmt: skip


def _check_name(cell: Cell, draft: NodeDraft, report: Report) -> None:
    name = draft.id
    hint = "give the node another name"
    if name in RESERVED:
        report.add(draft.function, f"a node can't be named {name!r}: the word has a meaning of its own", hint)
    elif name in DECORATORS or name in LATER:
        report.add(draft.function, f"the node {name!r} is named like the decorator @{name}", hint)
    elif name in BUILTINS:
        report.add(draft.function, f"the node {name!r} is named like a builtin of Python", hint)
    for things, what in (
        (cell.imports, "import"), (cell.classes, "class"), (cell.assigned, "constant"),
    ):  # fmt: skip
        if name in things:
            line = things[name].lineno
            report.add(draft.function, f"the node {name!r} is named like the {what} of line {line}", hint)
    if name in cell.inputs:
        line = cell.inputs[name].statement.lineno
        report.add(draft.function, f"the node {name!r} is named like the input of line {line}", hint)


def _check_signature(draft: NodeDraft, report: Report) -> None:
    arguments = draft.function.args
    for argument, stars in ((arguments.vararg, "*"), (arguments.kwarg, "**")):
        if argument is not None:
            report.add(
                argument, f"a node can't take {stars}{argument.arg}: each parameter is a node or an input",
                "name the parameters one by one",
            )  # fmt: skip
    for argument in arguments.posonlyargs:
        report.add(
            argument, f"{argument.arg!r} can't be positional only: a node's parameters go by name",
            "take the `/` away",
        )  # fmt: skip
    for argument in draft.arguments():
        if argument.arg.startswith("_"):
            report.add(
                argument, f"the parameter {argument.arg!r} starts with an underscore",
                "give it the name of a node or an input",
            )  # fmt: skip


def _check_body(draft: NodeDraft, report: Report) -> None:
    function = draft.function
    draft.docstring = docstring_of(function.body)
    rest = function.body[1:] if draft.docstring is not None else function.body
    draft.body = any(not _is_stub(statement) for statement in rest)
    first = function.body[0]
    if draft.word == "node":
        if draft.decorator is None and not draft.body:
            report.add(function, f"{draft.id!r} has no body", "forgot @llm? A code node returns something")
        return
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.JoinedStr):
        report.add(
            first.value, "the prompt can't be an f-string: it is filled in when the node runs",
            "take the `f` away and write {{ name }} for {name}",
        )  # fmt: skip
        draft.docstring = None
        draft.body = any(not _is_stub(statement) for statement in function.body[1:])
        return
    if draft.docstring is not None:
        offset = report.source.unknown_escape(draft.docstring)
        if offset is not None:
            value = str(draft.docstring.value)
            report.add(
                report.source.inside(draft.docstring, offset),
                f"the prompt has an unknown escape: {value[offset : offset + 2]}",
                'write the backslash twice, or begin the text with r"""',
            )  # fmt: skip
    if isinstance(function, ast.AsyncFunctionDef):
        report.add(function, f"an @{draft.type} node is written with `def`", "take `async` away")
    if draft.type == "confirm":
        _check_confirm(draft, rest, report)
    elif draft.type == "chain":
        _check_chain(rest, report)
    else:
        _check_llm(draft, rest, report)


def _check_chain(rest: list[ast.stmt], report: Report) -> None:
    for statement in rest:
        if not _is_stub(statement):
            report.add(
                statement, "an @chain node has no code: the other chain gives its output",
                "put the code into a node that takes this one as a parameter",
            )  # fmt: skip
            return


def _check_confirm(draft: NodeDraft, rest: list[ast.stmt], report: Report) -> None:
    if draft.docstring is None or not str(draft.docstring.value).strip():
        report.add(draft.function, f"{draft.id!r} asks nothing", "its docstring is the question")
    for statement in rest:
        if not _is_stub(statement):
            report.add(
                statement, "an @confirm node has no code: a person gives its output",
                "put the code into a node that takes this one as a parameter",
            )  # fmt: skip
            return


def _check_llm(draft: NodeDraft, rest: list[ast.stmt], report: Report) -> None:
    if not draft.body:
        if draft.docstring is None or not str(draft.docstring.value).strip():
            report.add(draft.function, f"{draft.id!r} has no prompt", "its docstring is the prompt")
        return
    for part in _own_parts(rest):
        if isinstance(part, (ast.Yield, ast.YieldFrom)):
            report.add(part, "an @llm node can't yield: the model gives its output", "return the prompt")
            return
    last = rest[-1]
    returns = [part for part in _own_parts(rest) if isinstance(part, ast.Return) and part.value is not None]
    if not returns or not isinstance(last, (ast.Return, ast.If, ast.Match, ast.Try, ast.With, ast.Raise)):
        at = next(statement for statement in rest if not _is_stub(statement))
        report.add(
            at, "the body of an @llm node must return the prompt",
            "end it with `return prompt(...)`, or keep the docstring alone as the prompt",
        )  # fmt: skip


def _own_parts(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Everything in a body but what belongs to functions and classes inside it."""
    stack: list[ast.AST] = list(reversed(body))
    while stack:
        part = stack.pop()
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        yield part
        stack.extend(reversed(list(ast.iter_child_nodes(part))))


def _is_stub(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return statement.value.value is ...
    return isinstance(statement, ast.Pass)
