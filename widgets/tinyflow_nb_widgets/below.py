"""A view in a view: what a chain below tells and hears travels through its parent's messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tinyflow_nb.language.veil import Veil


class Wire(Protocol):
    """What a view writes to: a widget, or the view that shows it."""

    snapshot: Any

    def send(self, content: dict[str, Any]) -> None: ...


class Below:
    """The wire of a view that is shown inside another one, under the unit that started its chain."""

    def __init__(self, parent: Callable[[], Wire], unit: str, veil: Veil | None = None) -> None:
        """
        Args:
            veil: of the view above.
        """
        self._parent = parent
        self.veil = veil
        self._unit = unit
        self.graph: dict[str, Any] = {}
        self.snapshot: dict[str, Any] = {}

    def send(self, content: dict[str, Any]) -> None:
        self._parent().send({"type": "below", "unit": self._unit, "message": content})
