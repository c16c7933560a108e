"""A cell's mistakes, each under its own source line."""

from __future__ import annotations

from tinyflow_nb.errors import DefinitionError, Problem


class CellDefinitionError(DefinitionError):
    """A DefinitionError that shows the cell's lines."""

    def __init__(self, error: DefinitionError, body: str) -> None:
        super().__init__(error.problems, error.name)
        self._body = body

    def _render_traceback_(self) -> list[str]:
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        head = f"DefinitionError: {self.name}: {count}; nothing was run"
        return [head, *[line for problem in self.problems for line in told(problem, self._body)]]


def told(problem: Problem, body: str) -> list[str]:
    """The source line, a caret at the column, the message and its hint."""
    lines = body.splitlines()
    shown = lines[problem.line - 1] if 0 < problem.line <= len(lines) else ""
    number = f"  line {problem.line}"
    # A tab before the column stays one, so that the caret stands where the reader sees the place.
    before = "".join("\t" if c == "\t" else " " for c in shown[: problem.column - 1])
    margin = " " * len(number)
    place = ["", f"{number} | {shown}", f"{margin} | {before}^"] if shown else ["", number]
    hint = [f"{margin}   {line}" for line in problem.hint.splitlines()]
    return [*place, *[f"{margin} {line}" for line in problem.message.splitlines()], *hint]
