"""From text to a syntax tree; what is no Python, or only IPython's, is told here."""

from __future__ import annotations

import ast
import re
import threading
import warnings
from collections.abc import Callable
from types import CodeType
from typing import TypeVar

from tinyflow_nb.language.source import Place, Report, Source

T = TypeVar("T")

_SHELL = re.compile(r"^\s*(?:[\w, .]+=\s*)?(!|%{1,2}(?=[A-Za-z]))")
_MAX_SHELL_LINES = 100
_PASTED_PROMPT = re.compile(r"^\s*(>>> |In \[\d+\]:)")
_warnings_lock = threading.Lock()


def read(source: Source, report: Report) -> ast.Module | None:
    """The tree; None if there is none, and the report says why.

    Lines for the shell or IPython are all reported, and left out so that the rest is read too.
    """
    lines = list(source.lines)
    for _ in range(_MAX_SHELL_LINES):
        try:
            return _quietly(lambda: ast.parse("\n".join(lines)))
        except SyntaxError as error:
            number = error.lineno or 1
            shell = _shell_line(lines, number)
            if shell is None:
                _report_syntax(source, report, error)
                return None
            number, sign = shell
            place = Place(number, lines[number - 1].index(sign) + 1)
            if sign == "!":
                report.add(place, "a shell command can't be part of a chain", _SHELL_HINT)
            else:
                hint = _OWN_MAGIC_HINT if lines[number - 1].startswith("%%tinyflow") else _MAGIC_HINT
                report.add(place, "an IPython magic can't be part of a chain", hint)
            before = lines[number - 1][: place.column - 1]
            lines[number - 1] = before + ("None" if before.strip() else "pass")
        except (RecursionError, MemoryError):
            report.add(Place(1, 1), "the cell is nested too deeply to be read")
            return None
        except ValueError as error:  # a null byte, a lone surrogate, a number of thousands of digits
            report.add(_first_unreadable(source), f"this is no Python text: {error}")
            return None
    return None


_SHELL_HINT = "run it in a cell of its own, or call subprocess.run inside a node"
_MAGIC_HINT = "put it into a cell of its own"
_OWN_MAGIC_HINT = "leave this line out: a chain is the cell's text below it, in a file too"


def compiled(source: Source, tree: ast.Module, filename: str, report: Report) -> CodeType | None:
    """The code; None if the compiler refuses the tree, and the report says why."""
    try:
        code = _quietly(lambda: compile(tree, filename, "exec", dont_inherit=True))
    except SyntaxError as error:
        _report_syntax(source, report, error)
    except (RecursionError, MemoryError, ValueError):
        report.add(Place(1, 1), "the cell is nested too deeply to be read")
    else:
        return code
    return None


def _quietly(call: Callable[[], T]) -> T:
    # What Python warns of at compile time (an unknown escape) is no error to it; where it matters to
    # a chain it is reported with its place. The filters belong to the process, hence the lock.
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


def _shell_line(lines: list[str], number: int) -> tuple[int, str] | None:
    """The line an error is about, or the one before, if it is for the shell or IPython."""
    for candidate in (number, number - 1):
        if 1 <= candidate <= len(lines):
            found = _SHELL.match(lines[candidate - 1])
            if found:
                return candidate, found[1]
    return None


def _report_syntax(source: Source, report: Report, error: SyntaxError) -> None:
    line = min(max(error.lineno or 1, 1), len(source.lines))
    column = max(error.offset or 1, 1)
    message = error.msg.partition(" (<")[0]
    hint = ""
    if _PASTED_PROMPT.match(source.lines[line - 1]):
        hint = "leave out the `>>>` or `In [1]:` of pasted lines"
    report.add(Place(line, column), f"not valid Python: {message}", hint)


def _first_unreadable(source: Source) -> Place:
    for number, line in enumerate(source.lines, start=1):
        for column, character in enumerate(line, start=1):
            if character == "\0" or "\ud800" <= character <= "\udfff":
                return Place(number, column)
    return Place(1, 1)
