"""What axe-core finds in everything that is shown, and what a reader gets who can't see or use a mouse."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.widgets.page import acknowledge, new_page, sent, snapshot, tell
from tests.widgets.scenes import SCENES, Stage, told_of
from tinyflow_nb.model.state import NodeState
from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets.spans import spans_of

AXE = Path(__file__).resolve().parents[2] / "widgets" / "node_modules" / "axe-core" / "axe.min.js"
SCHEMES: dict[str, tuple[bool, dict[str, Any]]] = {
    "dark": (False, {"color_scheme": "dark"}),
    "forced colours over a dark theme": (False, {"forced_colors": "active"}),
}
"""Whether the notebook's theme is light, and what the system wishes besides."""
FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  if (e === document.body) return null;
  const name = [e.tagName, e.getAttribute("class"), e.getAttribute("aria-label") ?? e.textContent].join(" ");
  if (e.matches(".tf-box")) return [name, parseFloat(style.strokeWidth) >= 3 ? "" : "no stroke"];
  if (e.matches("input:not(:focus-visible)")) return [name, ""]; // in a part of its own, a date's calendar
  const width = parseFloat(style.outlineWidth);
  if (style.outlineStyle !== "solid" || width < 2) return [name, "no outline"];
  const around = parseFloat(style.outlineOffset) + width - 0.6; // rounding
  const {left, top, right, bottom} = e.getBoundingClientRect();
  for (let up = e.parentElement; up; up = up.parentElement) {
    if (getComputedStyle(up).overflowX === "visible") continue;
    const box = up.getBoundingClientRect(), [x, y] = [box.left + up.clientLeft, box.top + up.clientTop];
    const [over, under] = [top - around < y, bottom + around > y + up.clientHeight];
    if (over || under || left - around < x || right + around > x + up.clientWidth)
      return [name, `its outline is cut off by ${up.className}`];
  }
  return [name, ""];
}"""
"""The name of what has the focus, and why that can't be seen; null if nothing has it."""
ACTIVE = "document.activeElement"


@pytest.fixture
def stage(make: SimpleNamespace, show: Any, browser: Any, static: Path, request: Any) -> Stage:
    def blank() -> Any:
        page = new_page(browser, viewport={"width": 1000, "height": 800}, reduced_motion="reduce")
        request.addfinalizer(page.close)
        return page

    return Stage(make, show, blank, static)


@pytest.fixture
def findings() -> Callable[..., list[str]]:
    """What axe-core finds, whatever it calls it: by all its rules, or by one."""
    if not AXE.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no axe-core here: make front-end")

    def look(page: Any, rule: str = "") -> list[str]:
        if not page.evaluate("window.axe"):
            page.evaluate(AXE.read_text())
        options = {"runOnly": [rule]} if rule else {"rules": {"target-size": {"enabled": True}}}
        found = page.evaluate(
            "(options) => axe.run(document.querySelector('#out') ?? document, options)",
            {**options, "resultTypes": ["violations"]},
        )
        assert rule or found["passes"]
        return [
            f"{v['impact']} {v['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
            for v in found["violations"] for node in v["nodes"]
        ]  # fmt: skip

    return look


def dress(page: Any, light: bool, wishes: dict[str, Any]) -> None:
    system = {"color_scheme": "light", "forced_colors": "none", "reduced_motion": "reduce"}
    page.emulate_media(**{**system, **wishes})
    page.evaluate("(light) => { document.body.dataset.jpThemeLight = light }", str(light).lower())


@pytest.mark.parametrize("scene", SCENES)
def test_axe_finds_nothing(stage: Stage, findings: Callable[..., list[str]], scene: str) -> None:
    """In light by all its rules; what else depends on the scheme is colours."""
    page = SCENES[scene](stage)
    dress(page, True, {})
    assert findings(page) == []
    for scheme, (light, wishes) in SCHEMES.items():
        dress(page, light, wishes)
        assert (scheme, findings(page, "color-contrast")) == (scheme, [])
    assert page.problems == []


@pytest.mark.parametrize(
    "scene", ["large", "panel, table", "panel, failure", "nested", "timeline", "form, wrong", "inbox", "runs"]
)
def test_every_stop_of_tab_is_seen_and_none_is_a_trap(stage: Stage, scene: str) -> None:
    page = SCENES[scene](stage)
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(f"{ACTIVE}.blur()")
    page.mouse.click(2, 2)
    stops = []
    for _ in range(150):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop is None:
            break
        stops.append(stop)
    assert stop is None, f"Tab never leaves {stops[-1]}"
    assert [(name, wrong) for name, wrong in stops if wrong] == []
    assert len(stops) > 4


def test_a_form_is_found_and_answered_by_tab_alone(make: SimpleNamespace, show: Any) -> None:
    """From the graph's waiting node to the sent answer, and the record of it."""
    page = show(make.suspended(initial={"text": "We are sorry."}))
    for _ in range(12):  # Stop, the graph's one stop
        page.keyboard.press("Tab")
        if page.evaluate(f"{ACTIVE}.closest('[data-node]')?.dataset.node"):
            break
    assert page.evaluate(f"{ACTIVE}.closest('[data-node]')?.dataset.node") == "intent"
    for key in ("ArrowRight", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    assert "your turn" in page.evaluate(f"{ACTIVE}.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{ACTIVE}.textContent") == "Yes"
    page.keyboard.press("Space")
    assert page.evaluate(f"{ACTIVE}.getAttribute('aria-pressed')") == "true"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    page.keyboard.type(" Money is on its way.")
    page.keyboard.press("Tab")
    assert page.evaluate(f"{ACTIVE}.textContent") == "Send answer"
    page.keyboard.press("Enter")
    answer = {"approved": True, "text": "We are sorry. Money is on its way."}
    assert sent(page, "action")[0]["action"]["answer"] == answer
    assert page.evaluate(f"{ACTIVE}.matches('.tf-form')"), "the fields are switched off, the form is not"
    acknowledge(page)
    done = snapshot(make.triage(), make.finished())
    tell(page, type="delta", seq=1, forms=[], run=done["run"], nodes=done["nodes"])
    assert page.evaluate(f"{ACTIVE}.closest('[data-node]').dataset.node") == "approval", "the form has gone"
    page.wait_for_function("document.querySelector('.tf-spoken').textContent.includes('succeeded')")


def test_what_is_asked_and_what_is_wrong_is_read_out_with_the_field(stage: Stage) -> None:
    page = SCENES["form, wrong"](stage)
    told = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.tf-form [data-field]')].map((field) => ["
        "field.dataset.field, (field.matches('fieldset') ? field : field.querySelector('[aria-describedby]'))"
        ".getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id).textContent)]))"
    )
    wanted = "Please fill this in."
    assert told["name"] == ["what is asked for, number 0", wanted]
    assert told["yes"] == ["what is asked for, number 1", wanted]
    assert told["share"] == ["what is asked for, number 7", "Must be at most 1."]
    assert told["lines"] == ["what is asked for, number 10", ""]


def test_the_panel_gives_the_focus_back_to_where_it_was_opened(make: SimpleNamespace, show: Any) -> None:
    node = NodeState("draft", Status.RUNNING, started_at=1001.0)
    definition, state = told_of(make, node)
    page = show(state, definition, spans=spans_of(definition, state))
    page.locator('[data-node="draft"] .tf-box').focus()
    page.keyboard.press("Enter")
    assert page.evaluate(f"{ACTIVE}.matches('.tf-details')")
    page.keyboard.press("Escape")
    assert page.evaluate(f"{ACTIVE}.closest('[data-node]').dataset.node") == "draft"
    page.get_by_role("button", name="Timeline").focus()
    page.keyboard.press("Enter")
    page.locator(".tf-row").nth(1).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate(f"{ACTIVE}.textContent") == "Close"
    page.keyboard.press("Enter")
    assert page.evaluate(f"{ACTIVE}.dataset.unit") == "draft", "its row, though all rows have moved since"


def test_a_row_of_the_timeline_can_be_pressed_while_time_goes_on(make: SimpleNamespace, show: Any) -> None:
    node = NodeState("draft", Status.RUNNING, started_at=1001.0)
    definition, state = told_of(make, node)
    page = show(state, definition, spans=spans_of(definition, state))
    tell(page, type="hello", seq=0, now=1002.0)
    page.get_by_role("button", name="Timeline").click()
    box = "document.querySelector('[data-unit=draft] .tf-took').getBoundingClientRect().toJSON()"
    took = page.evaluate(box)  # it is another one at every tick, at the same place
    page.mouse.move(took["x"] + took["width"] / 2, took["y"] + took["height"] / 2)
    page.mouse.down()
    before = page.locator(".tf-pill").inner_text()
    clock = "(was) => document.querySelector('.tf-pill').innerText !== was"
    page.wait_for_function(clock, arg=before)
    page.mouse.up()
    page.wait_for_function("document.querySelector('.tf-details .tf-chain')?.textContent === 'draft'")


def test_a_button_that_goes_leaves_the_focus_in_the_view(make: SimpleNamespace, show: Any) -> None:
    """Stop is gone once the run has ended: without the focus keys would be the notebook's commands."""
    page = show(make.state(Status.RUNNING, NodeState("draft", Status.RUNNING)))
    page.get_by_role("button", name="Stop").focus()
    page.keyboard.press("Enter")
    acknowledge(page)
    done = snapshot(make.triage(), make.state(Status.CANCELLED, finished_at=1002.0))
    tell(page, type="delta", seq=1, run=done["run"], nodes=done["nodes"])
    assert page.evaluate(f"{ACTIVE}.closest('[data-node]') !== null")


def test_less_motion_is_respected(make: SimpleNamespace, show: Any) -> None:
    page = show(
        make.state(Status.RUNNING, NodeState("intent", Status.SUCCEEDED), NodeState("draft", Status.RUNNING)),
        streams={"draft": {"turn": "1.1.1", "cut": False, "pieces": [["text", "We"]]}},
    )
    names = "document.getAnimations().map((a) => a.animationName)"
    assert {"tf-flow", "tf-turn", "tf-blink"} <= set(page.evaluate(names))
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(names) == []
    assert page.evaluate("getComputedStyle(document.querySelector('.tf-node')).transitionDuration") == "0s"


@pytest.mark.parametrize("light", [True, False], ids=["light", "dark"])
@pytest.mark.parametrize("media", [{"forced_colors": "active"}, {"contrast": "more"}], ids=["forced", "more"])
def test_a_reader_who_asks_for_contrast_gets_it(
    make: SimpleNamespace, show: Any, media: dict[str, Any], light: bool
) -> None:
    page = show(make.suspended(), dark=not light)
    page.emulate_media(reduced_motion="reduce")
    caption = "getComputedStyle(document.querySelector('[data-node=ticket] .tf-caption')).fill"
    faded = "getComputedStyle(document.querySelector('[data-node=ticket]')).opacity"
    before = page.evaluate(caption)
    assert page.evaluate(faded) < "1"
    page.emulate_media(**media)
    assert page.evaluate(caption) != before
    assert page.evaluate(faded) == "1"
