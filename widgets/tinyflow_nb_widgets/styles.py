"""The style sheets: of the pictures, and of the live view."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal

_STATIC = Path(__file__).parent / "static"
_LIVE = ("view", "stage", "forms", "details", "timeline", "story")
"""A sheet for each part of the live view, after the graph's own."""

_ROOT = re.compile(r"\.tf(-live|-board)?(?![-\w])")

Scheme = Literal["auto", "light", "dark"]


@cache
def graph_css(scheme: Scheme = "auto") -> str:
    """The colours and shapes the picture and the live view share; auto follows Jupyter, else the system, and
    the reader's wish for contrast."""
    shared = read("graph")
    dark = "{" + read("dark") + "}"
    if scheme == "light":
        return shared
    if scheme == "dark":
        return f"{shared}svg.tf{dark}"
    system = f"svg.tf:root,body:not([data-jp-theme-light]) .tf{dark}"
    jupyter = f'body[data-jp-theme-light="false"] .tf{dark}'
    return f"{shared}{jupyter}@media screen and (prefers-color-scheme: dark){{{system}}}{read('contrast')}"


@cache
def live_css() -> str:
    """Everything the live view needs."""
    return graph_css() + _firm(*_LIVE)


def read(name: str) -> str:
    """A sheet of `static`."""
    return (_STATIC / f"{name}.css").read_text(encoding="utf-8")


@cache
def board_css() -> str:
    """What the boards need: the forms, and their own."""
    return graph_css() + _firm("view", "forms", "board")


def _firm(*names: str) -> str:
    """Sheets that win over a notebook's own for an output's HTML: an id, though of nothing, weighs most."""
    return _ROOT.sub(r":is(\g<0>,#tf)", "".join(map(read, names)))
