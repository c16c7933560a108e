"""Where each parameter's value comes from (SEMANTICS 31)."""

from __future__ import annotations

import ast

from tinyflow_nb.language.draft import NodeDraft
from tinyflow_nb.language.graph import Graph, InputDraft
from tinyflow_nb.language.source import Positioned
from tinyflow_nb.language.words import DECORATORS, RESERVED, Neighbours, did_you_mean
from tinyflow_nb.model.definition import Parameter, ParameterSource


class Parameters:
    """Resolves the parameters of every node; finds the inputs that are not declared."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.report = graph, graph.report
        for name, declaration in graph.cell.inputs.items():
            graph.inputs[name] = InputDraft(name, declaration.statement, declared=True)
            self._check_input_name(name, declaration.statement)
        self._near_nodes = Neighbours(graph.nodes)
        self._near_inputs = Neighbours(graph.inputs)

    def resolve(self, draft: NodeDraft) -> None:
        defaults = draft.defaults()
        variables = draft.each.variables if draft.each else ()
        self._each_variables(draft, variables)
        arguments = {argument.arg: argument for argument in draft.arguments()}
        for name in draft.inputs:
            if name not in arguments:
                written = draft.inputs[name]
                hint = did_you_mean(name, arguments) or f"add the parameter {name!r} to {draft.id!r}"
                self.report.add(
                    written.place(self.report, 0), f"`inputs=` feeds no parameter: {name!r}", hint
                )
        failing = self.graph.handlers.get(draft.id)
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
            elif name in self.graph.nodes:
                source = "node"
                self.graph.check_not_failed(draft, name, argument)
                self.graph.edge(draft, name, "data", argument, required)
            elif name == "error":
                source = "error"
                if failing is None:
                    self.report.add(
                        argument, f"only a handler is given `error`, and {draft.id!r} is none",
                        f'name it in on_error="{draft.id}", or rename the parameter',
                    )  # fmt: skip
            elif failing is not None and failing.each and name in failing.each.variables:
                source = "item"
                self.report.add(
                    argument, f"{name!r} has no value here: a handler stands in for all of {failing.id!r}",
                    "take what the loop goes over, or `error`",
                )  # fmt: skip
            else:
                source = "input"
                self._input(draft, argument, defaults.get(name))
            draft.parameters.append(
                Parameter(name=name, source=source, reference=reference, required=required)
            )

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
        return self.graph.cell.words.of(annotation) == "ExecutionContext"

    def _each_variables(self, draft: NodeDraft, variables: tuple[str, ...]) -> None:
        if draft.each is None:
            return
        for name in variables:
            what = (
                "a node" if name in self.graph.nodes else "an input" if name in self.graph.cell.inputs else ""
            )
            if what:
                self.report.add(
                    draft.each.literal, f"the loop variable {name!r} is the name of {what}",
                    "give it another name",
                )  # fmt: skip

    def _input(self, draft: NodeDraft, argument: ast.arg, default: ast.expr | None) -> None:
        name = argument.arg
        known = self.graph.inputs.get(name)
        if known is not None and known.declared:
            self._check_declared(known, argument, default)
            known.parameters.append((draft, argument))
            return
        if name in self.graph.tools:
            self.report.add(
                argument,
                f"{name!r} is a tool, and no parameter can be one",
                f"give it to a model: tools=[{name}]",
            )
        elif (
            name in self.graph.cell.assigned
            or name in self.graph.cell.classes
            or name in self.graph.cell.imports
        ):
            self.report.add(
                argument,
                f"{name!r} is a name of the cell, and no input",
                "use it without a parameter, or rename this",
            )
        elif self.graph.cell.inputs:
            hint = (
                did_you_mean(name, [*self.graph.nodes, *self.graph.inputs])
                or f"declare it at the top: `{name}: str`"
            )
            self.report.add(argument, f"{name!r} is no node, and no declared input", hint)
        elif known is None and (near := self._near_nodes.near(name) or self._near_inputs.near(name)):
            what = "node" if near in self.graph.nodes else "input"
            self.report.add(
                argument, f"{name!r} is nearly the {what} {near!r}",
                f"did you mean {near!r}? If it is an input, declare the inputs at the top: `{name}: str`",
            )  # fmt: skip
        else:
            self._undeclared(draft, argument, default, known)

    def _check_declared(self, known: InputDraft, argument: ast.arg, default: ast.expr | None) -> None:
        declaration = self.graph.cell.inputs[known.name].statement
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
            known = self.graph.inputs[name] = InputDraft(name, argument, declared=False)
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
