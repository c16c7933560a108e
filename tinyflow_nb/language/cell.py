"""The inventory of a cell: what its top level holds, and what may not be there (SEMANTICS 32)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from tinyflow_nb.language.canonical import clean, docstring_of
from tinyflow_nb.language.literals import Literals
from tinyflow_nb.language.source import Report
from tinyflow_nb.language.words import LATER, PACKAGE, PUBLIC, Words, did_you_mean

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True)
class Declaration:
    """`name: annotation` or `name: annotation = Input(...)` at the top level."""

    name: str
    statement: ast.AnnAssign


@dataclass(slots=True)
class Cell:
    """Everything by name, in the order of the text."""

    tree: ast.Module
    description: str = ""
    words: Words = field(default_factory=Words)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    imports: dict[str, ast.stmt] = field(default_factory=dict)
    assigned: dict[str, ast.expr] = field(default_factory=dict)
    """Names of the top level's assignments and what they were given last."""
    inputs: dict[str, Declaration] = field(default_factory=dict)
    literals: Literals = field(default_factory=lambda: Literals({}))

    def defined(self) -> Iterator[str]:
        """Every name the cell itself gives a meaning."""
        for names in (self.functions, self.classes, self.imports, self.assigned, self.inputs):
            yield from names


def take_stock(tree: ast.Module, report: Report) -> Cell:
    """Sorts the top level; whatever does not belong there is reported."""
    cell = Cell(tree)
    docstring = docstring_of(tree.body)
    body = tree.body
    if docstring is not None:
        cell.description = clean(str(docstring.value))
        body = body[1:]
    for statement in body:
        _Sorter(cell, report).sort(statement)
    for name in cell.defined():
        if not _is_word_import(cell, name):
            cell.words.shadowed(name)
    once = {n: v for n, v in cell.assigned.items() if n not in cell.functions}
    cell.literals = Literals(once)
    return cell


def _is_word_import(cell: Cell, name: str) -> bool:
    statement = cell.imports.get(name)
    return isinstance(statement, ast.ImportFrom) and _is_ours(statement)


def _is_ours(statement: ast.ImportFrom) -> bool:
    return (statement.module or "").partition(".")[0] == PACKAGE


class _Sorter:
    def __init__(self, cell: Cell, report: Report) -> None:
        self.cell, self.report = cell, report

    def sort(self, statement: ast.stmt) -> None:
        self._await(statement)
        match statement:
            case ast.Import() | ast.ImportFrom():
                self._import(statement)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(statement)
            case ast.ClassDef():
                self.cell.classes[statement.name] = statement
            case ast.AnnAssign():
                self._annotation(statement)
            case ast.Assign():
                for target in statement.targets:
                    self._assign(target, statement.value)
            case ast.Try():
                self._try(statement)
            case ast.If() if _is_type_checking(statement.test):
                for inner in (*statement.body, *statement.orelse):
                    self._only_imports(inner, "if TYPE_CHECKING")
            case _ if type(statement).__name__ == "TypeAlias":
                self.cell.assigned[statement.name.id] = statement.value  # type: ignore[attr-defined]
            case _:
                self._refuse(statement)

    def _await(self, statement: ast.stmt) -> None:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return
        for part in ast.walk(statement):
            if isinstance(part, ast.Await) or (isinstance(part, ast.comprehension) and part.is_async):
                at = part if isinstance(part, ast.Await) else part.target
                self.report.add(
                    at, "`await` can't stand at the top level",
                    "put it into an `async def`: a node that others take as a parameter",
                )  # fmt: skip
                return
        if isinstance(statement, (ast.AsyncFor, ast.AsyncWith)):
            self.report.add(statement, "`async` can't stand at the top level", "put it into an `async def`")

    def _refuse(self, statement: ast.stmt) -> None:
        if self.report.reported(statement):
            return
        if isinstance(statement, ast.Expr):
            if self.report.reported(statement.value):
                return
            if isinstance(statement.value, ast.Call):
                what, hint = "a call", "do it inside a node, or give its value a name: `x = ...`"
            else:
                what, hint = "an expression", "give its value a name: `x = ...`, or leave it out"
        elif isinstance(statement, ast.Return):
            what, hint = "`return`", "indent it, so that it belongs to a function"
        else:
            keyword = _KEYWORDS.get(type(statement).__name__, type(statement).__name__.lower())
            what, hint = f"`{keyword}`", "put it into a function: a node, or a helper `_name`"
        self.report.add(statement, f"{what} can't stand at the top level", hint)

    def _try(self, statement: ast.Try) -> None:
        handlers = [inner for handler in statement.handlers for inner in handler.body]
        for inner in (*statement.body, *handlers, *statement.orelse, *statement.finalbody):
            self._only_imports(inner, "try")

    def _only_imports(self, statement: ast.stmt, where: str) -> None:
        match statement:
            case ast.Import() | ast.ImportFrom() | ast.Assign() | ast.AnnAssign(value=ast.expr()):
                self.sort(statement)
            case ast.Pass():
                pass
            case ast.Try():
                self._try(statement)
            case _:
                self.report.add(
                    statement, f"in the top level's `{where}` only imports and assignments can stand",
                    "move it out of the block, or into a function",
                )  # fmt: skip

    def _import(self, statement: ast.Import | ast.ImportFrom) -> None:
        for alias in statement.names:
            local = alias.asname or alias.name.partition(".")[0]
            if isinstance(statement, ast.Import):
                if alias.name == PACKAGE:
                    self.cell.words.package(local)
            elif alias.name == "*":
                self.report.add(
                    alias, f"`from {statement.module or '.'} import *` hides which names there are",
                    "import the names you use",
                )  # fmt: skip
                continue
            elif statement.level:
                self.report.add(alias, "a cell can't import relatively: it is in no package")
            elif statement.module == PACKAGE:
                self._word(alias, local)
            elif _is_ours(statement) and alias.name in PUBLIC:
                self.cell.words.imported(local, alias.name)
            self.cell.imports[local] = statement

    def _word(self, alias: ast.alias, local: str) -> None:
        if alias.name in PUBLIC:
            self.cell.words.imported(local, alias.name)
        elif alias.name in LATER:
            self.report.add(alias, f"@{alias.name} nodes are not available yet", "write a code node for now")
            self.cell.words.imported(local, alias.name)
        else:
            self.cell.words.imported(local, alias.name)
            if not _has(alias.name):
                self.report.add(alias, f"{PACKAGE} has no {alias.name!r}", did_you_mean(alias.name, PUBLIC))

    def _function(self, function: Function) -> None:
        name = function.name
        earlier = self.cell.functions.get(name)
        if earlier is not None:
            self.report.add(
                function, f"{name!r} is defined twice, first on line {earlier.lineno}", "rename one of them"
            )
            return
        self.cell.functions[name] = function

    def _annotation(self, statement: ast.AnnAssign) -> None:
        target = statement.target
        if not isinstance(target, ast.Name):
            self.report.add(statement, "only a name can be annotated at the top level")
            return
        if statement.value is not None and self.cell.words.of_call(statement.value) != "Input":
            self._assign(target, statement.value)
            return
        if target.id in self.cell.inputs:
            line = self.cell.inputs[target.id].statement.lineno
            self.report.add(statement, f"the input {target.id!r} is declared twice, first on line {line}")
        elif target.id.startswith("_"):
            self.report.add(
                statement, f"the input {target.id!r} starts with an underscore", "give it a public name"
            )
        else:
            self.cell.inputs[target.id] = Declaration(target.id, statement)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            if self.cell.words.of_call(value) == "Input":
                self.report.add(
                    target, f"the input {target.id!r} has no type", f"write `{target.id}: str = Input(...)`"
                )
            again = target.id in self.cell.assigned
            self.cell.assigned[target.id] = ast.Name(target.id) if again else value
        elif isinstance(target, (ast.Tuple, ast.List)):
            for element in target.elts:
                self._assign(element, ast.Name("", lineno=value.lineno, col_offset=value.col_offset))
        elif isinstance(target, ast.Starred):
            self._assign(target.value, value)
        else:
            self.report.add(
                target, "the top level can only assign to names", "do it inside a helper function `_name`"
            )


_KEYWORDS = {
    "AugAssign": "+=", "Delete": "del", "AsyncFor": "async for", "AsyncWith": "async with", "TryStar": "try",
}  # fmt: skip


def _has(name: str) -> bool:
    import importlib.util

    import tinyflow_nb

    return hasattr(tinyflow_nb, name) or importlib.util.find_spec(f"{PACKAGE}.{name}") is not None


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )
