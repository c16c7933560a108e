"""A run in the terminal: one line a node, live while it runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.model.trigger import item_of, node_of

_MARKS = {
    "READY": ("·", "dim"),
    "RUNNING": ("▶", "cyan"),
    "SUSPENDED": ("?", "yellow"),
    "SUCCEEDED": ("✓", "green"),
    "FAILED": ("✗", "red"),
    "SKIPPED": ("-", "dim"),
    "CANCELLED": ("⊘", "dim"),
    "RETRYING": ("↻", "yellow"),
}
STREAM_SHOWN = 160
"""Characters of the newest text shown under a running node."""


def since(start: float, end: float | None) -> str:
    """A duration as people say it."""
    seconds = max(0.0, (end if end is not None else time.time()) - start)
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min"
    return f"{seconds // 3600:.0f} h" if seconds < 172_800 else f"{seconds // 86_400:.0f} d"


class _Line:
    def __init__(self, id: str) -> None:
        self.id = id
        self.status = "READY"
        self.note = ""
        self.text = ""
        self.started = 0.0
        self.finished = 0.0
        self.items = 0
        self.items_done = 0


class RunTree:
    """Folds events into lines; with a console it shows them live, as a context manager."""

    def __init__(self, definition: ChainDefinition, run_id: str, console: Console | None) -> None:
        self._title = f"{definition.name}  {run_id}"
        self._status = "RUNNING"
        self._lines = {n.id: _Line(n.id) for n in definition.nodes}
        self._width = max((len(id) for id in self._lines), default=0)
        live = Live(get_renderable=self.render, console=console, refresh_per_second=12) if console else None
        self._live = live if console is not None and console.is_terminal else None
        self._console = console

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        elif self._console is not None:
            self._console.print(self.render())

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """While a person is asked in the same terminal."""
        if self._live:
            self._live.stop()
        yield
        if self._live:
            self._live.start()

    def apply(self, event: Event) -> None:
        if not event.node:
            self._status = {
                EventType.CHAIN_SUSPENDED: "SUSPENDED",
                EventType.CHAIN_FINISHED: str(event.data.get("status", "")),
            }.get(event.type, "RUNNING")
            return
        line = self._lines[node_of(event.node)]
        if item_of(event.node) is not None:
            line.items_done += event.type in (EventType.NODE_FINISHED, EventType.NODE_SKIPPED)
            return
        data = event.data
        if event.type is EventType.NODE_STARTED:
            line.status, line.started, line.text = "RUNNING", line.started or event.at, ""
            line.items = data.get("items", 0)
            line.note = f"attempt {data['attempt']}" if data["attempt"] > 1 else ""
            line.note = f"round {data['round']}" if data.get("round", 1) > 1 else line.note
        elif event.type is EventType.NODE_OUTPUT:
            line.text = (line.text + str(data.get("text", "")))[-STREAM_SHOWN:]
        elif event.type is EventType.NODE_RETRYING:
            line.status, line.note = "RETRYING", data["error"]["message"]
        elif event.type is EventType.NODE_SUSPENDED:
            line.status, line.note = "SUSPENDED", data.get("message", "")
        elif event.type is EventType.NODE_SKIPPED:
            line.status, line.note = "SKIPPED", data.get("reason", "")
        elif event.type is EventType.NODE_FINISHED:
            line.status, line.finished, line.text = str(data["status"]), event.at, ""
            error = data.get("error")
            line.note = f"line {error['line']}: {error['message']}" if error else _short(data.get("output"))

    def render(self) -> Group:
        rows: list[Text] = [Text(f"{self._title}  {self._status}", style="bold")]
        for line in self._lines.values():
            status = line.status
            if self._status in ("FAILED", "CANCELLED") and status in ("READY", "RUNNING", "SUSPENDED"):
                status = "CANCELLED"
            mark, style = _MARKS[status]
            row = Text(f"  {mark} ", style=style)
            row.append(line.id.ljust(self._width + 2))
            took = (
                f"{since(line.started, line.finished or None)}  "
                if line.started and status != "CANCELLED"
                else ""
            )
            row.append(took, style="dim")
            if line.items:
                row.append(f"{line.items_done}/{line.items}  ")
            row.append(line.note.replace("\n", " ")[:100], style=style if status == "FAILED" else "dim")
            rows.append(row)
            if line.text:
                rows.append(Text("      " + line.text.replace("\n", " "), style="italic"))
        return Group(*rows)


def _short(output: object) -> str:
    text = output if isinstance(output, str) else repr(output)
    return text if len(text) <= 90 else text[:87] + "..."
