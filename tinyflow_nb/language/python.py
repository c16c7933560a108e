"""A Python cell to its definition."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from tinyflow_nb.errors import DefinitionError, Problem
from tinyflow_nb.language.analysis import Analysis, analyse
from tinyflow_nb.language.assembly import Assembly
from tinyflow_nb.language.bindings import check_bindings
from tinyflow_nb.language.module import CellSource, run_module
from tinyflow_nb.language.source import Report, Source
from tinyflow_nb.model.definition import ChainDefinition


def parse_cell(
    text: str, name: str, bindings: Mapping[str, JsonValue], warnings: list[Problem] | None
) -> ChainDefinition:
    """See `tinyflow_nb.language.parse`."""
    report = Report(Source(text))
    check_bindings(bindings, report)
    analysis = analyse(name, bindings.keys(), report)
    if analysis is None or report.has_errors():
        raise DefinitionError(report.problems("error"), name)
    used = {n: v for n, v in bindings.items() if n in analysis.bindings}
    module = run_module(_module_source(name, analysis), used)
    definition = Assembly(name, analysis, module, report).definition()
    if definition is None:
        raise DefinitionError(report.problems("error"), name)
    if warnings is not None:
        warnings += report.problems("warning")
    return definition


def _module_source(name: str, analysis: Analysis) -> CellSource:
    nodes = {draft.id: tuple(p.name for p in draft.parameters) for draft in analysis.drafts}
    readers = {i.name: [draft.id for draft, _ in i.parameters] for i in analysis.graph.inputs.values()}
    return CellSource(name, analysis.hash, analysis.source.text, nodes, readers)
