"""The live graph: keys, search, zoom, and what stays in sight."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import pytest

from tests.widgets.page import resize, tell
from tinyflow_nb.model.definition import Edge, NodeDefinition
from tinyflow_nb.model.state import NodeState
from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets.picture import node_picture


def test_arrows_follow_the_edges(make: SimpleNamespace, show: Any) -> None:
    page = show(make.suspended())
    page.locator('[data-node="intent"] .tf-box').focus()
    for key, node in (
        ("ArrowRight", "ticket"),  # the nearest
        ("ArrowDown", "draft"),
        ("ArrowRight", "approval"),
        ("ArrowLeft", "draft"),
        ("ArrowUp", "ticket"),
        ("End", "reply"),
    ):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.closest('[data-node]')?.dataset.node") == node
    assert page.locator('.tf-node:has([tabindex="0"])').get_attribute("data-node") == "reply"


def test_a_node_is_opened_by_enter_and_by_a_click(make: SimpleNamespace, show: Any) -> None:
    said = {"draft": {"turn": "1.1.1", "cut": False, "pieces": [["text", "We are"]]}}
    page = show(make.suspended(), streams=said)
    page.locator('[data-node="draft"] .tf-box').focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('[data-unit]').dataset.unit") == "draft"
    page.locator('[data-node="approval"]').click()
    assert page.evaluate("document.activeElement.closest('form').dataset.unit") == "approval"


def test_a_search_marks_what_it_finds_and_enter_goes_on(make: SimpleNamespace, show: Any) -> None:
    page = show(make.suspended())
    page.locator('[data-node="intent"] .tf-box').focus()
    page.keyboard.press("Control+f")
    page.keyboard.type("code")  # a type: ticket, lookups and reply
    names = "(all) => all.map((e) => e.dataset.node)"
    assert page.locator(".tf-match").evaluate_all(names) == ["lookups", "ticket", "reply"]
    here = page.locator(".tf-here")
    assert here.get_attribute("data-node") == "lookups"
    page.keyboard.press("Enter")
    assert here.get_attribute("data-node") == "ticket"
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    assert here.get_attribute("data-node") == "reply"
    assert page.locator(".tf-count").inner_text() == "3 of 3"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.closest('[data-node]')?.dataset.node") == "reply"
    assert page.locator(".tf-match, .tf-other, .tf-here").count() == 0


def scale(page: Any) -> float:
    shown = "(e) => e.width.baseVal.value / e.viewBox.baseVal.width"
    value: float = page.locator(".tf-canvas").evaluate(shown)
    return value


def middle(locator: Any) -> tuple[float, float]:
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_keys_and_the_wheel_zoom_and_zero_fits(make: SimpleNamespace, show: Any) -> None:
    definition = make.random_chain(100)
    page = show(None, definition)
    whole = scale(page)
    stage = page.locator(".tf-stage")
    assert stage.evaluate("(e) => e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight")
    page.locator('[data-node="node_50"] .tf-box').focus()
    for _ in range(4):
        page.keyboard.press("+")
    assert scale(page) == pytest.approx(whole * 1.25**4, rel=0.01)
    assert page.locator(".tf-minimap").is_visible()
    page.keyboard.press("-")
    assert scale(page) == pytest.approx(whole * 1.25**3, rel=0.01)
    page.keyboard.press("0")
    assert scale(page) == pytest.approx(whole, rel=0.01)
    assert page.locator(".tf-minimap").is_hidden()
    x, y = middle(stage)
    boxes = [page.locator(f'[data-node="{node.id}"]') for node in definition.nodes]
    node = min(boxes, key=lambda box: math.dist(middle(box), (x, y)))
    x, y = middle(node)
    page.mouse.move(x, y)
    page.keyboard.down("Control")
    for _ in range(8):
        page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    larger = "(than) => { const e = document.querySelector('.tf-canvas'); "
    larger += "return e.width.baseVal.value / e.viewBox.baseVal.width > than }"
    page.wait_for_function(larger, arg=whole * 4.8)  # eight times e^0.2
    assert middle(node) == pytest.approx((x, y), abs=12)  # what is under the pointer stays there


def test_a_large_graph_is_dragged(make: SimpleNamespace, show: Any) -> None:
    page = show(None, make.random_chain(100))
    stage = page.locator(".tf-stage")
    page.locator('[data-node="node_50"] .tf-box').focus()
    for _ in range(6):
        page.keyboard.press("+")
    stage.evaluate("(e) => e.scrollTo(100, 100)")
    box = stage.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 170, steps=4)
    page.mouse.up()
    assert stage.evaluate("(e) => [e.scrollLeft, e.scrollTop]") == [150, 130]


def test_what_runs_is_kept_in_sight_and_the_boxes_stay(make: SimpleNamespace, show: Any) -> None:
    nodes = [NodeDefinition(id=f"step_{i}") for i in range(30)]
    edges = [Edge(source=f"step_{i}", target=f"step_{i + 1}") for i in range(29)]
    definition = make.chain(nodes, edges)
    page = show(None, definition)
    last = page.locator('[data-node="step_29"]')
    place = last.get_attribute("transform")
    bottom = "getBoundingClientRect().bottom"
    seen = f"(e) => e.{bottom} <= document.querySelector('.tf-stage').{bottom}"
    assert not last.evaluate(seen)
    running = node_picture(nodes[29], NodeState("step_29", Status.RUNNING, started_at=1.0))
    tell(page, type="delta", seq=1, nodes={"step_29": running})
    assert last.evaluate(seen)
    assert last.get_attribute("transform") == place


def test_news_are_announced_politely_and_together(make: SimpleNamespace, show: Any) -> None:
    page = show(make.state(Status.RUNNING))
    spoken = page.locator('.tf-spoken[aria-live="polite"]')
    page.wait_for_function("document.querySelector('.tf-spoken').textContent.includes('running')")
    deltas = []
    for seq, id in enumerate(("intent", "draft"), 1):
        node = next(n for n in make.triage().nodes if n.id == id)
        nodes = {id: node_picture(node, NodeState(id, Status.SUCCEEDED))}
        deltas.append({"type": "delta", "seq": seq, "nodes": nodes})
    page.evaluate("(deltas) => deltas.forEach(window.tell)", deltas)
    page.wait_for_function("document.querySelector('.tf-spoken').textContent.includes('draft')")
    assert "intent: succeeded. draft: succeeded" in spoken.inner_text()


def test_a_graph_that_is_drawn_small_still_names_its_nodes(make: SimpleNamespace, show: Any) -> None:
    """And says which of them are done, run or wait, by shape too."""
    definition = make.random_chain(100)
    state = make.state(Status.RUNNING)
    state.nodes = {n.id: NodeState(n.id) for n in definition.nodes}
    state.nodes["node_0"] = NodeState("node_0", Status.RUNNING)
    page = show(state, definition)
    assert scale(page) < 0.4
    name = page.locator('[data-node="node_57"] .tf-name')
    assert name.text_content() == "node_57"
    assert name.bounding_box()["height"] >= 8
    assert page.locator('[data-node="node_0"] .tf-mark').is_visible()
    inside = "(e) => e.getBoundingClientRect().right <= e.closest('.tf-node').querySelector('.tf-box')"
    inside += ".getBoundingClientRect().right"
    assert all(page.locator(".tf-name").evaluate_all(f"(all) => all.map({inside})"))


def test_a_name_cut_in_a_small_graph_keeps_its_number(make: SimpleNamespace, show: Any) -> None:
    nodes = [NodeDefinition(id=f"summarise_the_chapter_{i}") for i in range(100)]
    ten = [Edge(source=a.id, target=b.id) for a, b in zip(nodes, nodes[10:], strict=False)]
    page = show(None, make.chain(nodes, ten))
    names = page.locator(".tf-name").all_text_contents()
    assert names[42].startswith("sum")
    assert names[42].endswith("…42")


def test_the_reader_makes_the_graph_taller_and_it_stays_so(make: SimpleNamespace, show: Any) -> None:
    page = show(None, make.random_chain(100))
    whole = scale(page)
    stage = page.locator(".tf-stage")
    stage.evaluate("(e) => { e.style.height = '760px' }")
    page.wait_for_function("document.querySelector('.tf-stage').clientHeight > 700")
    page.locator('[data-node="node_50"] .tf-box').focus()
    page.keyboard.press("0")
    assert scale(page) > whole * 1.05
    assert stage.evaluate("(e) => e.clientHeight") > 700


def test_a_question_mark_tells_what_the_drawing_means(make: SimpleNamespace, show: Any) -> None:
    """Of what is in it: here no node asks for another chain, no edge handles an error."""
    page = show()
    guide = page.locator(".tf-guide")
    assert guide.is_hidden()
    page.get_by_role("button", name="What it shows").click()
    told = guide.inner_text()
    for words in ("llm: asks a model", "confirm: asks a person", "hands its output on", "Click a node"):
        assert words in told
    assert "another chain" not in told
    assert "stands in" not in told
    page.keyboard.press("?")
    assert guide.is_hidden()


def test_a_graph_that_fits_has_no_tools_in_its_way(make: SimpleNamespace, show: Any) -> None:
    """They come with the pointer; only a graph that is larger than its window has them always."""
    page = show(make.suspended())
    shown = "(e) => [e.classList.contains('tf-larger'), e.scrollHeight > e.clientHeight]"
    for width in (1000, 700, 1300):
        resize(page, width)
        assert page.locator(".tf-stage").evaluate(shown) == [False, False]


def test_a_line_too_long_to_be_read_as_a_whole_is_shown_in_part(make: SimpleNamespace, show: Any) -> None:
    nodes = [NodeDefinition(id=f"step_{i}") for i in range(30)]
    edges = [Edge(source=a.id, target=b.id) for a, b in itertools.pairwise(nodes)]
    page = show(None, make.chain(nodes, edges))
    assert scale(page) == pytest.approx(0.75, abs=0.01)
    assert page.locator(".tf-minimap").is_visible()
