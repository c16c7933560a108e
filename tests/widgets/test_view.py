"""RunView: what it sends, and how it answers a front end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("anywidget")

from tinyflow_nb.clock import ManualClock
from tinyflow_nb.errors import ResumeError
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets import ChainWidget, RunView, kept
from tinyflow_nb_widgets import view as view_module
from tinyflow_nb_widgets.flusher import UPDATES_A_SECOND, Flushed, Flusher
from tinyflow_nb_widgets.styles import live_css


class Front:
    """A front end by hand: keeps what it is sent, and says what a real one would say."""

    def __init__(self, make: SimpleNamespace, state: Any, on_action: Callable[..., dict[str, Any]]) -> None:
        self.sent: list[dict[str, Any]] = []
        self.shown: list[tuple[dict[str, Any], bool]] = []
        self.view = RunView(make.triage(), state, on_action=on_action)
        self.view.widget.send = self.sent.append
        self.view._show = lambda bundle, *, update: self.shown.append((bundle, update))  # type: ignore[method-assign]

    def says(self, content: dict[str, Any]) -> None:
        self.view._on_message(self.view.widget, content, [])

    def flush(self) -> list[dict[str, Any]]:
        """What one flush sends."""
        self.sent.clear()
        self.flushed = self.view.flush()
        return list(self.sent)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The monotonic clock of views, which only the test moves."""
    clock = ManualClock()
    stands = SimpleNamespace(monotonic=clock.now, time=time.time)
    for module in (view_module, kept):
        monkeypatch.setattr(module, "time", stands)
    return clock


@pytest.fixture
def open_view(
    make: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> Callable[..., Front]:
    """Views whose flusher is the test itself."""
    monkeypatch.setattr(view_module, "flusher", SimpleNamespace(wake=lambda view, after=0.0: None))

    def open_view(state: Any = None, on_action: Any = lambda action: {"ok": True}) -> Front:
        return Front(make, state, on_action)

    return open_view


def test_a_delta_holds_what_changed_and_no_more(make: SimpleNamespace, open_view: Any) -> None:
    front = open_view()
    front.view.apply([make.event(1, EventType.CHAIN_STARTED), make.event(2, EventType.NODE_STARTED, "draft")])
    [delta] = front.flush()
    assert (delta["type"], delta["seq"], delta["run"]["status"]) == ("delta", 1, "RUNNING")
    assert delta["nodes"]["draft"]["status"] == "RUNNING"
    front.view.apply([make.text("We ", 0), make.text("are", 1), make.text("Hm", 0, node="intent")])
    [delta] = front.flush()
    assert delta["seq"] == 2
    assert delta["text"] == [["draft", "1.1.1", "text", "We are"], ["intent", "1.1.1", "text", "Hm"]]
    assert not {"run", "nodes", "forms", "answers"} & set(delta)
    assert front.flush() == []


def test_deltas_applied_to_the_first_snapshot_give_the_last(make: SimpleNamespace, open_view: Any) -> None:
    front = open_view()
    picture: dict[str, Any] = dict(front.view.widget.snapshot)
    e = make.event
    story = [
        [e(1, EventType.CHAIN_STARTED), e(2, EventType.NODE_STARTED, "intent")],
        [make.text("a", 0, node="intent"), e(3, EventType.NODE_FINISHED, "intent")],
        [e(4, EventType.NODE_SUSPENDED, "approval", message="?", schema={"type": "boolean"})],
        [e(5, EventType.NODE_FINISHED, "approval", answered_by={"who": "ada", "at": 1}, output=True)],
        [e(6, EventType.CHAIN_FINISHED, status="SUCCEEDED", result=1)],
    ]
    for events in story:
        front.view.apply(events)
        for delta in front.flush():
            picture["seq"] = delta["seq"]
            picture["nodes"] = {**picture["nodes"], **delta.get("nodes", {})}
            picture.update({k: delta[k] for k in ("run", "forms", "answers") if k in delta})
    assert {**front.view.widget.snapshot, "streams": {}} == {**picture, "streams": {}}
    assert front.view.widget.snapshot["streams"]["intent"]["pieces"] == [["text", "a"]]


def test_the_snapshot_follows_at_most_once_a_second_and_at_once_at_the_end(
    make: SimpleNamespace, open_view: Any, clock: ManualClock
) -> None:
    front = open_view()
    front.view.apply([make.text("a", 0)])
    front.flush()
    assert front.view.widget.snapshot["seq"] == 0
    assert front.flushed.again_in == 1.0
    clock.advance(0.9)
    front.flush()
    assert front.view.widget.snapshot["seq"] == 0
    clock.advance(0.1)
    front.flush()
    assert front.view.widget.snapshot["seq"] == 1
    front.view.finish(make.finished())
    front.flush()
    assert front.view.widget.snapshot["run"]["status"] == "SUCCEEDED"


def test_a_gap_is_answered_with_a_snapshot(make: SimpleNamespace, open_view: Any) -> None:
    front = open_view()
    front.view.apply([make.text("a", 0)])
    front.flush()
    front.says({"type": "resync"})
    [answer] = front.flush()
    assert answer["type"] == "snapshot"
    assert answer["snapshot"]["seq"] == 1
    assert answer["snapshot"]["streams"]["draft"]["pieces"] == [["text", "a"]]


def test_a_front_end_that_renders_learns_the_newest_number(make: SimpleNamespace, open_view: Any) -> None:
    front = open_view()
    front.view.apply([make.text("a", 0)])
    front.flush()
    assert not front.view.rendered.is_set()
    front.says({"type": "rendered"})
    assert front.view.rendered.is_set()
    [hello] = front.flush()
    assert (hello["type"], hello["seq"]) == ("hello", 1)


def test_a_state_older_than_the_events_is_ignored(
    make: SimpleNamespace, open_view: Any, clock: ManualClock
) -> None:
    front = open_view(make.suspended(seq=1))
    front.view.apply([make.event(5, EventType.NODE_FINISHED, "approval")])
    front.view.replace(make.suspended(seq=4))
    front.flush()
    clock.advance(1.0)
    front.flush()
    assert front.view.widget.snapshot["nodes"]["approval"]["status"] == "SUCCEEDED"


async def test_an_answer_is_acknowledged_by_its_id(
    make: SimpleNamespace, open_view: Any, wait_until: Any
) -> None:
    """SEMANTICS 16: the widget sends an answer_id; a second click does nothing new."""
    actions: list[dict[str, Any]] = []

    def act(action: dict[str, Any]) -> dict[str, Any]:
        actions.append(action)
        return {"ok": True}

    front = open_view(make.suspended(), act)
    wish = {
        "type": "action",
        "id": "i1",
        "action": {"type": "resume", "unit": "approval", "answer": True, "answer_id": "i1"},
    }
    front.says(wish)
    await wait_until(front.flush)
    assert front.sent == [{"type": "ack", "id": "i1", "ok": True, "error": "", "fields": {}}]
    front.says(wish)
    assert front.flush() == [{"type": "ack", "id": "i1", "ok": True, "error": "", "fields": {}}]
    assert actions == [wish["action"]]


@pytest.mark.parametrize(("outcome", "error", "fields"), [
    ({"ok": False, "error": "no", "fields": {"text": "too long"}}, "no", {"text": "too long"}),
    (ResumeError("approval waits no longer"), "approval waits no longer", {}),
    (RuntimeError("boom"), "RuntimeError: boom", {}),
])  # fmt: skip
async def test_a_refusal_says_why_and_may_be_tried_again(
    make: SimpleNamespace, open_view: Any, wait_until: Any, outcome: Any, error: str, fields: dict[str, str]
) -> None:
    asked = []

    def act(action: dict[str, Any]) -> dict[str, Any]:
        asked.append(action)
        if isinstance(outcome, Exception):
            raise outcome
        return dict(outcome)

    front = open_view(make.suspended(), act)
    for _ in range(2):
        front.says({"type": "action", "id": "i1", "action": {"type": "stop"}})
        await wait_until(front.flush)
        assert front.sent == [{"type": "ack", "id": "i1", "ok": False, "error": error, "fields": fields}]
    assert len(asked) == 2


async def test_a_slow_action_holds_nobody_up(make: SimpleNamespace, open_view: Any, wait_until: Any) -> None:
    """A handler may run on the kernel's main thread: it returns at once."""
    may_end = threading.Event()
    calls = []

    def act(action: dict[str, Any]) -> dict[str, Any]:
        calls.append(threading.current_thread())
        may_end.wait(60)
        return {"ok": True}

    front = open_view(make.suspended(), act)
    wish = {"type": "action", "id": "i1", "action": {"type": "stop"}}
    front.says(wish)
    front.says(wish)
    assert front.flush() == []
    may_end.set()
    await wait_until(front.flush)
    assert len(calls) == 1
    assert calls[0] is not threading.current_thread()


@pytest.mark.parametrize(
    "message", [None, 7, {}, {"type": "action"}, {"type": "action", "id": "x", "action": 3}]
)
def test_nonsense_from_a_front_end_is_ignored(open_view: Any, message: Any) -> None:
    front = open_view()
    front.says(message)
    assert front.flush() == []


def test_missing_inputs_show_a_form_until_the_run_starts(make: SimpleNamespace, open_view: Any) -> None:
    front = open_view()
    front.view.show_form_for_inputs(["question"], {"top": 3})
    [delta] = front.flush()
    assert [f["key"] for f in delta["forms"]] == ["inputs"]
    front.view.replace(make.state(Status.RUNNING))
    [delta] = front.flush()
    assert delta["forms"] == []


def test_the_live_output_never_varies(make: SimpleNamespace, open_view: Any) -> None:
    """SEMANTICS 42: what nbval compares is the same in every run; the widget's id it does not."""
    one, two = (open_view(s).view.mimebundle(final=False) for s in (None, make.suspended()))
    assert one.pop(view_module.WIDGET_MIME)["model_id"] != two.pop(view_module.WIDGET_MIME)["model_id"]
    assert one == two
    assert one["text/plain"] == "support_triage: 6 nodes"
    assert set(one) == {"text/plain", "text/html", "image/svg+xml"}


def test_the_output_is_replaced_only_after_a_front_end_rendered(
    make: SimpleNamespace, open_view: Any
) -> None:
    """SEMANTICS 42."""
    front = open_view()
    front.view.display()
    assert front.shown.pop()[1] is False
    front.view.finish(make.finished())
    front.view.finalize()
    front.flush()
    assert front.shown == []
    front.says({"type": "rendered"})
    front.flush()
    [(bundle, update)] = front.shown
    assert update
    assert set(bundle) == {"text/plain", "text/html", "image/svg+xml"}
    assert "We are sorry." in bundle["text/plain"]
    front.flush()
    assert len(front.shown) == 1


@pytest.mark.parametrize("stands", ["suspended", "failed"])
def test_a_run_that_waits_or_failed_leaves_a_picture_to_live_in_and_the_way_on(
    make: SimpleNamespace, open_view: Any, stands: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SEMANTICS 42: should the kernel be gone, a file with a live view alone shows nothing."""
    monkeypatch.setattr(kept, "SETTLE_SECONDS", {})
    front = open_view()
    front.view.replace(getattr(make, stands)())
    front.view.finalize()
    front.flush()
    assert front.shown == [], "nobody has drawn it yet"
    front.says({"type": "rendered"})
    sent = front.flush()
    [(bundle, update)] = front.shown
    assert update
    assert set(bundle) == {"text/plain", "text/html", "image/svg+xml"}
    assert sent[-1] == {"type": "moved"}
    assert f"data-tf-view='{front.view.widget.graph['view']}'" in bundle["text/html"]
    command = {"suspended": "%tinyflow attach run1", "failed": "%tinyflow retry run1"}[stands]
    assert command in bundle["text/html"]
    front.flush()
    assert len(front.shown) == 1


def test_a_picture_is_drawn_anew_only_when_the_run_stands_otherwise(
    make: SimpleNamespace, open_view: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SEMANTICS 42."""
    monkeypatch.setattr(kept, "SETTLE_SECONDS", {})
    front = open_view(make.failed())
    front.says({"type": "rendered"})
    front.view.finalize()
    front.flush()
    front.view.apply([make.event(9, EventType.CHAIN_STARTED, generation=2)])
    front.flush()
    front.view.apply([make.text("a", 0)])
    front.flush()
    assert ["failed" in shown["text/plain"] for shown, _ in front.shown] == [True, False]


def test_a_run_that_has_ended_is_a_picture_at_once_whose_place_is_lived_in(
    make: SimpleNamespace, open_view: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SEMANTICS 42: nothing in the file needs a kernel; a retry is drawn anew."""
    monkeypatch.setattr(kept, "SETTLE_SECONDS", {})
    front = open_view(make.failed())
    front.view.display()
    [(bundle, update)] = front.shown
    assert not update
    assert set(bundle) == {"text/plain", "text/html", "image/svg+xml"}
    assert "too short" in bundle["text/plain"]
    assert f"data-tf-view='{front.view.widget.graph['view']}'" in bundle["text/html"]
    front.says({"type": "resync"})
    [answer] = front.flush()
    assert answer["snapshot"]["run"]["status"] == "FAILED"
    assert len(front.shown) == 1, "it shows the run as it stands"
    front.view.apply([make.event(9, EventType.CHAIN_STARTED, generation=2)])
    front.flush()
    assert [update for _, update in front.shown] == [False, True]


def test_what_has_happened_is_in_the_first_picture(make: SimpleNamespace) -> None:
    events = [make.event(2, EventType.NODE_STARTED, "draft"), make.text("We are", 0)]
    view = RunView(make.triage(), make.finished(), on_action=lambda _: {"ok": True}, events=events)
    assert view.widget.snapshot["streams"]["draft"]["pieces"] == [["text", "We are"]]
    assert [span["kind"] for span in view.widget.snapshot["spans"]["draft"]] == ["wait", "run"]
    assert "We are" in view.mimebundle(final=True)["text/html"]


def test_a_run_that_goes_on_is_not_drawn_at_every_step(make: SimpleNamespace, open_view: Any) -> None:
    """SEMANTICS 42."""
    front = open_view(make.state(Status.RUNNING))
    front.says({"type": "rendered"})
    front.flush()
    assert front.shown == []
    assert front.flushed.again_in == kept.SETTLE_SECONDS[Status.RUNNING]


async def test_the_flusher_takes_turns_and_keeps_the_pace(wait_until: Any) -> None:
    class Busy:
        def __init__(self) -> None:
            self.at: list[float] = []

        def flush(self) -> Flushed:
            self.at.append(time.monotonic())
            return Flushed(1, 0.0 if len(self.at) < 4 else None)

    views = [Busy(), Busy(), Busy()]
    flusher = Flusher()
    with flusher._changed:  # it begins when all wait for it
        for view in views:
            flusher.wake(view)
    await wait_until(lambda: all(len(v.at) == 4 for v in views))
    every = sorted(t for v in views for t in v.at)
    assert every[-1] - every[0] >= 11 / UPDATES_A_SECOND
    assert max(v.at[1] for v in views) < min(v.at[3] for v in views)


async def test_a_view_that_breaks_does_not_end_the_others(
    wait_until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def flush(self) -> Flushed:
            raise RuntimeError("broken")

    class Fine:
        done = False

        def flush(self) -> Flushed:
            self.done = True
            return Flushed(0)

    flusher, fine = Flusher(), Fine()
    flusher.wake(Broken())
    flusher.wake(fine)
    await wait_until(lambda: fine.done)
    assert "broken" in caplog.text


def test_callbacks_stay_off_a_busy_main_thread_in_ipykernel_7_4() -> None:
    class Comm:
        def _reply_subshell_for(self, data: Any, default: Any) -> str:
            return "the last publisher's"

    comm = Comm()
    ChainWidget.answer_while_busy(SimpleNamespace(comm=comm))  # type: ignore[arg-type]
    assert comm._reply_subshell_for({}, "the server's") == "the server's"


def test_what_a_page_loads_is_small(static: Any) -> None:
    assert (static / "widget.js").stat().st_size < 60 * 1024
    assert len(live_css().encode()) < 40 * 1024


def test_a_run_that_speaks_is_drawn_when_it_pauses_or_never_does(
    make: SimpleNamespace, open_view: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SEMANTICS 42: drawing would hold its words up, and they would make the picture old."""
    monkeypatch.setattr(kept, "SETTLE_SECONDS", {})
    front = open_view(make.state(Status.RUNNING))
    front.view.apply([make.text("We are", 0)])
    front.says({"type": "rendered"})
    front.flush()
    assert front.shown == []
    assert front.flushed.again_in == kept.QUIET_SECONDS
    monkeypatch.setattr(kept, "PATIENCE_SECONDS", 0.0)
    front.flush()
    assert [update for _, update in front.shown] == [True]
