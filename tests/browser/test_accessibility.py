"""In JupyterLab itself: no mouse, and what axe-core finds under Lab's own themes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.browser.conftest import OpenNotebook
from tests.browser.test_lab import ASKING, look, statuses_in

pytestmark = pytest.mark.timeout(180)

AXE = Path(__file__).resolve().parents[2] / "widgets" / "node_modules" / "axe-core" / "axe.min.js"
FOCUSED = "document.activeElement"


def test_a_chain_is_run_and_answered_by_keyboard_alone(open_notebook: OpenNotebook) -> None:
    page = open_notebook("keyboard", [ASKING, "await support_triage.last"])
    keys = page.page.keyboard
    page.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.command("notebook:enter-command-mode")
    for _ in range(2):
        keys.press("Shift+Enter")
    page.page.locator(".tf-form").wait_for()
    for _ in range(60):
        if page.page.evaluate(f"{FOCUSED}.closest('.tf-live [data-node]') !== null"):
            break
        keys.press("Shift+Tab")  # the cell below has the focus: back into the output
    for _ in range(8):
        if page.page.evaluate(f"{FOCUSED}.getAttribute('aria-label')?.includes('your turn') ?? false"):
            break
        keys.press("ArrowRight")
    keys.press("Enter")
    assert page.page.evaluate(f"{FOCUSED}.textContent") == "Yes"
    keys.press("Space")
    keys.press("Tab")
    keys.press("Tab")
    keys.type("Dear Ada, ")
    keys.press("Control+Enter")
    picture = page.last_picture()
    assert sorted(statuses_in(picture)) == ["SKIPPED", *["SUCCEEDED"] * 4]
    assert "Dear Ada, " in picture["text/plain"]


def test_axe_finds_nothing_serious_under_labs_themes(open_notebook: OpenNotebook) -> None:
    if not AXE.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no axe-core here: make front-end")
    page = open_notebook("axe", [ASKING])
    page.run_all()
    page.page.locator(".tf-form").wait_for()
    page.page.evaluate(AXE.read_text())
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        look(page, theme, theme.replace(" ", "-").lower())
        found = page.page.evaluate("axe.run('.tf-live')")
        assert found["passes"]
        serious = [f for f in found["violations"] if f["impact"] in ("serious", "critical")]
        assert [(f["id"], n["html"], n["failureSummary"]) for f in serious for n in f["nodes"]] == []
    page.command("apputils:change-theme", {"theme": "JupyterLab Light"})
    page.until("() => document.body.dataset.jpThemeName === 'JupyterLab Light'")
