"""Pieces of static HTML; all that comes from a chain is escaped here."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Any

from tinyflow_nb_widgets.text import printable, readable

_MOST_ROWS = 100


def text(value: object) -> str:
    return escape(printable(str(value)))


def pre(words: str, kind: str = "") -> str:
    return f"<pre class='tf-pre {kind}'>{text(words)}</pre>"


def heading(title: str, level: int) -> str:
    """The title is escaped already."""
    return f"<h{min(level, 6)}>{title}</h{min(level, 6)}>"


def section(title: str, body: str, level: int = 2) -> str:
    """ "" without a body."""
    return f"<section>{heading(title, level)}{body}</section>" if body else ""


def folded(title: str, body: str, *, open: bool = False) -> str:
    """One click away; "" without a body. The title is escaped already."""
    return f"<details{' open' if open else ''}><summary>{title}</summary>{body}</details>" if body else ""


def answer_html(answer: dict[str, Any]) -> str:
    """A quiet record of what `forms.answers` tells."""
    fields = answer["fields"]
    said = "".join(
        f"<dt>{text(label)}</dt><dd>{text(told)}</dd>" if label else f"<div>{text(told)}</div>"
        for label, told in fields
    )
    tag = "dl" if all(label for label, _ in fields) else "div"
    when = f" · {moment_html(answer['at'])}" if answer["at"] else ""
    return (
        f"<div class='tf-answer'><p><b>{text(answer['unit'])}</b> "
        f"<span class='tf-note'>answered by {text(answer['who'])}{when}</span></p>"
        f"<{tag} class='tf-told'>{said}</{tag}></div>"
    )


def moment_html(at: float) -> str:
    """By the clock of the machine that draws it, and exactly."""
    there = datetime.fromtimestamp(at).astimezone()
    return f"<time datetime='{there.isoformat(timespec='seconds')}'>{there:%Y-%m-%d %H:%M:%S %Z}</time>"


def value_html(value: Any) -> str:
    """Rows as a table, text as it is, anything else as JSON."""
    if _is_rows(value):
        return _table(value)
    return pre(readable(value), "" if isinstance(value, str) else "tf-code")


def _is_rows(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(row, dict) for row in value)
        and not any(isinstance(cell, dict | list) for row in value for cell in row.values())
    )


def _table(rows: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{text(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{text(readable(row[c])) if c in row else ''}</td>" for c in columns) + "</tr>"
        for row in rows[:_MOST_ROWS]
    )
    more = f"<p class='tf-note'>{len(rows) - _MOST_ROWS} rows more</p>" if len(rows) > _MOST_ROWS else ""
    return f"<div class='tf-rows'><table><tr>{head}</tr>{body}</table></div>{more}"
