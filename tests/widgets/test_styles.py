"""What the live view looks like is its own: in a widget's output and in the HTML of a saved one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.widgets.page import sent, settled, tell
from tinyflow_nb_widgets.detail import unit_detail
from tinyflow_nb_widgets.styles import board_css, live_css

# As specific as those of JupyterLab for an output's HTML.
NOTEBOOK = """
.jp-ThemedContainer .jp-RenderedHTMLCommon :not(pre) > code { background: silver; padding: 1px 5px; }
.jp-ThemedContainer .jp-RenderedHTMLCommon :is(pre, code) { background: white; line-height: 1.1; }
.jp-ThemedContainer .jp-RenderedHTMLCommon :is(svg, img) { max-width: 100%; height: auto; }
.jp-ThemedContainer .jp-RenderedHTMLCommon :is(p, ul, ol, table) { margin-bottom: 14px; }
.jp-ThemedContainer .jp-RenderedHTMLCommon :is(ul, ol):not(.list-inline) { padding-left: 28px; }
.jp-ThemedContainer .jp-RenderedHTMLCommon table { table-layout: fixed; color: gray; }
.jp-ThemedContainer .jp-RenderedHTMLCommon :is(td, th, tr) { padding: 6px; text-align: right; }
.jp-ThemedContainer .jp-RenderedHTMLCommon :is(td, th, tr) { line-height: normal; max-width: none; }
.jp-ThemedContainer .jp-RenderedHTMLCommon tbody tr:nth-child(odd) { background: whitesmoke; }
"""
LOOKS = """() => [...document.querySelectorAll(".tf-live, .tf-live *")].map((e) => {
  const {backgroundColor, padding, margin, textAlign, tableLayout, color, font} = getComputedStyle(e);
  const {width, height} = e.getBoundingClientRect();
  return [e.tagName, e.getAttribute("class"), backgroundColor, padding, margin, textAlign, tableLayout, color,
    font, width, height].join("|") })"""


def test_a_notebooks_styles_for_html_do_not_reach_in(make: SimpleNamespace, show: Any) -> None:
    """The live view of an ended run stands in the HTML of its saved output."""
    rows = [{"order": 17, "item": "shoes"}, {"order": 21, "item": "laces"}]
    state = make.finished("We are **sorry**, `really`.\n\n- money back\n- a receipt\n\n```\ncode\n```")
    state.nodes["draft"].output = rows
    page = show(state)
    page.locator("[data-node=draft]").click()
    ask = next(m for m in sent(page, "ask") if m["question"]["type"] == "node")
    answer = unit_detail(make.triage(), state, "draft")
    tell(page, type="reply", id=ask["id"], ok=True, error="", answer=answer)
    page.wait_for_function("document.querySelector('.tf-details td')")
    for _ in range(4):
        page.get_by_role("button", name="Larger").click()
    page.evaluate("document.querySelectorAll('details').forEach((e) => { e.open = true })")
    settled(page)
    before = page.evaluate(LOOKS)
    page.add_style_tag(content=NOTEBOOK)
    page.evaluate("document.body.className = 'jp-ThemedContainer'")
    page.evaluate("document.querySelector('#out').className = 'jp-RenderedHTMLCommon'")
    after = page.evaluate(LOOKS)
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == []


def test_the_styles_stay_small() -> None:
    """A notebook executed by nbconvert carries them."""
    assert len(live_css()) < 40_000
    assert len(board_css()) < 40_000
