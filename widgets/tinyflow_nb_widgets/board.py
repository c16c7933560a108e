"""Board: a table that lives while a page looks at it, and is plain text and HTML everywhere else."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import traitlets

from tinyflow_nb.errors import TinyflowError
from tinyflow_nb_widgets.flusher import Flushed, flusher
from tinyflow_nb_widgets.styles import board_css
from tinyflow_nb_widgets.widget import ResponsiveWidget

_log = logging.getLogger(__name__)

KEPT_SECONDS = 10.0
"""How often the table that the notebook saves is drawn anew, at most, while a page looks."""


class BoardWidget(ResponsiveWidget):
    """`picture` is what it begins with; a page then asks for what there is now. `view` names its place."""

    _esm = (Path(__file__).parent / "static" / "board.js").read_text(encoding="utf-8")
    _css = board_css()
    picture = traitlets.Dict().tag(sync=True)
    view = traitlets.Unicode().tag(sync=True)


class Board:
    """The notebook has a table, and in it a place where a page that knows of the widget shows the live one.

    So a run without a front end keeps text and HTML, and so does a notebook whose kernel has died
    (SEMANTICS 42). Nothing in it changes unless a page looks.
    """

    def __init__(
        self, picture: dict[str, Any], *, on_action: Callable[[dict[str, Any]], dict[str, Any]],
        static: Callable[[], dict[str, str]],
    ) -> None:  # fmt: skip
        """
        Args:
            on_action: answers a page on a thread of its own: {"ok": bool, "picture": ...}, or with
                "error" and "fields" if it refuses. A TinyflowError is a refusal.
            static: the table by mime type, as it is now.
        """
        self._on_action = on_action
        self._static = static
        self._display_id = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._replies: list[dict[str, Any]] = []
        self._kept = ""
        """The saved table, as text."""
        self._kept_at = 0.0
        self._to_keep: dict[str, str] | None = None
        self.widget = BoardWidget(picture=picture, view=self._display_id)
        self.widget.answer_while_busy()
        self.widget.on_msg(self._on_message)

    def display(self) -> None:
        """Show it as an output of the running cell."""
        table = self._static()
        self._note(table)
        self._show(table, update=False)

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        if not isinstance(content, dict) or not isinstance(content.get("action"), dict):
            return
        arguments = (str(content.get("id")), content["action"])
        threading.Thread(target=self._act, args=arguments, daemon=True).start()

    def _act(self, id: str, action: dict[str, Any]) -> None:
        try:
            answer = self._on_action(action)
            if action.get("idle"):
                self._keep()
        except TinyflowError as error:
            answer = {"ok": False, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - the reader who clicked is told
            _log.exception("the action %s failed", action.get("type"))
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        with self._lock:
            self._replies.append({"type": "ack", "id": id, "error": "", "fields": {}, **answer})
        flusher.wake(self)

    def _keep(self) -> None:
        """Have the notebook save the table as it is now."""
        with self._lock:
            if time.monotonic() < self._kept_at + KEPT_SECONDS:
                return
            self._kept_at = time.monotonic()
        table = self._static()
        if table["text/plain"] != self._kept:
            with self._lock:
                self._note(table)
                self._to_keep = table

    def _note(self, table: dict[str, str]) -> None:
        self._kept, self._kept_at = table["text/plain"], time.monotonic()

    def flush(self) -> Flushed:
        """Only the flusher's thread comes here."""
        with self._lock:
            replies, self._replies = self._replies, []
            table, self._to_keep = self._to_keep, None
        for reply in replies:
            self.widget.send(reply)
        messages = len(replies)
        if table is not None:
            self._show(table, update=True)
            self.widget.send({"type": "moved"})
            messages += 2
        return Flushed(messages)

    def _show(self, table: dict[str, str], *, update: bool) -> None:
        from IPython.display import publish_display_data

        place = f"<div class='tf-place' data-tf-view='{escape(self._display_id)}'></div>"
        bundle = {**table, "text/html": f"<div class='tf-kept'>{table['text/html']}</div>{place}"}
        show: Any = publish_display_data  # untyped in IPython
        show(bundle, transient={"display_id": self._display_id}, update=update)
