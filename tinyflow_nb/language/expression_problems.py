"""The static mistakes of expressions and prompts, each at its place and with what to do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Literal, NamedTuple

from jinja2 import TemplateSyntaxError

from tinyflow_nb.errors import ExpressionError
from tinyflow_nb.language.expression_spelling import slips, without_strings
from tinyflow_nb.language.expression_tree import Mistake, mistakes, read_tree

Kind = Literal["expression", "template"]
MAX_FOUND = 20
"""Mistakes told of one text; nobody reads more of them."""

OPENING = re.compile(r"\{[{%#]")
CLOSING = {"{{": "}}", "{%": "%}", "{#": "#}"}
ENDRAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
ONE_BRACE = re.compile(
    r"\{\s*(?P<value>(?P<name>[A-Za-z_]\w*)(?:\.\w+|\[[^\]{}]*\])*)\s*(?:![rsa])?(?::[^{}]*)?\}"
)


class Found(NamedTuple):
    """One mistake. Line and column are offsets from the start of the text: they count from 0."""

    line: int
    column: int
    message: str
    hint: str


class _Tag(NamedTuple):
    start: int
    opening: str
    text: str
    raw: bool


def problems(source: str, kind: Kind) -> list[Found]:
    """Every static mistake in reading order; names are not looked up."""
    if not source.strip() and kind == "expression":
        return [Found(0, 0, "the expression is empty", "name a node or an input")]
    if kind == "expression" and (braces := re.search(r"\{\{|\{%", without_strings(source))):
        inside = re.sub(r"^\s*\{\{\s*|\s*\}\}\s*$", "", source)
        return [_at(source, braces.start(), "an expression takes no braces", f"write `{inside}`")]
    found = _spellings(source, kind) or list(_tree_problems(source, kind))
    return sorted(set(found))


def single_braces(template: str, known: Collection[str]) -> list[Found]:
    """Where `{name}` of a known name was written for `{{ name }}`."""
    parts, at = [], 0
    for tag in _tags(template):
        parts += [template[at : tag.start], re.sub(r"[^\n]", " ", tag.text)]
        at = tag.start + len(tag.text)
    outside = "".join([*parts, template[at:]])
    return [
        _at(template, match.start(), f"`{match[0]}` is not filled in", f"write `{{{{ {match['value']} }}}}`")
        for match in ONE_BRACE.finditer(outside)
        if match["name"] in known
    ]


def _at(source: str, offset: int, message: str, hint: str = "") -> Found:
    line = source.count("\n", 0, offset)
    return Found(line, offset - (source.rfind("\n", 0, offset) + 1), message, hint)


def _spellings(source: str, kind: Kind) -> list[Found]:
    found = (
        _at(source, start + slip.at, slip.message, slip.hint)
        for start, text, statement in _regions(source, kind)
        for slip in slips(text, statement)
    )
    return list(islice(found, MAX_FOUND))


def _regions(source: str, kind: Kind) -> Iterator[tuple[int, str, bool]]:
    """Where expressions stand: offset, text, and whether it is the inside of a statement."""
    if kind == "expression":
        yield 0, source, False
        return
    for tag in _tags(source):
        if tag.opening != "{#" and not tag.raw:
            yield tag.start + 2, tag.text[2:-2], tag.opening == "{%"


def _tags(source: str) -> Iterator[_Tag]:
    """The tags and comments in their order; a `raw` block is one. In time linear in the text."""
    at = 0
    while (opening := OPENING.search(source, at)) is not None:
        start = opening.start()
        end = source.find(CLOSING[opening[0]], start + 2)
        if end < 0:
            return
        at = end + 2
        raw = opening[0] == "{%" and source[start + 2 : end].strip("-+ \t\n") == "raw"
        if raw:
            closed = ENDRAW.search(source, at)
            at = closed.end() if closed else len(source)
        yield _Tag(start, opening[0], source[start:at], raw)


def _tree_problems(source: str, kind: Kind) -> Iterator[Found]:
    try:
        tree = read_tree(source, template=kind == "template")
    except ExpressionError as error:
        yield _syntax_problem(source, kind, error)
        return
    seen: dict[Mistake, int] = {}
    for mistake in islice(mistakes(tree), MAX_FOUND):
        seen[mistake] = seen.get(mistake, 0) + 1
        offset = _offset(source, kind, mistake, seen[mistake])
        yield _at(source, offset, mistake.message, mistake.hint)


def _offset(source: str, kind: Kind, mistake: Mistake, nth: int) -> int:
    """Where the token stands for the nth time on its line, or where the line begins."""
    lines = source.split("\n")
    line = min(mistake.line, len(lines) - 1)
    start = sum(len(before) + 1 for before in lines[:line])
    end = start + len(lines[line])
    word = r"\b" if mistake.token[-1:].isalnum() else ""
    pattern = re.compile(re.escape(mistake.token) + word) if mistake.token else re.compile(r"\S")
    places = [
        offset + match.start()
        for offset, text, _ in ([(0, source, False)] if "{" in mistake.token else _regions(source, kind))
        for match in pattern.finditer(without_strings(text))
        if start <= offset + match.start() < end
    ]
    if places:
        return places[min(nth, len(places)) - 1]
    return start + len(lines[line]) - len(lines[line].lstrip())


UNCLOSED_TAG = re.compile(r"looking for the following tags: '(\w+)'")
INNERMOST = re.compile(r"innermost block that needs to be closed is '(\w+)'")
UNKNOWN_TAG = re.compile(r"unknown tag '(\w+)'")
UNEXPECTED_CHAR = re.compile(r"unexpected char (['\"].*['\"]) at (\d+)$")
GOT = re.compile(r"(?:got|unexpected) '(.+?)'$")
ENDS = ("end of print statement", "end of statement block", "end of template")


def _syntax_problem(source: str, kind: Kind, error: ExpressionError) -> Found:
    cause = error.__cause__
    if not isinstance(cause, TemplateSyntaxError):
        return Found(0, 0, str(error), "compute a part of it in a node")
    said = (cause.message or "").rstrip(".")
    line = cause.lineno - 1
    if char := UNEXPECTED_CHAR.search(said):
        if char[1] in ("'\"'", '"\'"'):
            return _at(source, int(char[2]), "the text is not closed", "a quote is missing")
        return _at(source, int(char[2]), f"unexpected {char[1]}", "expressions have no such sign")
    if innermost := INNERMOST.search(said):
        block = innermost[1]
        at = _offset(source, kind, Mistake(line, "{%", ""), 1)
        return _at(source, at, f"`{block}` is not closed", f"end it with `{{% end{block} %}}`")
    if tag := UNKNOWN_TAG.search(said):
        at = _offset(source, kind, Mistake(line, tag[1], ""), 1)
        return _at(source, at, f"there is no tag {tag[1]!r} here", "prompts know if, elif, else, for and set")
    if "expected 'end of print statement'" in said and said.startswith("unexpected end of template"):
        return _at(source, max(source.rfind("{{"), 0), "`{{` is not closed", "end it with `}}`")
    got = GOT.search(said)
    if got and got[1] not in ENDS:
        at = _offset(source, kind, Mistake(line, got[1], ""), 1)
        return _at(source, at, f"unexpected {got[1]!r}", "is an operator, a quote or a bracket missing?")
    if got or said.startswith("unexpected end of template"):
        at = len(source.rstrip()) if kind == "expression" else _offset(source, kind, Mistake(line, "", ""), 1)
        return _at(source, at, "the expression is not complete", "something is missing at its end")
    said = said[:1].lower() + said[1:]
    return _at(source, _offset(source, kind, Mistake(line, "", ""), 1), said, "")
