"""A table everywhere, a live board where a page can show one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tinyflow_nb_magics.tables import Table, moment

Action = dict[str, Any]


class LiveTable(Table):
    """A table as it was read; shown by a notebook it is live."""

    def __init__(
        self, look: Callable[[], Table], picture: Callable[[], dict[str, Any]],
        act: Callable[[Action], dict[str, Any]], again: str,
    ) -> None:  # fmt: skip
        """
        Args:
            act: answers a page, as `Board` has it.
            again: the command that shows it anew.
        """
        table = look()
        super().__init__(table.head, table.rows, table.empty, table.note)
        self._look, self.picture, self.act, self._again = look, picture, act, again

    def _ipython_display_(self) -> None:
        try:
            from tinyflow_nb_widgets.board import Board
        except ImportError:  # the table alone says it all
            from tinyflow_nb_magics.display import publish

            publish(self._static(self))
            return
        Board(self.picture(), on_action=self.act, static=lambda: self._static(self._look())).display()

    def _static(self, table: Table) -> dict[str, str]:
        as_of = f"<p>As of {moment(time.time())}; <code>{self._again}</code> looks again.</p>"
        return {"text/plain": repr(table), "text/html": table._repr_html_() + as_of}
