"""A run in the terminal: one line a node, live while it runs."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from tinyflow_nb.language.forms import form_fields
from tinyflow_nb.language.veil import Veil
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
        self._veil = Veil(definition)
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
        event = self._veil.event(event)
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
            line.note = _headline(error) if error else _short(data.get("output"))

    def waits(self, stalled: Mapping[str, str]) -> None:
        """Of units that no worker has taken for long, why."""
        for unit, why in stalled.items():
            line = self._lines[node_of(unit)]
            if line.status == "READY":
                line.note = f"waits: {why}"

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


def columns(rows: Sequence[Sequence[str]]) -> Text:
    """A table whose first row is its head. Nothing is cut: ids are there to be copied."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return Text("\n").join([Text(lines[0], style="dim"), *map(Text, lines[1:])])


def told_error(error: Mapping[str, Any]) -> Text:
    """Why a run failed, whole: the line of a node is cut."""
    node = f"{error['node']}, " if error.get("node") else ""
    return Text(f"{node}{_headline(error)}\n{error['traceback']}".rstrip(), style="red")


def open_forms(run_id: str, forms: Mapping[str, Mapping[str, Any]]) -> Text:
    """What is asked, what each field starts with, and the command that answers."""
    told = Text()
    for unit, form in forms.items():
        told.append(f"{unit} waits: {form['message']}\n", style="yellow")
        fields = form_fields(form["schema"], form.get("initial"))
        for field in fields:
            starts = "" if field.initial is None else f" = {_text(field.initial)}"
            choices = f" ({' | '.join(map(_text, field.choices))})" if field.choices else ""
            if field.name or starts or choices:
                told.append(f"  {field.name or 'answer'}{choices}{starts}\n")
        words = " ".join(f"{f.name}=..." if f.name else "ANSWER" for f in fields if f.required or not f.name)
        node = f" --node '{unit}'" if len(forms) > 1 else ""
        told.append(f"answer with: tinyflow-nb resume {run_id} {words}".rstrip() + f"{node}\n")
    told.rstrip()
    return told


def _headline(error: Mapping[str, Any]) -> str:
    return f"line {error['line']}: {error['type']}: {error['message']}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(output: object) -> str:
    text = _text(output)
    return text if len(text) <= 90 else text[:87] + "..."
