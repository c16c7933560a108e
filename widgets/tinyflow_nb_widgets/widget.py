"""The anywidget class: two synced traits, messages, and the front-end module."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

from tinyflow_nb_widgets.styles import live_css

_STATIC = Path(__file__).parent / "static"


class ResponsiveWidget(anywidget.AnyWidget):
    """A widget whose callbacks don't wait for a busy cell."""

    def answer_while_busy(self) -> None:
        """Keep callbacks off the main thread in ipykernel 7.4.

        There a comm sends its callbacks to the subshell that published last, so a click would wait
        for a busy cell; its hook for that choice is given back the server's own.
        """
        if hasattr(self.comm, "_reply_subshell_for"):
            self.comm._reply_subshell_for = lambda data, default: default  # noqa: ARG005


class ChainWidget(ResponsiveWidget):
    """`graph` never changes; `snapshot` is the full picture, for a front end that comes later.

    What happens between two snapshots travels as custom messages (see `RunView`).
    """

    _esm = (_STATIC / "widget.js").read_text(encoding="utf-8")
    _css = live_css()
    graph = traitlets.Dict().tag(sync=True)
    snapshot = traitlets.Dict().tag(sync=True)
