"""The items of a run's `each` nodes: a window of them at a time, and those that a retry keeps."""

from __future__ import annotations

from tinyflow_nb.model.commit import Expand
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.status import TERMINAL
from tinyflow_nb.stores.run_claims import RunClaims
from tinyflow_nb.stores.run_core import CANCELLED, SUSPENDED
from tinyflow_nb.stores.unit import Child, Unit


class RunItems(RunClaims):
    """How a unit becomes many, and those one list."""

    __slots__ = ()

    def _expand(self, step: Expand, at: float, made_ready: list[Unit]) -> None:
        unit = self.units[step.unit]
        self.active -= 1
        unit.judged = True
        unit.attempt = unit.attempt or 1
        unit.token = 0
        unit.item_values = step.items
        unit.items_next = 0
        unit.items_left = len(step.items) - self._keep_items(unit, step.items)
        unit.started_at = at
        data = {"attempt": unit.attempt, "items": len(step.items)}
        self._tell(EventType.NODE_STARTED, unit.name, at, data)
        for _ in range(min(step.window, unit.items_left)):
            self._next_item(unit, made_ready)
        self._gather_if_done(unit, made_ready)

    def _keep_items(self, parent: Unit, items: tuple[str, ...]) -> int:
        """Of the items that are settled since before a retry, those that are the same now; how many."""
        kept = 0
        for index, before in enumerate(parent.items_before):
            if index < len(items) and items[index] == before:
                kept += f"{parent.name}[{index}]" in self.units
            else:
                self.units.pop(f"{parent.name}[{index}]", None)
        return kept

    def _next_item(self, parent: Unit, made_ready: list[Unit]) -> None:
        while parent.items_next < len(parent.item_values or ()):
            name, index = f"{parent.name}[{parent.items_next}]", parent.items_next
            parent.items_next += 1
            if name not in self.units:
                unit = self.units[name] = Unit(name, parent.shape, 0, 0, parent, index)
                unit.judged = True
                self._make_ready(unit)
                made_ready.append(unit)
                return

    def _count_item(self, parent: Unit, made_ready: list[Unit]) -> None:
        parent.items_left -= 1
        self._next_item(parent, made_ready)
        self._gather_if_done(parent, made_ready)

    def _gather_if_done(self, parent: Unit, made_ready: list[Unit]) -> None:
        if parent.items_left == 0:
            self._make_ready(parent)
            made_ready.append(parent)

    def _void_items(self, parent: Unit) -> None:
        for index in range(parent.items_next):
            item = self.units[f"{parent.name}[{index}]"]
            if item.status in TERMINAL:
                continue
            if item.status is SUSPENDED:
                self.parked -= 1
            else:
                self.active -= 1
                self.ready.pop(item.name, None)
            item.status = CANCELLED
            item.waiting_for = None
            if item.child is not None:
                self._leave(item.child)

    def _leave(self, child: Child) -> None:
        """Its unit does not wait for it any more."""
        child.fresh = False
        if child.status not in TERMINAL:
            self.closing = self.seq
