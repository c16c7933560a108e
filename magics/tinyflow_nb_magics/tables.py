"""A small table: aligned text, or HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime


class Table:
    """`rows` are the cells as text."""

    def __init__(
        self, head: Sequence[str], rows: Sequence[Sequence[str]], empty: str, note: str = ""
    ) -> None:
        """
        Args:
            empty: what is said if there is no row.
            note: what is said below the rows.
        """
        self.head = tuple(head)
        self.rows = [tuple(row) for row in rows]
        self.empty = empty
        self.note = note

    def __repr__(self) -> str:
        if not self.rows:
            return self.empty
        lines = [self.head, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        told = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([*told, self.note] if self.note else told)

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{html.escape(self.empty)}</p>"
        head = "".join(f'<th style="text-align:left">{html.escape(cell)}</th>' for cell in self.head)
        rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in self.rows)
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{note}"


def _cell(text: str) -> str:
    return f'<td style="text-align:left">{html.escape(text)}</td>'


def number(count: int) -> str:
    """12 345"""
    return f"{count:,}".replace(",", " ")


def moment(at: float | None) -> str:
    """Unix seconds as the reader's local time."""
    return "" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
