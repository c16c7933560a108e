"""What is on the page stays where it is: only colours, marks and words change, and news come below."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.widgets.page import resize, snapshot, tell
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb.model.status import Status

PLACES = """() => [...document.querySelectorAll(".tf-node, .tf-head, .tf-stage, .tf-bar .tf-toggle, .tf-run")]
  .map((e) => { const {x, y, width, height} = e.getBoundingClientRect();
    return [e.dataset.node ?? e.className.baseVal ?? e.className, x, y, width, height].join(" ") })"""


def told(page: Any, make: SimpleNamespace, seq: int, state: ChainState, **more: Any) -> None:
    picture = snapshot(make.triage(), state)
    parts = {part: picture[part] for part in ("run", "nodes", "forms", "answers", "spans")}
    tell(page, type="delta", seq=seq, **parts, **more)


@pytest.mark.parametrize("width", [700, 1000, 1600])
def test_no_status_moves_a_node_a_button_or_the_graphs_edge(
    make: SimpleNamespace, show: Any, width: int
) -> None:
    usage: dict[str, Any] = {"input_tokens": 31_200, "output_tokens": 5_800}
    took: dict[str, Any] = {"started_at": 1000.0, "finished_at": 1009.0}
    items = [NodeState(f"lookups[{i}]", Status.SUCCEEDED if i < 12 else Status.READY) for i in range(40)]
    running = make.state(
        Status.RUNNING, NodeState("intent", Status.SUCCEEDED, cached=True, usage=usage, **took),
        NodeState("lookups", Status.RUNNING, items=items, started_at=1001.0),
        NodeState("draft", Status.READY, attempts=2, started_at=1001.0),
        NodeState("ticket", Status.SKIPPED, reason="its condition was false"),
    )  # fmt: skip
    stopped = make.state(
        Status.CANCELLED, *(NodeState(n, Status.CANCELLED) for n in running.nodes), finished_at=1300.0
    )
    page = show(make.state(Status.RUNNING))
    resize(page, width)
    before = page.evaluate(PLACES)
    assert len(before) == 6 + 4
    for seq, state in enumerate((running, make.suspended(), make.failed(), stopped, make.finished()), 1):
        told(page, make, seq, state)
        assert page.evaluate(PLACES) == before, state.status


def test_a_form_and_the_record_of_its_answer_come_below_what_was_said(
    make: SimpleNamespace, show: Any
) -> None:
    said = {"draft": {"turn": "1.1.1", "cut": False, "pieces": [["text", "We are sorry.\n" * 5]]}}
    page = show(make.state(Status.RUNNING, NodeState("draft", Status.RUNNING)), streams=said)
    block = page.locator('.tf-block[data-unit="draft"]')
    before = block.bounding_box()
    told(page, make, 1, make.suspended())
    form = page.locator(".tf-form").bounding_box()
    assert form["y"] > before["y"] + before["height"]
    assert block.bounding_box() == before
    told(page, make, 2, make.finished())
    assert page.locator(".tf-form").count() == 0
    assert block.bounding_box() == before


def test_a_node_that_begins_again_keeps_the_room_of_what_it_said(make: SimpleNamespace, show: Any) -> None:
    said = {"draft": {"turn": "1.1.1", "cut": False, "pieces": [["text", "We are sorry.\n" * 20]]}}
    page = show(make.state(Status.RUNNING, NodeState("draft", Status.RUNNING)), streams=said)
    height = "document.querySelector('.tf-live').offsetHeight"
    before = page.evaluate(height)
    tell(page, type="delta", seq=1, text=[["draft", "1.1.2", "text", "Dear"]])
    assert page.locator('[data-unit="draft"] .tf-stream').inner_text() == "Dear"
    assert page.evaluate(height) == before
