"""Board: a table that lives while a page looks at it, and is plain text and HTML everywhere else."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import traitlets

from tinyflow_nb.errors import TinyflowError
from tinyflow_nb_widgets.flusher import Flushed, flusher
from tinyflow_nb_widgets.styles import board_css
from tinyflow_nb_widgets.widget import ResponsiveWidget

_log = logging.getLogger(__name__)

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
KEPT_SECONDS = 600.0
"""After nobody has looked for so long the static table is what the notebook shows and keeps."""


class BoardWidget(ResponsiveWidget):
    """`picture` is what it begins with; a page then asks for what there is now."""

    _esm = (Path(__file__).parent / "static" / "board.js").read_text(encoding="utf-8")
    _css = board_css()
    picture = traitlets.Dict().tag(sync=True)


class Board:
    """Shown as a static output at once, replaced by the live one when a page says that it is there.

    So a run without a front end keeps text and HTML, and nothing in it changes afterwards.
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
        self._here = self._live = False
        self._looked_at = 0.0
        self.widget = BoardWidget(picture=picture)
        self.widget.answer_while_busy()
        self.widget.on_msg(self._on_message)

    def display(self) -> None:
        """Show it as an output of the running cell."""
        self._show(self._static(), update=False)

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "here":
            self._here, self._looked_at = True, time.monotonic()
        elif kind == "action" and isinstance(content.get("action"), dict):
            self._looked_at = time.monotonic()
            arguments = (str(content.get("id")), content["action"])
            threading.Thread(target=self._act, args=arguments, daemon=True).start()
        flusher.wake(self)

    def _act(self, id: str, action: dict[str, Any]) -> None:
        try:
            answer = self._on_action(action)
        except TinyflowError as error:
            answer = {"ok": False, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - the reader who clicked is told
            _log.exception("the action %s failed", action.get("type"))
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        with self._lock:
            self._replies.append({"type": "ack", "id": id, "error": "", "fields": {}, **answer})
        flusher.wake(self)

    def flush(self) -> Flushed:
        """Only the flusher's thread comes here."""
        with self._lock:
            replies, self._replies = self._replies, []
        for reply in replies:
            self.widget.send(reply)
        messages, wait = len(replies), None
        if self._here:
            left = self._looked_at + KEPT_SECONDS - time.monotonic()
            if left > 0:
                wait = left
            if self._live != (left > 0):
                self._live = self._here = left > 0
                self._show(self._bundle(), update=True)
                messages += 1
        return Flushed(messages, wait)

    def _bundle(self) -> dict[str, Any]:
        live = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        return {**({WIDGET_MIME: live} if self._live else {}), **self._static()}

    def _show(self, bundle: dict[str, Any], *, update: bool) -> None:
        from IPython.display import publish_display_data

        show: Any = publish_display_data  # untyped in IPython
        show(bundle, transient={"display_id": self._display_id}, update=update)
