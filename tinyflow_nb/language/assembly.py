"""From an analysed cell that has run to its definition: types, defaults, forms and late options."""

from __future__ import annotations

import ast
import inspect
import reprlib
from typing import Any, Final

from pydantic import JsonValue, ValidationError

from tinyflow_nb import decorators
from tinyflow_nb.language import cell_types, option_values
from tinyflow_nb.language.analysis import Analysis
from tinyflow_nb.language.branches import check_branches
from tinyflow_nb.language.cell_types import TypeProblem
from tinyflow_nb.language.draft import NodeDraft
from tinyflow_nb.language.graph import InputDraft
from tinyflow_nb.language.module import CellModule
from tinyflow_nb.language.source import At, Place, Positioned, Report
from tinyflow_nb.language.told import told_fields, told_options
from tinyflow_nb.model.definition import (
    ChainDefinition,
    ChainSettings,
    InputDefinition,
    NodeDefinition,
)

_BOOLEAN: Final[dict[str, Any]] = {"type": "boolean"}
_STRING: Final[dict[str, Any]] = {"type": "string"}


class Assembly:
    """Puts one definition together; what is wrong is reported."""

    def __init__(self, name: str, analysis: Analysis, module: CellModule, report: Report) -> None:
        self.name, self.analysis, self.module, self.report = name, analysis, module, report

    def definition(self) -> ChainDefinition | None:
        """None if there are mistakes."""
        if "" in self.module.problems:
            self.report.add(Place(1, 1), self.module.problems[""])
            return None
        schemas = {draft.id: self._output_schema(draft) for draft in self.analysis.drafts}
        nodes = tuple(self._node(draft, schemas[draft.id]) for draft in self.analysis.drafts)
        inputs = tuple(self._input(draft) for draft in self.analysis.graph.inputs.values())
        constants = {
            name: self._constant(name, place) for name, place in self.analysis.graph.constants.items()
        }
        settings = self._settings()
        values = {i.name: i.json_schema for i in inputs}
        values |= {
            d.id: schema or {} for d in self.analysis.drafts if (schema := schemas[d.id]) and not d.each
        }
        check_branches(self.analysis.drafts, values, self.report)
        if self.report.has_errors():
            return None
        built = ChainDefinition(
            name=self.name, description=self.analysis.cell.description, source=self.analysis.source.text,
            nodes=nodes, edges=self.analysis.edges(), inputs=inputs, constants=constants,
            bindings=self.analysis.bindings, settings=settings, hash=self.analysis.hash,
        )  # fmt: skip
        return built.model_copy(update={"output_schema": _result_schema(built)})

    # -------------------------------------------------------------- nodes

    def _node(self, draft: NodeDraft, output_schema: dict[str, Any] | None) -> NodeDefinition:
        self._late_options(draft)
        self._check_default(draft)
        self._check_parameters(draft)
        options = told_options(draft)
        if draft.type == "confirm":
            options["schema"] = output_schema or _BOOLEAN
            self._check_initial(draft, output_schema or _BOOLEAN)
        return NodeDefinition(**told_fields(draft), output_schema=output_schema, options=options)

    def _output_schema(self, draft: NodeDraft) -> dict[str, Any] | None:
        problem = self.module.problems.get(draft.id)
        if problem is not None:
            self.report.add(draft.function, problem)
            return None
        type_ = self.module.output_types[draft.id]
        if type_ is None:
            return {"llm": _STRING, "confirm": _BOOLEAN}.get(draft.type)
        return self._schema(type_, draft.function.returns or draft.function, f"the output of {draft.id!r}")

    def _schema(self, type_: Any, at: At, what: str) -> dict[str, Any] | None:
        try:
            return cell_types.json_schema(type_)
        except TypeProblem as error:
            self.report.add(at, f"{what}: {error}", _JSON_HINT)
            return None

    def _check_parameters(self, draft: NodeDraft) -> None:
        for argument in draft.arguments():
            type_ = self.module.parameter_types[draft.id].get(argument.arg)
            if type_ is None or argument.annotation is None:
                continue
            try:
                cell_types.adapter(type_)
            except TypeProblem as error:
                self.report.add(argument.annotation, f"the parameter {argument.arg!r}: {error}", _JSON_HINT)

    def _late_options(self, draft: NodeDraft) -> None:
        """Options that only running the cell could tell."""
        mark = getattr(self.module.functions[draft.id], decorators.ATTRIBUTE, None)
        if not draft.deferred and not draft.deferred_settings:
            return
        if not isinstance(mark, decorators.Mark):
            self.report.add(draft.function, f"another decorator hides what {draft.id!r} was given",
                            "let it use functools.wraps, or write the options as literals")  # fmt: skip
            return
        checks = option_values.PLAIN | option_values.OF_LLM
        for name, at in draft.deferred.items():
            value = mark.options[name] if name in mark.options else mark.arguments[0]
            try:
                draft.settled[name] = checks[name](value)
            except ValueError as error:
                self.report.add(at, f"`{name}=` must be {error}")
        for name, at in draft.deferred_settings.items():
            try:
                draft.settings[name] = option_values.json_value(mark.options[name])
            except ValueError as error:
                self.report.add(at, f"`{name}=` must be {error}")

    def _check_default(self, draft: NodeDraft) -> None:
        """`default(v)`: v must be what the node promises (SEMANTICS 5)."""
        type_ = self.module.output_types.get(draft.id)
        if draft.on_error.kind != "default" or type_ is None or self.report.reported(draft.function):
            return
        try:
            cell_types.adapter(type_).validate_python(draft.on_error.value)
        except TypeProblem:
            return  # told where the type stands
        except ValidationError as error:
            shown = reprlib.repr(draft.on_error.value)
            self.report.add(
                draft.given["on_error"], f"default({shown}) does not fit {draft.id!r}: "
                f"it gives {cell_types.type_name(type_)}", _first_fault(error),
            )  # fmt: skip

    def _check_initial(self, draft: NodeDraft, schema: dict[str, Any]) -> None:
        fields = schema.get("properties")
        for name, written in draft.initial.items() if isinstance(draft.initial, dict) else ():
            at = written.place(self.report, 0)
            if fields is None:
                message = f"the form of {draft.id!r} has one value and no fields"
                self.report.add(at, message, f'write initial="{written.text}"')
            elif name not in fields:
                message = f"the form of {draft.id!r} has no field {name!r}"
                self.report.add(at, message, f"its fields are {', '.join(fields)}")

    # -------------------------------------------------------------- inputs, constants, settings

    def _input(self, draft: InputDraft) -> InputDefinition:
        if draft.declared:
            return self._declared_input(draft)
        self._check_one_type(draft)
        type_ = self.module.input_types[draft.name]
        at = next((a.annotation for _, a in draft.parameters if a.annotation is not None), draft.at)
        schema = self._schema(type_, at, f"the input {draft.name!r}") if type_ is not None else {}
        if draft.default is None:
            return InputDefinition(name=draft.name, json_schema=schema or {})
        value: Any = None
        for node, argument in draft.parameters:
            parameter = inspect.signature(self.module.functions[node.id]).parameters.get(argument.arg)
            if parameter is not None and parameter.default is not inspect.Parameter.empty:
                value = parameter.default
                break
        default = self._json(value, type_, draft.default, f"the default of the input {draft.name!r}")
        return InputDefinition(name=draft.name, json_schema=schema or {}, required=False, default=default)

    def _declared_input(self, draft: InputDraft) -> InputDefinition:
        declaration = self.analysis.cell.inputs[draft.name].statement
        type_ = self.module.input_types[draft.name]
        schema = self._schema(type_, declaration.annotation, f"the input {draft.name!r}") if type_ else {}
        given = self.module.namespace.get(draft.name)
        if not isinstance(given, decorators.Input):
            return InputDefinition(name=draft.name, json_schema=schema or {})
        default: JsonValue = None
        if not given.required:
            at = declaration.value or declaration
            default = self._json(given.default, type_, at, f"the default of the input {draft.name!r}")
        return InputDefinition(
            name=draft.name, json_schema=schema or {}, required=given.required, default=default,
            description=str(given.constraints.get("description", "")),
        )  # fmt: skip

    def _check_one_type(self, draft: InputDraft) -> None:
        first: tuple[Any, ast.arg] | None = None
        for node, argument in draft.parameters:
            type_ = self.module.parameter_types[node.id].get(argument.arg)
            if argument.annotation is None or type_ is None:
                continue
            if first is None:
                first = type_, argument
            elif type_ != first[0]:
                names = [cell_types.type_name(t) for t in (first[0], type_)]
                self.report.add(
                    argument.annotation, f"the input {draft.name!r} has two types: {names[0]} on line "
                    f"{first[1].lineno}, {names[1]} here",
                    f"declare it once at the top: `{draft.name}: {names[0]}`",
                )  # fmt: skip

    def _json(self, value: Any, type_: Any, at: Positioned, what: str) -> JsonValue:
        """A default as JSON, checked against its type."""
        try:
            if type_ is not None:
                adapter = cell_types.adapter(type_)
                value = adapter.dump_python(adapter.validate_python(value), mode="json")
            return option_values.json_value(value)
        except TypeProblem:
            return None  # told where the type stands
        except ValidationError as error:
            self.report.add(at, f"{what} is not valid: {reprlib.repr(value)}", _first_fault(error))
        except ValueError:
            self.report.add(at, f"{what} is no JSON: {type(value).__name__}", _JSON_HINT)
        return None

    def _constant(self, name: str, place: At) -> JsonValue:
        value = self.module.namespace.get(name)
        try:
            return option_values.json_value(value)
        except ValueError:
            self.report.add(
                place, f"{name!r} is no JSON constant but {_article(value)}",
                "expressions and prompts read text, numbers, booleans, none, lists and dicts",
            )  # fmt: skip
            return None

    def _settings(self) -> ChainSettings:
        at = self.analysis.cell.assigned.get("CHAIN")
        given = self.module.namespace.get("CHAIN")
        if at is None:
            return ChainSettings()
        if not isinstance(given, decorators.Chain):
            self.report.add(at, "CHAIN holds the chain's settings", 'write CHAIN = Chain(deadline="2h")')
            return ChainSettings()
        try:
            return option_values.settings(given)
        except ValueError as error:
            self.report.add(at, f"a setting of CHAIN must be {error}")
            return ChainSettings()


_JSON_HINT: Final = "take a type JSON can carry: text, numbers, lists, dicts, pydantic models, dataclasses"


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    return f"{where}: {fault['msg']}" if where else str(fault["msg"])


def _article(value: object) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


def _result_schema(definition: ChainDefinition) -> dict[str, Any] | None:
    """Of the chain's result (SEMANTICS 6): one node's output, or an object of several."""
    schemas: dict[str, dict[str, Any] | None] = {}
    for id_ in definition.results():
        node = definition.node(id_)
        schema = node.output_schema
        schemas[id_] = {"type": "array", "items": schema or {}} if node.each else schema
    if len(schemas) == 1:
        return next(iter(schemas.values()))
    return {"type": "object", "properties": {id_: schema or {} for id_, schema in schemas.items()}}
