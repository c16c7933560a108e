"""Expressions and prompts as they are written in a cell: checked, and with the place of each name."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from tinyflow_nb.language import expressions
from tinyflow_nb.language.expression_problems import problems, single_braces
from tinyflow_nb.language.expression_spelling import without_strings
from tinyflow_nb.language.source import Place, Report

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Written:
    """A text inside the string literal `literal`, from its character `start` on."""

    text: str
    literal: ast.Constant
    kind: Literal["expression", "template"] = "expression"
    start: int = 0

    def place(self, report: Report, offset: int) -> Place:
        return report.source.inside(self.literal, self.start + offset)

    def names(self, report: Report) -> frozenset[str]:
        """The names it reads; its mistakes are reported, and then there are none."""
        if self.kind == "template" and "{" not in self.text:
            return frozenset()
        found = problems(self.text, self.kind)
        for line, column, message, hint in found:
            report.add(self.place(report, self._offset(line, column)), message, hint)
        if found:
            return frozenset()
        read = expressions.template_names if self.kind == "template" else expressions.names
        return read(self.text)

    def check_braces(self, report: Report, known: Collection[str]) -> None:
        """Reports `{name}` of a known name in a prompt."""
        if "{" in self.text:
            for line, column, message, hint in single_braces(self.text, known):
                report.add(self.place(report, self._offset(line, column)), message, hint)

    def _offset(self, line: int, column: int) -> int:
        return sum(len(part) for part in self.text.splitlines(keepends=True)[:line]) + column

    def place_of(self, report: Report, name: str) -> Place:
        """Where a name it reads stands first."""
        use = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
        if self.kind == "expression":
            found = use.search(without_strings(self.text))
            return self.place(report, found.start() if found else 0)
        for tag in _TAG.finditer(self.text):
            found = use.search(without_strings(tag[0]))
            if found:
                return self.place(report, tag.start() + found.start())
        return self.place(report, 0)
