"""From names to edges: where each parameter's value comes from, and what each node waits for."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from tinyflow_nb.language.cell import Cell
from tinyflow_nb.language.draft import NodeDraft
from tinyflow_nb.language.source import Place, Positioned, Report
from tinyflow_nb.language.words import DECORATORS, RESERVED, Neighbours, did_you_mean
from tinyflow_nb.language.written import Written
from tinyflow_nb.model.definition import Edge, Parameter, ParameterSource
from tinyflow_nb.model.graph import find_cycle

_STRENGTH: Final = {"order": 0, "handler": 1, "data": 2}


@dataclass(slots=True)
class InputDraft:
    """One input: declared, or known by the parameters that name it."""

    name: str
    at: Positioned
    declared: bool
    default: ast.expr | None = None
    """As written, of an undeclared one."""
    parameters: list[tuple[NodeDraft, ast.arg]] = field(default_factory=list)


class Wiring:
    """Resolves every name of the drafts; fills their parameters and edges."""

    def __init__(
        self, cell: Cell, drafts: list[NodeDraft], tools: Iterable[str], bound: Iterable[str], report: Report
    ) -> None:
        self.cell, self.drafts, self.report = cell, drafts, report
        self.nodes = {draft.id: draft for draft in drafts}
        self.tools = frozenset(tools)
        self.bound = frozenset(bound)
        self.inputs: dict[str, InputDraft] = {}
        self.constants: dict[str, Place] = {}
        """Those that expressions and prompts name, and where first."""
        self.used_bindings: set[str] = set()
        self.handlers: dict[str, NodeDraft] = {}
        """By the handler's id, the node it stands in for."""
        self._places: dict[tuple[str, str], Positioned | Place] = {}
        for name, declaration in cell.inputs.items():
            self.inputs[name] = InputDraft(name, declaration.statement, declared=True)
            self._check_input_name(name, declaration.statement)

    def resolve(self) -> None:
        """Everything; problems are reported."""
        for draft in self.drafts:
            self._handler(draft)
        self._near_nodes = Neighbours(self.nodes)
        self._near_inputs = Neighbours(self.inputs)
        for draft in self.drafts:
            self._parameters(draft)
        for draft in self.drafts:
            self._expressions(draft)
            self._order(draft)
            self._joins(draft)
        for handler, failing in self.handlers.items():
            self._edge(self.nodes[handler], failing.id, "handler", failing.given["on_error"])
        self._cycle()

    # -------------------------------------------------------------- handlers

    def _handler(self, draft: NodeDraft) -> None:
        if draft.on_error.kind != "handler":
            return
        name, at = draft.on_error.handler, draft.given["on_error"]
        handler = self.nodes.get(name)
        if handler is None:
            hint = did_you_mean(name, [*self.nodes, "fail", "skip"])
            self.report.add(
                at, f"`on_error=` names no node: {name!r}",
                hint or 'write "fail", "skip", default(v) or the name of a handler node',
            )  # fmt: skip
        elif handler is draft:
            self.report.add(at, f"{name!r} can't handle its own error", "write a handler node for it")
        elif name in self.handlers:
            self.report.add(
                at, f"{name!r} handles {self.handlers[name].id!r} already: a handler serves one node",
                "write a second one; both may call the same helper",
            )  # fmt: skip
        else:
            self.handlers[name] = draft
            if handler.settled.get("result"):
                self.report.add(
                    handler.given["result"], f"{name!r} is a handler: it is never a result of its own",
                    f"mark {draft.id!r}, the node it stands in for",
                )  # fmt: skip

    # -------------------------------------------------------------- parameters

    def _parameters(self, draft: NodeDraft) -> None:
        defaults = draft.defaults()
        variables = draft.each.variables if draft.each else ()
        self._each_variables(draft, variables)
        arguments = {argument.arg: argument for argument in draft.arguments()}
        for name in draft.inputs:
            if name not in arguments:
                written = draft.inputs[name]
                hint = did_you_mean(name, arguments) or f"add the parameter {name!r} to {draft.id!r}"
                self.report.add(written.place(self.report, 0), f"`inputs=` feeds no parameter: {name!r}", hint)
        failing = self.handlers.get(draft.id)
        if failing is not None:  # it takes the same names, so what feeds them there feeds them here
            inherited = {n: w for n, w in failing.inputs.items() if n in arguments}
            draft.inputs = inherited | draft.inputs
        for name, argument in arguments.items():
            if name.startswith("_"):
                continue
            required = name not in defaults
            source: ParameterSource
            reference = name
            if self._is_context(argument.annotation):
                source, reference, required = "context", "", False
            elif name in variables:
                source = "item"
            elif name in draft.inputs:
                source, reference = "expression", draft.inputs[name].text
            elif name == draft.id:
                source = "previous"
                self._check_previous(draft, argument, required)
            elif name in self.nodes:
                source = "node"
                self._check_not_failed(draft, name, argument)
                self._edge(draft, name, "data", argument, required)
            elif name == "error":
                source = "error"
                if failing is None:
                    self.report.add(
                        argument, f"only a handler is given `error`, and {draft.id!r} is none",
                        f'name it in on_error="{draft.id}", or rename the parameter',
                    )  # fmt: skip
            else:
                source = "input"
                self._input(draft, argument, defaults.get(name))
            draft.parameters.append(
                Parameter(name=name, source=source, reference=reference, required=required)
            )

    def _check_not_failed(self, draft: NodeDraft, name: str, at: Positioned | Place) -> None:
        failing = self.handlers.get(draft.id)
        if failing is not None and name == failing.id:
            self.report.add(
                at, f"{name!r} has no output when its handler {draft.id!r} runs: it has failed",
                "take the parameter `error` for what went wrong",
            )  # fmt: skip

    def _check_previous(self, draft: NodeDraft, argument: ast.arg, required: bool) -> None:
        if draft.until is None:
            self.report.add(
                argument, f"{draft.id!r} can't take its own output",
                "add until= to repeat it, or rename the parameter",
            )  # fmt: skip
        elif required:
            self.report.add(
                argument, f"{draft.id!r} has no output before its first round",
                f"give the parameter a default: `{draft.id}=None`",
            )  # fmt: skip

    def _is_context(self, annotation: ast.expr | None) -> bool:
        if annotation is None:
            return False
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            return annotation.value.strip() == "ExecutionContext"
        if isinstance(annotation, ast.BinOp):
            return self._is_context(annotation.left) or self._is_context(annotation.right)
        return self.cell.words.of(annotation) == "ExecutionContext"

    def _each_variables(self, draft: NodeDraft, variables: tuple[str, ...]) -> None:
        if draft.each is None:
            return
        for name in variables:
            what = "node" if name in self.nodes else "input" if name in self.cell.inputs else ""
            if what:
                self.report.add(
                    draft.each.literal, f"the loop variable {name!r} is named like a{'n' * (what == 'input')} {what}",
                    "give it another name",
                )  # fmt: skip

    def _input(self, draft: NodeDraft, argument: ast.arg, default: ast.expr | None) -> None:
        name = argument.arg
        known = self.inputs.get(name)
        if known is not None and known.declared:
            self._check_declared(known, argument, default)
            known.parameters.append((draft, argument))
            return
        if name in self.tools:
            self.report.add(
                argument, f"{name!r} is a tool, and no parameter can be one", f"give it to a model: tools=[{name}]"
            )
        elif name in self.cell.assigned or name in self.cell.classes or name in self.cell.imports:
            self.report.add(
                argument, f"{name!r} is a name of the cell, and no input", "use it without a parameter, or rename this"
            )
        elif self.cell.inputs:
            hint = did_you_mean(name, [*self.nodes, *self.inputs]) or f"declare it at the top: `{name}: str`"
            self.report.add(argument, f"{name!r} is no node, and no declared input", hint)
        elif known is None and (near := self._near_nodes.near(name) or self._near_inputs.near(name)):
            what = "node" if near in self.nodes else "input"
            self.report.add(
                argument, f"{name!r} is nearly the {what} {near!r}",
                f"did you mean {near!r}? If it is an input, declare the inputs at the top: `{name}: str`",
            )  # fmt: skip
        else:
            self._undeclared(draft, argument, default, known)

    def _check_declared(self, known: InputDraft, argument: ast.arg, default: ast.expr | None) -> None:
        declaration = self.cell.inputs[known.name].statement
        if default is None:
            return
        value = declaration.value
        declared = value.args[0] if isinstance(value, ast.Call) and value.args else None
        if isinstance(value, ast.Call):
            declared = next((k.value for k in value.keywords if k.arg == "default"), declared)
        if declared is None:
            self.report.add(
                argument, f"the input {known.name!r} is declared without a default",
                f"give it there: `{known.name}: ... = Input({ast.unparse(default)})`",
            )  # fmt: skip
        elif ast.dump(declared) != ast.dump(default):
            self.report.add(
                argument, f"the input {known.name!r} has two defaults: {ast.unparse(declared)} where it is "
                f"declared, {ast.unparse(default)} here", "leave this one out",
            )  # fmt: skip

    def _undeclared(
        self, draft: NodeDraft, argument: ast.arg, default: ast.expr | None, known: InputDraft | None
    ) -> None:
        name = argument.arg
        if known is None:
            self._check_input_name(name, argument)
            known = self.inputs[name] = InputDraft(name, argument, declared=False)
            self._near_inputs.add(name)
        known.parameters.append((draft, argument))
        if default is None:
            return
        if known.default is None:
            known.default = default
        elif ast.dump(known.default) != ast.dump(default):
            first = next(a for d, a in known.parameters if a.arg in d.defaults())
            self.report.add(
                argument, f"the input {name!r} has two defaults: {ast.unparse(known.default)} on line "
                f"{first.lineno}, {ast.unparse(default)} here",
                f"declare it once at the top: `{name}: ... = Input({ast.unparse(known.default)})`",
            )  # fmt: skip

    def _check_input_name(self, name: str, at: Positioned) -> None:
        if name in RESERVED or name in DECORATORS:
            self.report.add(at, f"an input can't be named {name!r}: the word has a meaning of its own",
                            "give it another name")  # fmt: skip

    # -------------------------------------------------------------- expressions and prompts

    def _expressions(self, draft: NodeDraft) -> None:
        read: set[str] = set()
        for written in draft.inputs.values():
            read |= self._read(draft, written, "inputs")
        if draft.each is not None:
            self._read(draft, draft.each.items, "each")
            if draft.each.condition is not None:
                self._read(draft, draft.each.condition, "condition")
        for written in draft.initial_texts():
            read |= self._read(draft, written, "initial")
        prompt = draft.prompt()
        if prompt is not None:
            read |= self._read(draft, prompt, "prompt")
            prompt.check_braces(self.report, self._known(draft))
        if draft.until is not None:
            until = self._read(draft, draft.until, "until")
            read |= until
            if until and draft.id not in until:
                self.report.add(
                    draft.until.place(self.report, 0), f"`until=` never changes: it does not name {draft.id!r}",
                    f"{draft.id!r} is its newest output there",
                )  # fmt: skip
        if draft.when is not None:
            self._read(draft, draft.when, "when")
        if draft.each is not None:
            taken = read | {p.name for p in draft.parameters}
            if not taken & set(draft.each.variables):
                name = draft.each.variables[0]
                self.report.add(
                    draft.each.literal, f"{draft.id!r} does not use the loop variable {name!r}",
                    f"add it to the parameters: `def {draft.id}({name}, ...)`",
                )  # fmt: skip

    def _known(self, draft: NodeDraft) -> set[str]:
        own = {p.name for p in draft.parameters if p.source != "context"}
        variables = draft.each.variables if draft.each else ()
        return {*own, *variables, *self.nodes, *self.inputs, *self.cell.assigned, *self.bound}

    def _read(self, draft: NodeDraft, written: Written, role: str) -> set[str]:
        """Resolves the names one text reads, makes its edges, and returns the names."""
        names = written.names(self.report)
        parameters = {p.name: p for p in draft.parameters}
        variables = draft.each.variables if draft.each else ()
        for name in sorted(names):
            place = written.place_of(self.report, name)
            if name in variables and role not in ("when", "each"):
                continue
            if role in ("prompt", "until", "initial") and name in parameters and name != draft.id:
                self._parameter_in_text(draft, parameters[name], place, role)
            elif name == draft.id:
                self._own_name(draft, role, place, name in parameters)
            elif name in self.nodes:
                kind = "order" if role in ("when", "until") else "data"
                self._check_not_failed(draft, name, place)
                self._edge(draft, name, kind, place, required=False)
            elif name in self.inputs:
                continue
            elif name in self.bound:
                self.used_bindings.add(name)
            elif name in self.cell.assigned:
                self._constant(name, role, place)
            else:
                self._unknown(draft, name, role, place)
        return set(names)

    def _parameter_in_text(self, draft: NodeDraft, parameter: Parameter, place: Place, role: str) -> None:
        if parameter.source == "context":
            self.report.add(
                place, f"{parameter.name!r} is the execution context: a text can't show it",
                "take what you need from it in a code node",
            )  # fmt: skip

    def _own_name(self, draft: NodeDraft, role: str, place: Place, is_parameter: bool) -> None:
        if role == "until" or (draft.until is not None and role in ("prompt", "inputs") and is_parameter):
            return
        option = {"prompt": "its own prompt", "condition": "`each=`"}.get(role, f"`{role}=`")
        hint = "name another node"
        if draft.until is not None and role in ("prompt", "inputs"):
            hint = f"for its last output add the parameter `{draft.id}=None`"
        self.report.add(place, f"{draft.id!r} has no output yet in {option}", hint)

    def _constant(self, name: str, role: str, place: Place) -> None:
        if self.cell.words.of_call(self.cell.assigned[name]) == "secret":
            what = "prompts" if role == "prompt" else "expressions"
            self.report.add(place, f"{name!r} is a secret: it can't be used in {what}",
                            "use it in code or options")  # fmt: skip
            return
        self.constants.setdefault(name, place)

    def _unknown(self, draft: NodeDraft, name: str, role: str, place: Place) -> None:
        if role in ("when", "each") and draft.each and name in draft.each.variables:
            message = f"the loop variable {name!r} is not known in `{role}=`: it is judged once, before the loop"
            hint = f'choose items there: each="{name} in ... if ..."'
        elif name in self.tools or name in self.cell.functions:
            message, hint = f"{name!r} is a function, and no node", "expressions and prompts read values"
        elif name in self.cell.classes or name in self.cell.imports:
            message, hint = f"{name!r} is no value that an expression can read", "write the value itself"
        else:
            message = f"{name!r} is no node, input or constant"
            hint = did_you_mean(name, self._known(draft)) or self._introduce(draft, name)
        self.report.add(place, message, hint)

    def _introduce(self, draft: NodeDraft, name: str) -> str:
        if self.cell.inputs:
            return f"if it is an input, declare it at the top: `{name}: str`"
        return f"if it is an input, add it to the parameters: `def {draft.id}({name}, ...)`"

    # -------------------------------------------------------------- edges

    def _order(self, draft: NodeDraft) -> None:
        for name, at in draft.after.items():
            if name == draft.id:
                self.report.add(at, f"{name!r} can't wait for itself", "name another node")
            elif name in self.nodes:
                self._edge(draft, name, "order", at, required=False)
            else:
                hint = did_you_mean(name, self.nodes) or "`after=` takes the names of nodes"
                self.report.add(at, f"`after=` names no node: {name!r}", hint)

    def _joins(self, draft: NodeDraft) -> None:
        if draft.settled.get("join") != "any":
            return
        data = [edge for edge in draft.edges.values() if edge.kind == "data"]
        if not data:
            self.report.add(
                draft.given["join"], f'join="any" needs nodes to choose from, and {draft.id!r} reads none',
                "add parameters that name nodes, each with a default",
            )  # fmt: skip
        arguments = {a.arg: a for a in draft.arguments()}
        for parameter in draft.parameters:
            if parameter.source == "node" and parameter.required:
                self.report.add(
                    arguments[parameter.name], f'with join="any" {parameter.name!r} needs a default: '
                    "only the winner has a value", f"write `{parameter.name}=None`",
                )  # fmt: skip
        if draft.when is not None and not self.report.has_errors():
            for name in sorted(draft.when.names(self.report) & {edge.source for edge in data}):
                self.report.add(
                    draft.when.place_of(self.report, name),
                    f'with join="any" `when=` can\'t name {name!r}: it is judged before a winner is known',
                    "check the value in the body",
                )  # fmt: skip

    def _edge(
        self, draft: NodeDraft, source: str, kind: str, at: Positioned | Place, required: bool = True
    ) -> None:
        self._places.setdefault((source, draft.id), at)
        old = draft.edges.get(source)
        new = Edge(source=source, target=draft.id, kind=kind, required=required and kind == "data")  # type: ignore[arg-type]
        if old is None or (_STRENGTH[kind], new.required) > (_STRENGTH[old.kind], old.required):
            draft.edges[source] = new

    def _cycle(self) -> None:
        edges = [(e.source, e.target) for draft in self.drafts for e in draft.edges.values()]
        cycle = find_cycle(list(self.nodes), edges)
        if cycle:
            at = self._places[cycle[-2], cycle[-1]]
            self.report.add(
                at, "the nodes wait for each other: " + " -> ".join(cycle),
                "take one of these names away; to repeat a node use until=",
            )  # fmt: skip
