"""What is told of one node, when what ran, and a view below a view."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tinyflow_nb.model.definition import Each, InputDefinition, NodeDefinition, Parameter
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.state import NodeState
from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets import render_html, render_mermaid
from tinyflow_nb_widgets.detail import LARGEST, bounded, failure, source_of, unit_detail
from tinyflow_nb_widgets.remedies import remedy
from tinyflow_nb_widgets.spans import MOST_UNITS, Spans


def kinds(spans: Spans, unit: str) -> list[tuple[str, float, float | None]]:
    return [(span["kind"], span["began"], span["ended"]) for span in spans.units[unit]]


def test_waiting_is_told_apart_from_running(make: SimpleNamespace) -> None:
    """SEMANTICS 10, 11: between its parents' end and its start, and between two attempts."""
    spans = Spans(make.triage())
    e, error = make.event, {"type": "ValueError", "message": "no"}
    for event in [
        e(1, EventType.CHAIN_STARTED), e(2, EventType.NODE_STARTED, "intent"),
        e(3, EventType.NODE_STARTED, "lookups"), e(4, EventType.NODE_FINISHED, "intent"),
        e(5, EventType.NODE_FINISHED, "lookups"), e(7, EventType.NODE_STARTED, "draft"),
        e(8, EventType.NODE_RETRYING, "draft", error=error),
        e(11, EventType.NODE_STARTED, "draft", attempt=2),
        e(12, EventType.NODE_FINISHED, "draft", attempt=2), e(13, EventType.NODE_SUSPENDED, "approval"),
    ]:  # fmt: skip
        spans.take(event)
        assert spans.take(event) == set(), "it was taken already"
    assert kinds(spans, "intent") == [("wait", 1001, 1002), ("run", 1002, 1004)]
    assert kinds(spans, "draft") == [
        ("wait", 1005, 1007), ("run", 1007, 1008), ("wait", 1008, 1011), ("run", 1011, 1012),
    ]  # fmt: skip
    assert spans.units["draft"][1]["error"] == "ValueError: no"
    assert kinds(spans, "approval")[-1] == ("ask", 1013, None)
    assert spans.take(e(14, EventType.CHAIN_FINISHED)) == {"approval"}
    assert kinds(spans, "approval")[-1] == ("ask", 1013, 1014)


def test_ten_thousand_items_have_bounded_spans(make: SimpleNamespace) -> None:
    """SEMANTICS 8."""
    spans = Spans(make.triage())
    for seq in range(1, 10_001):
        spans.take(make.event(seq, EventType.NODE_STARTED, f"lookups[{seq}]"))
    assert len(spans.units) == MOST_UNITS


def test_inputs_are_what_the_node_received(make: SimpleNamespace) -> None:
    """SEMANTICS 2, 5: a handler's output, a default, an item; what was skipped says so."""

    def reads(name: str, source: Any, reference: str = "") -> Parameter:
        return Parameter(name=name, source=source, reference=reference or name, required=False)

    triage = make.triage()
    draft = NodeDefinition(id="draft", each=Each(variables=("doc",), items="lookups"), parameters=(
        reads("intent", "node"), reads("ticket", "node"), reads("top", "input"), reads("doc", "item"),
        reads("size", "expression", "lookups | length"),
    ))  # fmt: skip
    nodes = tuple(draft if node.id == "draft" else node for node in triage.nodes)
    inputs = (*triage.inputs, InputDefinition(name="x"))
    definition = triage.model_copy(update={"nodes": nodes, "inputs": inputs})
    state = make.state(
        Status.RUNNING, NodeState("intent", Status.FAILED, handled_by="reply"),
        NodeState("reply", Status.SUCCEEDED, output="stood in"), NodeState("ticket", Status.SKIPPED),
        NodeState("lookups", Status.SUCCEEDED, output=["a", "b"]),
        NodeState("draft", Status.RUNNING, items=[NodeState("draft[0]"), NodeState("draft[1]")]),
        inputs={"question": "why?"},
    )  # fmt: skip
    detail = unit_detail(definition, state, "draft[1]")
    assert detail is not None
    found = {value["name"]: value["value"] if value["known"] else value["note"] for value in detail["inputs"]}
    assert found == {
        "intent": "stood in", "ticket": "skipped", "top": 5, "doc": "b", "size": 2,
        "lookups": ["a", "b"],
    }  # fmt: skip
    sources = {value["name"]: value["source"] for value in detail["inputs"]}
    assert sources["size"] == "= lookups | length"
    assert unit_detail(definition, state, "draft[2]") is None
    assert unit_detail(definition, state, "nothing") is None


def test_the_source_begins_at_the_decorator_and_the_failing_line_is_marked(make: SimpleNamespace) -> None:
    definition = make.triage()
    assert source_of(definition, "draft")["line"] == 3
    assert source_of(definition, "intent") == {"line": 0, "text": ""}
    told = failure(definition, {"type": "ValueError", "message": "no", "line": 4})
    assert told is not None
    assert [number for number, _ in told["excerpt"]] == [2, 3, 4, 5]
    assert "<i>4</i>def draft" in render_html(definition, make.failed())


def test_a_value_too_large_for_a_page_is_cut() -> None:
    assert bounded({"a": 1}) == {"a": 1}
    for value in ("x" * (LARGEST + 1), ["x" * 1000] * 300):
        assert LARGEST < len(bounded(value)) < LARGEST + 100


@pytest.mark.parametrize(("error", "words"), [
    ({"type": "SecretMissing", "message": "the secret KEY is missing: set it"}, 'os.environ["KEY"]'),
    ({"message": "model 'm' needs the environment variable KEY, which is not set"}, "getpass.getpass()"),
    ({"type": "ModuleNotFoundError", "message": "No module named 'pandas.io'"}, "%pip install pandas."),
    ({"type": "WrongType", "message": "draft takes int, not 'x'"}, "annotation agree"),
    ({"type": "ModelError", "message": "model 'm': can't be reached"}, "%tinyflow doctor"),
    ({"type": "ModelUnusable", "types": ["ModelError"], "message": "check the key"}, "The key"),
    ({"type": "ModelError", "message": "gave no valid Reply", "answer": "{}"}, "return annotation"),
    ({"type": "NotTrusted", "message": "unknown"}, "%tinyflow trust"),
    ({"type": "Timeout", "message": "late"}, "timeout="),
    ({"type": "KeyError", "message": "x"}, ""),
])  # fmt: skip
def test_what_to_do_is_said_where_it_is_known(error: dict[str, Any], words: str) -> None:
    told = remedy(error)
    assert words in told
    assert bool(told) == bool(words)


def test_mermaid_names_nothing_by_the_words_of_a_chain(make: SimpleNamespace) -> None:
    text = render_mermaid(make.triage())
    assert text.startswith("flowchart LR\n")
    assert '    n3{{"approval"}}\n' in text
    assert "    n0 -.-> n2\n" in text
    hostile = render_mermaid(make.chain([NodeDefinition(id='end"]; click n0 call x()')], []))
    assert hostile.count('"') == 2
    assert "(" not in hostile
