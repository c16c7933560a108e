"""A definition's source as a Python module: run once per process, kept while it is in use."""

from __future__ import annotations

import builtins
import hashlib
import inspect
import json
import linecache
import sys
import threading
import types
import typing
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydantic import JsonValue

from tinyflow_nb import decorators
from tinyflow_nb.errors import DefinitionError, Problem
from tinyflow_nb.language.cell_types import FunctionTypes, TypeProblem, declared_type, function_types
from tinyflow_nb.language.source import Report, Source
from tinyflow_nb.language.syntax import compiled, read
from tinyflow_nb.model.context import ExecutionContext

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition

KEPT: Final = 128
"""Modules kept at most; the least recently used goes first."""

print_sink: ContextVar[Callable[[str], None] | None] = ContextVar("print_sink", default=None)
"""Where a cell's `print` goes while one of its nodes runs."""


@dataclass(frozen=True, slots=True)
class CellModule:
    """The module of one definition. A type is None where nothing is annotated."""

    name: str
    filename: str
    namespace: dict[str, Any]
    functions: Mapping[str, Callable[..., Any]]
    """By node."""
    parameter_types: Mapping[str, Mapping[str, Any | None]]
    """By node and parameter; of an input's parameter without a type, the input's declared one."""
    output_types: Mapping[str, Any | None]
    """By node; of one item with `each`, of the joined text of a stream."""
    input_types: Mapping[str, Any | None]
    problems: Mapping[str, str] = field(default_factory=dict)
    """By node, why its annotations can't be read."""


@dataclass(frozen=True, slots=True)
class CellSource:
    """What a module is made of."""

    chain: str
    hash: str
    text: str
    nodes: Mapping[str, tuple[str, ...]]
    """Its functions that are nodes, and their parameters."""
    readers: Mapping[str, Sequence[str]]
    """The chain's inputs, and the nodes with a parameter of that name."""

    @property
    def filename(self) -> str:
        return f"<tinyflow {self.chain} {self.hash[:8]}>"


_lock = threading.Lock()
_modules: OrderedDict[tuple[str, str, str], CellModule] = OrderedDict()
_gates: dict[tuple[str, str, str], threading.RLock] = {}
"""For each module being run now."""


def load_module(definition: ChainDefinition, bindings: Mapping[str, JsonValue] | None = None) -> CellModule:
    """The module of a definition, run with the values bound to it (`--bind`).

    Raises:
        DefinitionError: running it failed here; the problem has the cell's line.
    """
    readers: dict[str, list[str]] = {i.name: [] for i in definition.inputs}
    for node in definition.nodes:
        for parameter in node.parameters:
            if parameter.source == "input":
                readers[parameter.reference].append(node.id)
    nodes = {n.id: tuple(p.name for p in n.parameters) for n in definition.nodes}
    cell = CellSource(definition.name, definition.hash, definition.source, nodes, readers)
    return run_module(cell, bindings or {})


def run_module(cell: CellSource, bindings: Mapping[str, JsonValue]) -> CellModule:
    """The module of a cell; the same text with the same bindings runs once.

    Raises:
        DefinitionError: as `load_module`.
    """
    text = hashlib.sha256(cell.text.encode("utf-8", "surrogatepass")).hexdigest()
    key = (cell.hash + cell.chain, text, json.dumps(bindings, sort_keys=True) if bindings else "")
    with _lock:
        gate = _gates.setdefault(key, threading.RLock())
    with gate:  # a slow import in one cell keeps no other cell waiting
        try:
            with _lock:
                module = _modules.get(key)
            if module is None:
                module = _run(cell, bindings)
            with _lock:
                _modules[key] = module
                _modules.move_to_end(key)
                while len(_modules) > KEPT:
                    _forget(_modules.popitem(last=False)[1])
            return module
        finally:
            with _lock:
                _gates.pop(key, None)


def _forget(module: CellModule) -> None:
    known = sys.modules.get(module.name)
    if known is not None and known.__dict__ is module.namespace:
        del sys.modules[module.name]
        linecache.cache.pop(module.filename, None)


def _run(cell: CellSource, bindings: Mapping[str, JsonValue]) -> CellModule:
    source = Source(cell.text)
    report = Report(source)
    filename = cell.filename
    tree = read(source, report)
    code = None if tree is None else compiled(source, tree, filename, report)
    if code is None:
        raise DefinitionError(report.problems("error"), cell.chain)
    lines = [line + "\n" for line in source.lines]
    linecache.cache[filename] = (len(source.text), None, lines, filename)
    # Registered, because pydantic, dataclasses and typing look a class's module up by its name.
    module = types.ModuleType(f"tinyflow_cell_{cell.chain}_{cell.hash[:8]}")
    module.__file__ = filename
    namespace = module.__dict__
    namespace.update(PROVIDED)
    namespace.update(bindings)
    sys.modules[module.__name__] = module
    try:
        exec(code, namespace)  # noqa: S102  # running the cell is what this is for
    except BaseException as error:
        sys.modules.pop(module.__name__, None)
        if isinstance(error, (Exception, SystemExit)):
            raise DefinitionError([_problem(error, filename, source)], cell.chain) from error
        raise
    return _typed(cell, module)


def _problem(error: BaseException, filename: str, source: Source) -> Problem:
    """What running the cell raised, at the cell's line that led to it."""
    line, column = 1, 1
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            positions = list(trace.tb_frame.f_code.co_positions())[trace.tb_lasti // 2]
            line, column = source.place(trace.tb_lineno, positions[2] or 0)
        trace = trace.tb_next
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return Problem(
            line, column, f"the package {package!r} is not installed here", f"%pip install {package}"
        )
    text = str(error)
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return Problem(line, column, f"running the cell raised {message}")


def _typed(cell: CellSource, module: types.ModuleType) -> CellModule:
    namespace = module.__dict__
    problems: dict[str, str] = {}
    declared = _declared_types(cell.readers, module, problems)
    functions: dict[str, Callable[..., Any]] = {}
    parameters: dict[str, dict[str, Any | None]] = {}
    outputs: dict[str, Any | None] = {}
    for node, names in cell.nodes.items():
        function = functions[node] = namespace[node]
        streams = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
        try:
            found = function_types(function, names, streams=streams)
        except TypeProblem as error:
            problems[node] = str(error)
            found = FunctionTypes(dict.fromkeys(names), None)
        parameters[node] = dict(found.parameters)
        outputs[node] = found.output
    inputs: dict[str, Any | None] = {}
    for name, readers in cell.readers.items():
        types_ = (declared.get(name), *(parameters[node][name] for node in readers))
        inputs[name] = next((t for t in types_ if t is not None), None)
        for node in readers:
            if parameters[node][name] is None:
                parameters[node][name] = inputs[name]
    return CellModule(
        module.__name__, cell.filename, namespace, functions, parameters, outputs, inputs, problems
    )


def _declared_types(
    inputs: Iterable[str], module: types.ModuleType, problems: dict[str, str]
) -> dict[str, Any | None]:
    """Of the inputs that are declared at the top level."""
    names = [name for name in inputs if name in getattr(module, "__annotations__", ())]
    if not names:
        return {}
    try:
        hints = typing.get_type_hints(module, include_extras=True)
    except Exception as error:  # noqa: BLE001  # whatever a cell's annotation raises
        problems[""] = f"an annotation of the top level can't be read: {error}"
        return {}
    return {name: declared_type(hints[name], module.__dict__.get(name)) for name in names}


def node_print(*values: object, sep: str | None = " ", end: str | None = "\n", **to: Any) -> None:
    """A cell's `print`: inside a node it becomes the node's log, else it prints."""
    sink = print_sink.get()
    if sink is None or to.get("file") is not None:
        builtins.print(*values, sep=sep, end=end, **to)
    else:
        sink((" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end))


PROVIDED: Final[Mapping[str, Any]] = {
    "node": decorators.node, "llm": decorators.llm, "confirm": decorators.confirm, "chain": decorators.chain,
    "tool": decorators.tool, "Input": decorators.Input, "Chain": decorators.Chain, "Retry": decorators.Retry,
    "default": decorators.default, "Output": decorators.Output, "prompt": decorators.prompt,
    "user": decorators.user, "assistant": decorators.assistant, "secret": decorators.secret,
    "ExecutionContext": ExecutionContext,
    "print": node_print,
}  # fmt: skip
"""What a cell may use without importing it."""
