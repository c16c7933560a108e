"""A cell's mistakes, each under its own source line."""

from __future__ import annotations

from tinyflow_nb.errors import DefinitionError, Problem


class CellDefinitionError(DefinitionError):
    """A DefinitionError that shows the cell's lines."""

    def __init__(self, error: DefinitionError, body: str, ended: str = "nothing was run") -> None:
        """
        Args:
            body: the source the problems' lines count in.
            ended: what came of it.
        """
        super().__init__(error.problems, error.name)
        self._body = body
        self._ended = ended

    def _render_traceback_(self) -> list[str]:
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        head = f"DefinitionError: {self.name}: {count}; {self._ended}"
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
