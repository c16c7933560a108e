"""The node panel, the timeline and the saved picture, in JupyterLab itself."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.browser.conftest import IN_BOTH, OpenNotebook
from tests.browser.test_lab import ASKING

FAILING = """%%tinyflow bad -i n=0
def rows(n: int) -> list[dict]:
    print("looking")
    return [{"order": 1, "price": 2.5}, {"order": 2, "price": 4}]

def share(rows, n: int) -> float:
    return len(rows) / n
"""
NESTED = """%%tinyflow outer -i topic=shoes
@chain("inner")
def summary(topic) -> str: ...

def shout(summary: str) -> str:
    return summary.upper()
"""
INNER = """%%tinyflow inner --no-run
topic: str

@confirm
def fine(topic) -> bool:
    "Is it fine?"

def told(topic, fine: bool) -> str:
    return f"{topic} {fine}"
"""


@IN_BOTH
def test_a_failed_node_tells_what_it_was_given_and_where_it_failed(open_notebook: OpenNotebook) -> None:
    page = open_notebook("panel", [FAILING])
    page.run_all()
    page.until_kept("failed")
    error = page.page.locator(".tf-live .tf-error")
    assert "return len(rows) / n" in error.locator(".tf-marked").inner_text()
    error.get_by_role("button", name="Why?").click()
    panel = page.page.locator(".tf-details")
    panel.locator("[data-section=inputs] table").wait_for()
    assert panel.locator("[data-section=inputs] td").all_inner_texts() == ["1", "2.5", "2", "4"]
    assert "division by zero" in panel.locator(".tf-errortitle").inner_text()
    panel.locator("[data-section=source] summary").click()
    assert "def share(rows, n: int)" in panel.locator("[data-section=source]").inner_text()
    page.page.locator("[data-node=rows]").click()
    page.until("() => document.querySelector('.tf-details .tf-chain')?.textContent === 'rows'")
    page.until("() => document.querySelector('[data-section=log]')?.textContent.includes('looking')")
    page.screenshot("panel")
    page.page.locator(".tf-live").get_by_role("button", name="Timeline").click()
    page.until_count(".tf-row", 2)
    page.screenshot("timeline")


def test_the_page_of_a_run_opens_without_a_script(open_notebook: OpenNotebook) -> None:
    page = open_notebook("page", [FAILING])
    page.run_all()
    page.until_kept("failed")
    with page.page.context.expect_page() as opened:
        page.page.locator(".tf-live").get_by_role("button", name="HTML").click()
    opened.value.locator("h1").wait_for()
    opened.value.wait_for_load_state()
    assert opened.value.locator("h1").inner_text() == "bad"
    assert opened.value.locator(".tf-unit").count() == 2


@pytest.mark.parametrize(("name", "cell"), [("failed", FAILING), ("suspended", ASKING)])
def test_a_dead_kernel_leaves_a_picture_and_the_way_on(
    open_notebook: OpenNotebook, server: tuple[str, Path], name: str, cell: str
) -> None:
    """Rule 42: live until the kernel dies, then what a file can show; never an error."""
    page = open_notebook(f"dead-{name}", [cell, "import os\nprint(os.getpid())"])
    page.command("notebook:run-cell-and-select-next")
    page.until_executed(0)
    page.command("notebook:run-cell-and-select-next")
    page.page.locator(".tf-place .tf-live").wait_for()
    page.command("notebook:run-cell-and-select-next")
    page.until_executed(2)
    page.until_kept({"failed": "failed", "suspended": "waiting for you"}[name])
    live = page.page.locator(".tf-live")
    assert live.count() == 1
    assert not page.page.locator(".tf-kept").is_visible(), "the live view is in the picture's place"
    if name == "suspended":
        live.locator("textarea").fill("typed")
    page.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    saved = json.loads((server[1] / f"dead-{name}.ipynb").read_text())
    assert "application/vnd.jupyter.widget-view+json" not in saved["cells"][1]["outputs"][0]["data"]
    os.kill(int(page.text(2)), signal.SIGKILL)
    page.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.open()
    page.page.locator(".tf-kept").wait_for()
    assert "Error displaying widget" not in page.page.locator(".jp-Notebook").inner_text()
    assert re.search(r"%tinyflow (attach|retry) \w+", page.page.locator(".tf-kept").inner_text())
    page.screenshot(f"dead-{name}")


@IN_BOTH
def test_a_page_that_is_opened_again_finds_its_live_view(open_notebook: OpenNotebook) -> None:
    """Rule 42: the kernel still knows it."""
    page = open_notebook("again", [ASKING])
    page.run_all()
    page.page.locator(".tf-place .tf-live .tf-form").wait_for()
    page.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    page.open()
    form = page.page.locator(".tf-place .tf-live .tf-form")
    form.wait_for()
    form.get_by_role("button", name="Yes").click()
    form.get_by_role("button", name="Send answer").click()
    page.until("() => document.querySelector('.tf-place .tf-pill')?.dataset.status === 'SUCCEEDED'")
    assert page.page.locator(".tf-place .tf-result").inner_text().strip()


@IN_BOTH
def test_a_chain_below_folds_open_lives_and_is_answered_there(open_notebook: OpenNotebook) -> None:
    page = open_notebook("below", [INNER, NESTED, "await outer.last.finished()"])
    page.run_all()
    page.page.locator(".tf-live [data-node=summary][data-status=SUSPENDED]").wait_for()
    page.page.locator(".tf-live [data-node=summary]").click()
    below = page.page.locator(".tf-nested")
    form = below.locator(".tf-form")
    form.wait_for()
    page.until(
        "() => [...document.querySelectorAll('.tf-nested .tf-crumb')].map((e) => e.innerText).join()"
        " === 'outer,summary'"
    )
    page.screenshot("below")
    form.get_by_role("button", name="Yes").click()
    page.until("() => document.querySelector('.tf-nested [data-node=told]')?.dataset.status === 'SUCCEEDED'")
    page.until_executed(3)
    assert page.text(3) == "'SHOES TRUE'"
