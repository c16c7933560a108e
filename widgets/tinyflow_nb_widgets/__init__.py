"""The live view of a run, and its pictures. Nothing here runs a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyflow_nb_widgets.html import render_html
    from tinyflow_nb_widgets.layered import Layout, layout
    from tinyflow_nb_widgets.mermaid import render_mermaid
    from tinyflow_nb_widgets.svg import render_svg
    from tinyflow_nb_widgets.view import RunView
    from tinyflow_nb_widgets.widget import ChainWidget

__all__ = ["ChainWidget", "Layout", "RunView", "layout", "render_html", "render_mermaid", "render_svg"]

_HOMES = {"Layout": "layered", "layout": "layered", "render_html": "html", "render_mermaid": "mermaid",
          "render_svg": "svg",
          "RunView": "view", "ChainWidget": "widget"}  # fmt: skip


def __getattr__(name: str) -> Any:
    """The pictures need no Jupyter: only a widget loads ipywidgets."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
