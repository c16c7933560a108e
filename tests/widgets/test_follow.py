"""Events -> what is shown, between two readings of the store."""

from __future__ import annotations

from types import SimpleNamespace

from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets import follow as module
from tinyflow_nb_widgets.streams import KEPT, Streams


def follow(state: ChainState, event: Event) -> None:
    module.follow(state, event, ("b",))


def run(*events: Event) -> ChainState:
    state = ChainState("r", "c", "", nodes={"a": NodeState("a"), "b": NodeState("b")})
    for event in events:
        follow(state, event)
    return state


def test_a_node_from_start_to_end(make: SimpleNamespace) -> None:
    e = make.event
    state = run(e(1, EventType.CHAIN_STARTED), e(2, EventType.NODE_STARTED, "a", attempt=2))
    assert (state.status, state.nodes["a"].status, state.nodes["a"].attempts) == (
        Status.RUNNING, Status.RUNNING, 2)  # fmt: skip
    follow(state, e(3, EventType.NODE_FINISHED, "a", status="SUCCEEDED", usage={"tokens": 3}))
    a = state.nodes["a"]
    assert (a.status, a.started_at, a.finished_at, a.usage) == (
        Status.SUCCEEDED,
        1002.0,
        1003.0,
        {"tokens": 3},
    )


def test_an_event_seen_before_changes_nothing(make: SimpleNamespace) -> None:
    state = run(make.event(1, EventType.NODE_STARTED, "a"), make.event(2, EventType.NODE_FINISHED, "a"))
    follow(state, make.event(1, EventType.NODE_STARTED, "a"))
    assert state.nodes["a"].status is Status.SUCCEEDED


def test_a_form_opens_and_closes(make: SimpleNamespace) -> None:
    """SEMANTICS 11."""
    e = make.event
    state = run(e(1, EventType.NODE_SUSPENDED, "a", message="?", schema={"type": "boolean"}),
                e(2, EventType.CHAIN_SUSPENDED))  # fmt: skip
    assert list(state.waiting()) == ["a"]
    assert state.status is Status.SUSPENDED
    follow(state, e(3, EventType.CHAIN_RESUMED))
    follow(state, e(4, EventType.NODE_FINISHED, "a", answered_by={"who": "ada"}, output=True))
    assert (state.waiting(), state.status, state.nodes["a"].output) == ({}, Status.RUNNING, True)


def test_items_and_rounds_are_units(make: SimpleNamespace) -> None:
    """SEMANTICS 7."""
    e = make.event
    state = run(e(1, EventType.NODE_STARTED, "a", items=3), e(2, EventType.NODE_STARTED, "a[1]"),
                e(3, EventType.NODE_FINISHED, "a[1]"))  # fmt: skip
    follow(state, e(4, EventType.NODE_STARTED, "b", round=3))
    done = [i.status is Status.SUCCEEDED for i in state.nodes["a"].items or []]
    assert done == [False, True, False]
    assert state.nodes["b"].round == 3


def test_a_retry_leaves_no_error_behind(make: SimpleNamespace) -> None:
    e = make.event
    state = run(e(1, EventType.NODE_STARTED, "a", attempt=1),
                e(2, EventType.NODE_RETRYING, "a", attempt=1, error={"type": "X"}))  # fmt: skip
    assert (state.nodes["a"].status, state.nodes["a"].error) == (Status.READY, {"type": "X"})
    follow(state, e(3, EventType.NODE_STARTED, "a", attempt=2))
    assert (state.nodes["a"].attempts, state.nodes["a"].error) == (2, None)


def test_the_result_is_known_before_the_store_is_read(make: SimpleNamespace) -> None:
    """SEMANTICS 6."""
    e = make.event
    done = [e(1, EventType.NODE_FINISHED, "a", output=1), e(2, EventType.NODE_FINISHED, "b", output=2),
            e(3, EventType.CHAIN_FINISHED, status="SUCCEEDED")]  # fmt: skip
    assert run(*done).result == 2
    several = run()
    for event in done:
        module.follow(several, event, ("a", "b"))
    assert several.result == {"a": 1, "b": 2}


def test_unsettled_nodes_of_an_ended_run_read_as_cancelled(make: SimpleNamespace) -> None:
    """SEMANTICS 12."""
    e = make.event
    state = run(
        e(1, EventType.NODE_STARTED, "a"),
        e(2, EventType.CHAIN_FINISHED, status="FAILED", error={"type": "X"}),
    )
    assert {n.status for n in state.nodes.values()} == {Status.CANCELLED}
    assert (state.status, state.error, state.finished_at) == (Status.FAILED, {"type": "X"}, 1002.0)


def test_a_retried_run_opens_again(make: SimpleNamespace) -> None:
    """SEMANTICS 13: what succeeded stays."""
    e = make.event
    state = run(e(1, EventType.NODE_FINISHED, "a"), e(2, EventType.NODE_FINISHED, "b", status="FAILED"),
                e(3, EventType.CHAIN_FINISHED, status="FAILED"),
                e(4, EventType.CHAIN_STARTED, generation=2))  # fmt: skip
    assert (state.status, state.generation, state.finished_at) == (Status.RUNNING, 2, None)
    assert (state.nodes["a"].status, state.nodes["b"].status) == (Status.SUCCEEDED, Status.READY)


def test_a_retried_run_keeps_the_items_that_succeeded(make: SimpleNamespace) -> None:
    """SEMANTICS 13."""
    e = make.event
    told = [e(1, EventType.NODE_STARTED, "a", items=3), e(2, EventType.NODE_FINISHED, "a[0]"),
            e(3, EventType.NODE_STARTED, "a[1]"), e(4, EventType.CHAIN_FINISHED, status="CANCELLED"),
            e(5, EventType.CHAIN_STARTED, generation=2),
            e(6, EventType.NODE_STARTED, "a", items=3)]  # fmt: skip
    items = run(*told).nodes["a"].items
    assert items is not None
    assert [item.status for item in items] == [Status.SUCCEEDED, Status.READY, Status.READY]


def test_chunks_show_once_and_only_the_latest_attempts(make: SimpleNamespace) -> None:
    """SEMANTICS 26."""
    streams = Streams()
    assert streams.take(make.text("We ", 0)) == ("draft", "1.1.1", "text", "We ")
    assert streams.take(make.text("We ", 0)) is None
    streams.take(make.text("are", 1))
    assert streams.texts() == {"draft": "We are"}
    streams.take(make.text("I ", 0, attempt=2))
    assert streams.take(make.text("late", 2)) is None
    assert streams.texts() == {"draft": "I "}


def test_a_joined_text_stands_for_the_chunks_it_was_made_of(make: SimpleNamespace) -> None:
    """SEMANTICS 26."""
    streams = Streams()
    event = make.text("We are ", 0)
    event.data["count"] = 2
    assert streams.take(event) == ("draft", "1.1.1", "text", "We are ")
    assert streams.take(make.text("are ", 1)) is None
    assert streams.take(make.text("sorry", 2)) == ("draft", "1.1.1", "text", "sorry")
    assert streams.units["draft"].to_dict()["cut"] is False


def test_trimmed_chunks_are_admitted(make: SimpleNamespace) -> None:
    """SEMANTICS 26: a gap says so."""
    streams = Streams()
    streams.take(make.text("tail", 7))
    assert streams.units["draft"].to_dict() == {"turn": "1.1.1", "pieces": [["text", "tail"]], "cut": True}


def test_a_further_round_starts_its_text_anew(make: SimpleNamespace) -> None:
    streams = Streams()
    streams.take(make.text("first", 0))
    assert streams.take(make.text("second", 0, round=2)) == ("draft", "1.2.1", "text", "second")
    assert streams.texts() == {"draft": "second"}


def test_thinking_tools_and_log_are_apart_from_the_text(make: SimpleNamespace) -> None:
    streams = Streams()
    at = {"attempt": 1}
    for kind, value in (("thinking", "hm"), ("tool_call", {"name": "find"}), ("text", "Yes")):
        streams.take(make.event(1, EventType.NODE_OUTPUT, "a", kind=kind, value=value, **at))
    streams.take(make.event(1, EventType.NODE_LOG, "a", level="info", text="looked"))
    streams.take(make.event(1, EventType.NODE_OUTPUT, "a", kind="text", text=", sir", **at))
    streams.take(make.event(1, EventType.NODE_LOG, "a", level="info", text="again\n"))
    assert streams.units["a"].pieces == [
        ("thinking", "hm"), ("tool_call", '{"name": "find"}\n'), ("text", "Yes, sir"),
        ("log", "looked\nagain\n"),
    ]  # fmt: skip
    assert streams.texts() == {"a": "Yes, sir"}


def test_a_stream_is_bounded(make: SimpleNamespace) -> None:
    streams = Streams()
    for offset in range(200):
        streams.take(make.text("x" * 1000, offset))
    assert KEPT <= len(streams.texts()["draft"]) <= KEPT * 1.25
    assert streams.units["draft"].cut


def test_a_retried_run_streams_anew(make: SimpleNamespace) -> None:
    """SEMANTICS 13: generation 2 begins at attempt 1 again, and replaces what generation 1 streamed."""
    streams = Streams()
    streams.take(make.text("first try", 0))
    again = make.text("second", 0)
    again.data["generation"] = 2
    assert streams.take(again) == ("draft", "2.1.1", "text", "second")
    assert streams.texts() == {"draft": "second"}
