"""A definition's JSON, which anybody may have written."""

from __future__ import annotations

import ast
import json
from typing import Any, NoReturn

from pydantic import ValidationError

from tinyflow_nb.errors import DefinitionError, Problem
from tinyflow_nb.language.analysis import Analysis, analyse
from tinyflow_nb.language.draft import NodeDraft
from tinyflow_nb.language.literals import NotLiteral
from tinyflow_nb.language.option_values import json_value
from tinyflow_nb.language.source import Report, Source
from tinyflow_nb.language.told import told_fields, told_options
from tinyflow_nb.model.definition import SCHEMA_VERSION, ChainDefinition, ChainSettings


def load_json(text: str | bytes) -> ChainDefinition:
    """See `tinyflow_nb.language.load`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        _refuse("", f"this is no JSON: {error}")
    if not isinstance(data, dict):
        _refuse("", "this is JSON, but no definition of a chain")
    name = str(data.get("name", ""))
    version = data.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        _refuse(
            name, f"the definition has schema version {version}; this package reads up to {SCHEMA_VERSION}",
            "install a newer tinyflow-nb",
        )  # fmt: skip
    try:
        definition = ChainDefinition.model_validate(data)
    except ValidationError as error:
        raise DefinitionError([_problem(fault) for fault in error.errors()], name) from None
    _check_source(definition)
    return definition


def _problem(fault: Any) -> Problem:
    where = ".".join(str(part) for part in fault["loc"])
    message = str(fault["msg"]).removeprefix("Value error, ")
    return Problem(1, 1, f"the definition is not valid: {where + ': ' if where else ''}{message}")


def _check_source(definition: ChainDefinition) -> None:
    report = Report(Source(definition.source))
    analysis = analyse(definition.name, definition.bindings, report, any_type=True)
    if analysis is None or report.has_errors():
        raise DefinitionError(report.problems("error"), definition.name)
    if definition.hash != analysis.hash:
        _refuse(
            definition.name, f"the hash is {definition.hash[:8]}, but the source's is {analysis.hash[:8]}",
            "make the definition from its source again",
        )  # fmt: skip
    for lie in _lies(definition, analysis):
        _refuse(definition.name, f"{lie} than its source says", "make the definition from its source again")


def _lies(definition: ChainDefinition, analysis: Analysis) -> list[str]:
    """Where the graph is not what the source says."""
    drafts = {draft.id: draft for draft in analysis.drafts}
    found = []
    if [node.id for node in definition.nodes] != list(drafts):
        return ["the definition has other nodes"]
    if set(definition.edges) != set(analysis.edges()):
        found.append("the definition has other edges")
    if [i.name for i in definition.inputs] != list(analysis.graph.inputs):
        found.append("the definition has other inputs")
    if definition.constants.keys() != analysis.graph.constants.keys():
        found.append("the definition has other constants")
    if definition.description != analysis.cell.description:
        found.append("the definition has another description")
    if "CHAIN" not in analysis.cell.assigned and definition.settings != ChainSettings():
        found.append("the definition has other settings")
    found += _lying_constants(definition, analysis)
    for node in definition.nodes:
        draft = drafts[node.id]
        fields = told_fields(draft)
        found += [f"node {node.id!r} has another {f}" for f in fields if fields[f] != getattr(node, f)]
        told, kept = told_options(draft), dict(node.options)
        for late in _late_options(draft):
            told.pop(late, None)
            kept.pop(late, None)
        if told != kept:
            found.append(f"node {node.id!r} has other options")
    return found


def _late_options(draft: NodeDraft) -> set[str]:
    """Those that only running the cell tells."""
    late = {"models" if name == "model" else name for name in draft.deferred}
    if draft.deferred_settings:
        late.add("settings")
    if draft.type == "confirm":
        late.add("schema")
    return late


def _lying_constants(definition: ChainDefinition, analysis: Analysis) -> list[str]:
    found = []
    for name, value in definition.constants.items():
        try:
            told = json_value(analysis.cell.literals.value(ast.Name(name)))
        except (NotLiteral, ValueError):
            continue
        if told != value:
            found.append(f"the constant {name!r} has another value")
    return found


def _refuse(name: str, message: str, hint: str = "") -> NoReturn:
    raise DefinitionError([Problem(1, 1, message, hint)], name)
