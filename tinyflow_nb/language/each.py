"""`each="doc in docs"`, `"q, a in pairs"`, `"doc in docs if doc.score > 0.5"` (SEMANTICS 8)."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from tinyflow_nb.language.expression_spelling import without_strings
from tinyflow_nb.language.source import Report
from tinyflow_nb.language.written import Written

_FORM = re.compile(r"\s*(?:\(\s*)?([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*(?:\)\s*)?\s+in\s+(?=\S)")
_HINT = 'write "doc in docs", "q, a in pairs" or "doc in docs if doc.score > 0.5"'


class EachText(NamedTuple):
    """The parts of `each=` as written."""

    variables: tuple[str, ...]
    items: Written
    condition: Written | None
    literal: ast.Constant


def read_each(literal: ast.Constant, report: Report) -> EachText | None:
    """None if it has another form; the report says so."""
    text = str(literal.value)
    head = _FORM.match(text)
    if head is None:
        report.add(literal, f"each={text!r} is no loop", _HINT)
        return None
    variables = tuple(re.split(r"\s*,\s*", head[1]))
    if len(set(variables)) < len(variables):
        report.add(literal, f"each={text!r} names a variable twice", _HINT)
        return None
    split = _condition(text, head.end())
    items = Written(text[head.end() : split].rstrip(), literal, start=head.end())
    if split == len(text):
        return EachText(variables, items, None, literal)
    start = split + len(" if ")
    return EachText(variables, items, Written(text[start:], literal, start=start), literal)


def _condition(text: str, start: int) -> int:
    """Where the ` if ` outside of brackets and strings begins, or the text's end."""
    plain = text[:start] + without_strings(text[start:])
    depth = 0
    for i in range(start, len(plain)):
        depth += (plain[i] in "([{") - (plain[i] in ")]}")
        if depth == 0 and plain.startswith(" if ", i):
            return i
    return len(text)
