"""A small table: aligned text, or HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime


class Table:
    """`rows` are the cells as text."""

    def __init__(self, head: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
        """
        Args:
            empty: what is said if there is no row.
        """
        self.head = tuple(head)
        self.rows = [tuple(row) for row in rows]
        self.empty = empty

    def __repr__(self) -> str:
        if not self.rows:
            return self.empty
        lines = [self.head, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{html.escape(self.empty)}</p>"
        head = "".join(f'<th style="text-align:left">{html.escape(cell)}</th>' for cell in self.head)
        rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in self.rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(text: str) -> str:
    return f'<td style="text-align:left">{html.escape(text)}</td>'


def moment(at: float | None) -> str:
    """Unix seconds as the reader's local time."""
    return "" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
