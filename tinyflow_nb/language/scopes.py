"""Names in a cell's bodies: nodes and inputs that are no parameters there, and undefined ones."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping

from pyflakes import checker, messages

from tinyflow_nb.language.graph import InputDraft
from tinyflow_nb.language.source import Report
from tinyflow_nb.language.words import BUILTINS, LATER, PUBLIC, did_you_mean, import_line

_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef


def check_undefined(tree: ast.Module, report: Report, known: Collection[str], bound: Collection[str]) -> None:
    """Reports names nobody defines. `known` are the names a slip may have meant."""
    found = checker.Checker(tree, builtins={*PUBLIC, *bound}, withDoctest=False).messages
    for message in found:
        if not isinstance(message, (messages.UndefinedName, messages.UndefinedLocal)):
            continue
        name = str(message.message_args[0])
        place = report.source.place(message.lineno, message.col)
        if report.reported(place):
            continue
        if isinstance(message, messages.UndefinedLocal):
            report.add(place, f"{name!r} is used before it is assigned here", "assign it first, or rename it")
        elif name in LATER:
            report.add(place, f"@{name} nodes are not available yet", "write a code node for now")
        elif name in known:
            report.add(place, f"{name!r} is used before it is defined", "move its definition up")
        elif name in ("get_ipython", "display"):
            report.add(place, f"a chain can't use the notebook's {name}()", "return the value instead")
        else:
            hint = import_line(name) or did_you_mean(name, known)
            hint = f"write `{hint}` at the top" if hint.startswith(("import ", "from ")) else hint
            report.add(
                place, f"{name!r} is not defined",
                hint or f"define or import it; a notebook's value comes in by `--bind {name}` "
                f"or `-i {name}=@{name}`",
            )  # fmt: skip


def check_reach(
    tree: ast.Module, report: Report, nodes: Collection[str], inputs: Mapping[str, InputDraft]
) -> None:
    """Reports where code names a node or an input that is not its parameter (SEMANTICS 37)."""
    provided = BUILTINS.union(PUBLIC)
    known_inputs = {name for name, draft in inputs.items() if draft.declared or name not in provided}
    for name, function in global_reads(tree):
        what = "node" if name.id in nodes else "input" if name.id in known_inputs else ""
        if not what:
            continue
        if function is None:
            report.add(
                name, f"{name.id!r} is a {what}: it has no value at the top level",
                "use it in a node that takes it as a parameter",
            )  # fmt: skip
        elif function == name.id:
            report.add(
                name, f"the node {name.id!r} can't call itself", f"put the code into a helper `_{name.id}`"
            )
        elif what == "node":
            report.add(
                name, f"{name.id!r} is a node, but not a parameter of {function!r}",
                f"add it: `def {function}({name.id}, ...)`; a function to call is a helper `_{name.id}`",
            )  # fmt: skip
        else:
            report.add(
                name, f"{name.id!r} is an input, but not a parameter of {function!r}",
                f"add it: `def {function}({name.id}, ...)`",
            )  # fmt: skip


def global_reads(tree: ast.Module) -> Iterator[tuple[ast.Name, str | None]]:
    """Every read of a module's name, with the top-level function or class it stands in (None: outside).

    Decorators of the top level belong to the options, annotations to the types: neither is read here.
    """
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = statement.args
            for default in (*arguments.defaults, *arguments.kw_defaults):
                if default is not None:
                    for name in _reads([default], frozenset()):
                        yield name, None
            for name in _reads(statement.body, _bound(statement)):
                yield name, statement.name
        elif isinstance(statement, ast.ClassDef):
            for name in _reads(statement.body, _bound(statement)):
                yield name, statement.name
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
            for name in _reads([statement.value], frozenset()):
                yield name, None


def _reads(parts: list[ast.stmt] | list[ast.expr], bound: frozenset[str]) -> Iterator[ast.Name]:
    stack: list[tuple[ast.AST, frozenset[str]]] = [(part, bound) for part in reversed(parts)]
    while stack:
        part, hidden = stack.pop()
        if isinstance(part, ast.Name):
            if isinstance(part.ctx, ast.Load) and part.id not in hidden:
                yield part
            continue
        if isinstance(part, ast.AnnAssign):
            children: list[ast.AST] = [c for c in (part.target, part.value) if c is not None]
        elif isinstance(part, ast.arg):
            children = []
        else:
            children = list(ast.iter_child_nodes(part))
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            hidden = hidden | _bound(part)
            if not isinstance(part, ast.Lambda):
                children = [*part.body, *part.decorator_list, part.args]
        elif isinstance(part, ast.ClassDef):
            hidden = hidden | _bound(part)
        elif isinstance(part, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            hidden = hidden | _stored(part.generators)
        stack.extend((child, hidden) for child in reversed(children))


def _bound(scope: _Scope) -> frozenset[str]:
    """Names that are the scope's own: parameters, and what it assigns, imports or defines."""
    names: set[str] = set()
    if not isinstance(scope, ast.ClassDef):
        a = scope.args
        extra = [x for x in (a.vararg, a.kwarg) if x is not None]
        names.update(x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs, *extra))
    if isinstance(scope, ast.Lambda):
        return frozenset(names)
    return frozenset(names | _stored(scope.body))


def _stored(parts: list[ast.stmt] | list[ast.comprehension]) -> frozenset[str]:
    stored: set[str] = set()
    outer: set[str] = set()
    stack: list[ast.AST] = list(parts)
    while stack:
        part = stack.pop()
        match part:
            case ast.Name(id=name, ctx=ast.Store()):
                stored.add(name)
            case ast.Global(names=names):
                outer.update(names)
            case ast.alias(name=name, asname=asname):
                stored.add(asname or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                stored.add(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                stored.add(name)
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            stored.add(part.name)
        elif not isinstance(part, ast.Lambda):
            stack.extend(ast.iter_child_nodes(part))
    return frozenset(stored - outer)
