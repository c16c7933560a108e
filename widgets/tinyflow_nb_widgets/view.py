"""RunView: one run on the screen. Takes events from any thread, tells front ends in batches."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tinyflow_nb.engine.given import GivenValues, take_previous
from tinyflow_nb.errors import InvalidOperation, TinyflowError
from tinyflow_nb.language.veil import Veil
from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb.model.trigger import node_of
from tinyflow_nb_widgets.below import Below
from tinyflow_nb_widgets.detail import unit_detail
from tinyflow_nb_widgets.flusher import Flushed, flusher
from tinyflow_nb_widgets.follow import follow
from tinyflow_nb_widgets.forms import answers, input_form, waiting_forms
from tinyflow_nb_widgets.html import render_fragment, render_text
from tinyflow_nb_widgets.kept import Kept
from tinyflow_nb_widgets.layered import layout
from tinyflow_nb_widgets.picture import graph_picture, node_picture, run_picture
from tinyflow_nb_widgets.spans import Span, Spans
from tinyflow_nb_widgets.streams import Streams
from tinyflow_nb_widgets.svg import render_svg
from tinyflow_nb_widgets.widget import ChainWidget

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition

_log = logging.getLogger(__name__)

Action = dict[str, Any]
Question = dict[str, Any]
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
SNAPSHOT_SECONDS = 1.0
"""A tab that is opened while a run streams is at most this far behind, and then catches up."""


class RunView:
    """Shows one run of a definition.

    `on_action` is called on a thread of its own for what a reader asks: {"type": "resume", "unit",
    "answer", "answer_id"}, {"type": "start", "inputs"}, {"type": "stop"} or {"type": "retry"}. It
    returns {"ok": bool, "error": str, "fields": {name: message}}, the last two if it refuses; a
    TinyflowError it raises counts as a refusal.

    `on_question` is called the same way for what only the engine knows: {"type": "prompt", "unit"}, whose
    answer is {"messages": [{"role", "content"}, ...]}, and {"type": "page"}: {"html": str}. `open_below`
    gives the view of the chain below a unit, on the wire it is given; it may raise a TinyflowError.
    """

    def __init__(
        self, definition: ChainDefinition, state: ChainState | None = None, *,
        on_action: Callable[[Action], dict[str, Any]],
        on_question: Callable[[Question], dict[str, Any]] | None = None,
        open_below: Callable[[str, Below], RunView] | None = None, wire: Below | None = None,
        events: Sequence[Event] = (),
    ) -> None:  # fmt: skip
        """
        Args:
            events: what has happened up to `state`.
        """
        self.definition = definition
        self.rendered = threading.Event()
        """Whether a front end has drawn it."""
        self._on_action = on_action
        self._on_question = on_question
        self._open_below = open_below
        self._veil = Veil(definition, wire.veil if wire is not None else None)
        self._below: dict[str, RunView] = {}
        self._nested = wire is not None
        self._state = self._veil.state(state) if state is not None else None
        self._streams = Streams()
        self._input_form: dict[str, Any] | None = None
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        """Held while the state changes: questions look at it from threads of their own."""
        self._inbox: list[Event | ChainState] = []
        self._replies: list[dict[str, Any]] = []
        self._acted: dict[str, dict[str, Any] | None] = {}
        self._resync = False
        self._final = False
        self._kept = Kept()
        self._said_at = float("-inf")
        self._display_id = uuid.uuid4().hex
        self._seq = 0
        self._nodes = {n.id: n for n in definition.nodes}
        self._form_asked = False
        self._snapshot_behind, self._snapshot_at = False, time.monotonic()
        self._spans = Spans(definition)
        self._previous: dict[str, Any] = {}
        self._spans_sent: dict[str, list[Span]] = {}
        graph = {**graph_picture(definition, layout(definition)), "view": self._display_id}
        self.widget: ChainWidget | Below
        if wire is None:
            self.widget = ChainWidget(graph=graph)
            self.widget.answer_while_busy()
            self.widget.on_msg(self._on_message)
        else:
            self.widget = wire
            self.widget.graph = graph
        self._sent = self._picture(self._nodes)
        self._take(list(events))
        self.widget.snapshot = self._snapshot()

    # ---- what the kernel tells the view

    def apply(self, events: Sequence[Event]) -> None:
        """Take over what happened. From any thread; returns at once."""
        with self._lock:
            self._inbox.extend(events)
        flusher.wake(self)

    def replace(self, state: ChainState) -> None:
        """Take over a state as it was read; one older than the events seen is ignored."""
        with self._lock:
            self._inbox.append(state)
        flusher.wake(self)

    def finish(self, state: ChainState) -> None:
        """The run is over: show this state as the last."""
        self.replace(state)

    def show_form_for_inputs(self, missing: Iterable[str], given: Mapping[str, Any] | None = None) -> None:
        """Ask for the chain's inputs; `given` pre-fills. The answer comes as a "start" action, and
        the form goes when a state of the started run comes."""
        with self._lock:
            self._input_form = input_form(self.definition.inputs, missing, given or {})
            self._form_asked = True
        flusher.wake(self)

    def display(self) -> None:
        """Show it as an output of the running cell: one that has ended as its picture, which a page that
        knows of the live view gives its place to."""
        self._final = self._state is not None and self._state.status.terminal
        if self._state is not None and self._final:
            self._kept.shows(self._state)
        self._show(self.mimebundle(final=self._final), update=False)

    def finalize(self) -> None:
        """Let the saved output be the last picture, once a front end has rendered (SEMANTICS 42).

        On a page that has it the live view goes on in the picture's place.
        """
        self._final = not self._nested
        flusher.wake(self)

    def mimebundle(self, final: bool) -> dict[str, Any]:
        """What a notebook is given: while live the widget, with a picture that never varies for
        those who can't show it; in the end the last picture, result and texts."""
        if not final:
            assert isinstance(self.widget, ChainWidget), "a view in a view is no output of its own"
            svg = render_svg(self.definition)
            count = len(self.definition.nodes)
            return {
                WIDGET_MIME: {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id},
                "text/plain": f"{self.definition.name}: {count} node{'s' if count != 1 else ''}",
                "text/html": render_fragment(self.definition, None), "image/svg+xml": svg,
            }  # fmt: skip
        texts = self._streams.texts()
        return {
            "text/plain": render_text(self.definition, self._state),
            "text/html": render_fragment(self.definition, self._state, streams=texts, view=self._display_id),
            "image/svg+xml": render_svg(self.definition, self._state, streams=texts),
        }

    # ---- what a front end asks

    def _on_message(self, widget: Any, content: Any, buffers: Any) -> None:
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "rendered":
            self.rendered.set()
            with self._lock:
                self._kept.forget()  # if it was replaced, an old copy of the output was opened again
                self._replies.append({"type": "hello", "seq": self._seq, "now": time.time()})
        elif kind == "resync":
            self.rendered.set()
            with self._lock:
                self._resync = True
        elif kind == "action" and isinstance(content.get("action"), dict):
            id, action = str(content.get("id")), content["action"]
            with self._lock:
                again = id in self._acted
                if again and (known := self._acted[id]) is not None:
                    self._replies.append(known)
                self._acted.setdefault(id, None)
            if not again:
                threading.Thread(target=self._act, args=(id, action), daemon=True).start()
        elif kind == "ask" and isinstance(content.get("question"), dict):
            asked = (str(content.get("id")), content["question"])
            threading.Thread(target=self._reply, args=asked, daemon=True).start()
        elif kind == "below" and (below := self._below.get(str(content.get("unit")))) is not None:
            below._on_message(below.widget, content.get("content"), buffers)
        flusher.wake(self)

    def _reply(self, id: str, question: Question) -> None:
        """Every question is answered, if only by saying that it can't be."""
        reply: dict[str, Any] = {"type": "reply", "id": id, "ok": True, "error": "", "answer": None}
        try:
            reply["answer"] = self._answer(question)
        except TinyflowError as error:
            reply |= {"ok": False, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - the reader who asked is told
            _log.exception("the question %s could not be answered", question.get("type"))
            reply |= {"ok": False, "error": f"{type(error).__name__}: {error}"}
        with self._lock:
            self._replies.append(reply)
        flusher.wake(self)

    def _answer(self, question: Question) -> Any:
        unit = str(question.get("unit") or "")
        match question.get("type"):
            case "node":
                with self._reading:
                    state = self._known_state()
                    given = GivenValues(self.definition, state, self._previous)
                    found = unit_detail(self.definition, state, unit, given)
                if found is None:
                    raise InvalidOperation(f"the run has no {unit}")
                return found
            case "below" if self._open_below is not None:
                view = self._open_below(unit, Below(lambda: self.widget, unit, self._veil))
                self._below[unit] = view
                return {"graph": view.widget.graph, "snapshot": view.widget.snapshot}
            case _ if self._on_question is not None:
                return self._veil.value(self._on_question(question))
            case other:
                raise InvalidOperation(f"nothing here knows {other}")

    def _act(self, id: str, action: Action) -> None:
        try:
            answer = self._on_action(action)
        except TinyflowError as error:
            answer = {"ok": False, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - the reader who clicked is told
            _log.exception("the action %s failed", action.get("type"))
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        reply = {"type": "ack", "id": id, "ok": bool(answer.get("ok")), "error": answer.get("error") or "",
                 "fields": answer.get("fields") or {}}  # fmt: skip
        with self._lock:
            self._replies.append(reply)
            if reply["ok"]:
                self._acted[id] = reply
            else:
                del self._acted[id]
        flusher.wake(self)

    # ---- what the view tells front ends; only the flusher's thread comes here

    def flush(self) -> Flushed:
        with self._lock:
            inbox, self._inbox = self._inbox, []
            replies, self._replies = self._replies, []
            resync, self._resync = self._resync, False
        for reply in replies:
            self.widget.send(reply)
        messages = len(replies)
        with self._reading:
            delta = self._take(inbox)
        if delta:
            self._seq += 1
            self.widget.send({"type": "delta", "seq": self._seq, "now": time.time(), **delta})
            self._snapshot_behind = True
            messages += 1
            if "text" in delta:
                self._said_at = time.monotonic()
        if resync:
            self.widget.send({"type": "snapshot", "now": time.time(), "snapshot": self._snapshot()})
            messages += 1
        over = self._state is not None and self._state.status.terminal
        wait = None
        if self._snapshot_behind:
            wait = self._snapshot_at + SNAPSHOT_SECONDS - time.monotonic()
            if over or wait <= 0:
                self.widget.snapshot = self._snapshot()
                self._snapshot_behind, self._snapshot_at, wait = False, time.monotonic(), None
                messages += 1
        kept_in = self._kept_in(over)
        if kept_in == 0:
            self._replace_output()
            messages, kept_in = messages + 2, None
        waits = [seconds for seconds in (wait, kept_in) if seconds is not None]
        return Flushed(messages, min(waits, default=None))

    def _kept_in(self, over: bool) -> float | None:
        """In how many seconds the saved output has to be replaced, if at all (SEMANTICS 42)."""
        state = self._state
        if self._nested or not self.rendered.is_set() or state is None or not state.id:
            return None
        return None if over and not self._final else self._kept.due_in(state, self._said_at)

    def _replace_output(self) -> None:
        self._kept.shows(self._known_state())
        self._show(self.mimebundle(final=True), update=True)
        self.widget.send({"type": "moved"})

    def _show(self, bundle: dict[str, Any], *, update: bool) -> None:
        from IPython.display import publish_display_data

        show: Any = publish_display_data  # untyped in IPython
        show(bundle, transient={"display_id": self._display_id}, update=update)

    def _take(self, inbox: list[Event | ChainState]) -> dict[str, Any]:
        """Apply what came in; returns what changed for a reader."""
        said = _Said()
        moved: set[str] = set()
        spanned: set[str] = set()
        for item in inbox:
            if isinstance(item, ChainState):
                if self._state is None or not self._state.id or item.seq >= self._state.seq:
                    self._state, self._input_form = self._veil.state(item), None
                    moved.update(item.nodes)
                continue
            event = self._veil.event(item)
            if event.type in (EventType.NODE_OUTPUT, EventType.NODE_LOG):
                said.add(self._streams.take(event))
            else:
                state = self._known_state()
                follow(state, event, self.definition.results())
                moved.update([node_of(event.node)] if event.node else state.nodes)
                spanned |= self._spans.take(event)
                take_previous(self._previous, event)
        delta = self._changed(moved) if moved or self._form_asked else {}
        if spanned:
            delta["spans"] = {unit: [dict(span) for span in self._spans.units[unit]] for unit in spanned}
            self._spans_sent |= delta["spans"]
        if said.texts:
            delta["text"] = said.texts
        return delta

    def _changed(self, moved: Iterable[str]) -> dict[str, Any]:
        """What the front ends don't have yet; of the nodes only `moved` ones are looked at."""
        self._form_asked = False
        now = self._picture(moved)
        known = self._sent["nodes"]
        nodes = {id: picture for id, picture in now["nodes"].items() if picture != known[id]}
        delta = {key: now[key] for key in ("run", "forms", "answers") if now[key] != self._sent[key]}
        if nodes:
            delta["nodes"] = nodes
        self._sent = {**now, "nodes": {**known, **nodes}}
        return delta

    def _known_state(self) -> ChainState:
        if self._state is None:
            nodes = {n.id: NodeState(n.id) for n in self.definition.nodes}
            self._state = ChainState("", self.definition.short_ref, self.definition.hash, nodes=nodes)
        return self._state

    def _picture(self, ids: Iterable[str]) -> dict[str, Any]:
        state = self._state
        forms = [self._input_form] if self._input_form else []
        return {
            "run": run_picture(self.definition, state),
            "nodes": {id: node_picture(self._nodes[id], state.nodes.get(id) if state else None)
                      for id in ids if id in self._nodes},
            "forms": forms + (waiting_forms(state) if state else []),
            "answers": answers(self.definition, state) if state else [],
        }  # fmt: skip

    def _snapshot(self) -> dict[str, Any]:
        streams = {unit: stream.to_dict() for unit, stream in self._streams.units.items()}
        return {"seq": self._seq, "streams": streams, "spans": self._spans_sent, **self._sent}


class _Said:
    """The words of one batch: what a unit says without changing its kind is one text."""

    def __init__(self) -> None:
        self.texts: list[list[str]] = []
        self._last: dict[tuple[str, bool], list[str]] = {}

    def add(self, words: tuple[str, str, str, str] | None) -> None:
        if words is None:
            return
        unit, turn, kind, text = words
        last = self._last.get((unit, kind == "log"))
        if last is not None and last[1:3] == [turn, kind]:
            last[3] += text
        else:
            last = self._last[unit, kind == "log"] = [unit, turn, kind, text]
            self.texts.append(last)
