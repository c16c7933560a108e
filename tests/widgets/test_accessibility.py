"""What axe-core finds in the live view, and what a reader gets who can't see or use a mouse."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.widgets.page import acknowledge, sent, snapshot, tell
from tinyflow_nb.model.state import NodeState
from tinyflow_nb.model.status import Status

AXE = Path(__file__).resolve().parents[2] / "widgets" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture
def findings() -> Callable[[Any], list[str]]:
    """What axe-core calls serious or critical."""
    if not AXE.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no axe-core here: make front-end")

    def look(page: Any) -> list[str]:
        page.add_script_tag(path=str(AXE))
        page.evaluate(
            "Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations === 1)"
            ".map((a) => a.finished))"
        )
        found = page.evaluate("axe.run('#out')")
        assert found["passes"]
        return [
            f"{v['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
            for v in found["violations"] if v["impact"] in ("serious", "critical") for node in v["nodes"]
        ]  # fmt: skip

    return look


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("what", ["running", "suspended", "failed", "finished", "large"])
def test_axe_finds_nothing_serious(
    make: SimpleNamespace, show: Any, findings: Callable[[Any], list[str]], what: str, dark: bool
) -> None:
    said = {
        "draft": {"turn": "1.1.1", "cut": True, "pieces": [["thinking", "hm"], ["text", "We"], ["log", "x"]]}
    }
    form = make.suspended(initial={"text": "We are sorry."})
    items = [NodeState(f"lookups[{i}]", Status.SUCCEEDED) for i in range(3)]
    running = make.state(
        Status.RUNNING, NodeState("lookups", Status.RUNNING, items=items), NodeState("draft", Status.RUNNING),
        NodeState("ticket", Status.SKIPPED, reason="its condition was false"),
    )  # fmt: skip
    state, definition = {
        "running": (running, None), "suspended": (form, None), "failed": (make.failed(), None),
        "finished": (make.finished(), None), "large": (None, make.random_chain(80)),
    }[what]  # fmt: skip
    page = show(state, definition, dark=dark, streams={} if what == "large" else said)
    if what == "suspended":
        page.get_by_role("button", name="Send answer").click()  # with what is wrong at its field
    if what == "large":
        page.locator('[data-node="node_1"] .tf-box').focus()
        page.keyboard.press("/")
        page.keyboard.type("node_2")
    assert findings(page) == []


def test_a_form_is_found_and_answered_by_tab_alone(make: SimpleNamespace, show: Any) -> None:
    """From the graph's waiting node to the sent answer, and the record of it."""
    page = show(make.suspended(initial={"text": "We are sorry."}))
    focused = "document.activeElement"
    for _ in range(12):  # Stop, the graph's one stop
        page.keyboard.press("Tab")
        if page.evaluate(f"{focused}.closest('[data-node]')?.dataset.node"):
            break
    assert page.evaluate(f"{focused}.closest('[data-node]')?.dataset.node") == "intent"
    for key in ("ArrowRight", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    assert "your turn" in page.evaluate(f"{focused}.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{focused}.textContent") == "Yes"
    page.keyboard.press("Space")
    assert page.evaluate(f"{focused}.getAttribute('aria-pressed')") == "true"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    page.keyboard.type(" Money is on its way.")
    page.keyboard.press("Tab")
    assert page.evaluate(f"{focused}.textContent") == "Send answer"
    page.keyboard.press("Enter")
    answer = {"approved": True, "text": "We are sorry. Money is on its way."}
    assert sent(page, "action")[0]["action"]["answer"] == answer
    acknowledge(page)
    known = {"unit": "approval", "node": "approval", "who": "ada", "at": 5, "fields": [["Approved", "yes"]]}
    done = snapshot(make.triage(), make.finished())
    tell(page, type="delta", seq=1, forms=[], answers=[known], run=done["run"], nodes=done["nodes"])
    page.wait_for_function("document.querySelector('.tf-spoken').textContent.includes('succeeded')")
    assert "approval answered by ada" in page.locator(".tf-answer").inner_text()


def test_less_motion_is_respected(make: SimpleNamespace, show: Any) -> None:
    page = show(
        make.state(Status.RUNNING, NodeState("intent", Status.SUCCEEDED), NodeState("draft", Status.RUNNING))
    )
    names = "document.getAnimations().map((a) => a.animationName)"
    assert "tf-flow" in page.evaluate(names)
    page.emulate_media(reduced_motion="reduce")
    assert "tf-flow" not in page.evaluate(names)
    assert page.evaluate("getComputedStyle(document.querySelector('.tf-node')).transitionDuration") == "0s"


@pytest.mark.parametrize("media", [{"forced_colors": "active"}, {"contrast": "more"}], ids=["forced", "more"])
def test_a_reader_who_asks_for_contrast_gets_it(
    make: SimpleNamespace, show: Any, media: dict[str, Any]
) -> None:
    page = show(make.suspended())
    faded = "getComputedStyle(document.querySelector('[data-node=ticket] .tf-caption')).fill"
    before = page.evaluate(faded)
    page.emulate_media(**media)
    assert page.evaluate(faded) != before
