"""Text to ChainDefinition and back: the Python cell, and its JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from tinyflow_nb.errors import Problem
    from tinyflow_nb.model.definition import ChainDefinition


def parse(
    text: str,
    name: str,
    *,
    bindings: Mapping[str, JsonValue] | None = None,
    warnings: list[Problem] | None = None,
) -> ChainDefinition:
    """The definition in a cell's Python text.

    Everything the text alone can tell is checked first; only a cell without a mistake is run, once,
    for its types. `bindings` are the values of `--bind` by name; they are not kept in the
    definition. Warnings are appended to `warnings`.

    Raises:
        DefinitionError: with every mistake's line, column, message and hint.
    """
    from tinyflow_nb.language.python import parse_cell

    return parse_cell(text, name, bindings or {}, warnings)


def load(text: str | bytes) -> ChainDefinition:
    """The definition in the JSON text that `ChainDefinition.to_json` gave. Its code is not run.

    The text is not trusted: its source is read again, and the graph and the hash must be what the
    source says.

    Raises:
        DefinitionError: it is not a definition, is of a newer schema, or lies; the message says how.
    """
    from tinyflow_nb.language.stored import load_json

    return load_json(text)


def hash_of(source: str) -> str:
    """The content hash of a cell's text (SEMANTICS 39). Its code is not run.

    Raises:
        DefinitionError: it is no Python.
    """
    from tinyflow_nb.errors import DefinitionError
    from tinyflow_nb.language.canonical import content_hash
    from tinyflow_nb.language.source import Place, Report, Source
    from tinyflow_nb.language.syntax import read

    report = Report(Source(source))
    tree = read(report.source, report)
    if tree is not None:
        try:
            return content_hash(tree)
        except RecursionError:
            report.add(Place(1, 1), "the cell is nested too deeply to be read")
    raise DefinitionError(report.problems("error"))
