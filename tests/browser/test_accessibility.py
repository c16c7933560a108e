"""In JupyterLab itself: no mouse, and what axe-core finds under Lab's own themes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.browser.conftest import IN_BOTH, OpenNotebook, Page
from tests.browser.test_lab import ASKING, look, statuses_in

AXE = Path(__file__).resolve().parents[2] / "widgets" / "node_modules" / "axe-core" / "axe.min.js"
SEEN = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  return e.matches(".tf-box") ? parseFloat(style.strokeWidth) > 2 : style.outlineStyle === "solid";
}"""
"""Whether what has the focus shows it."""


CELLS = """() => jupyterapp.shell.currentWidget.content.widgets.map(
  ({model}) => [model.type, model.sharedModel.getSource()])"""


class Hands:
    """A reader who has a keyboard alone."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.keys = page.page.keyboard

    def focused(self, what: str) -> bool:
        """Whether a selector fits what has the focus."""
        found: bool = self._page.page.evaluate(f"document.activeElement.matches({what!r})")
        return found

    def go(self, key: str, what: str) -> None:
        """Press a key until a selector fits; inside the view the focus is always to be seen."""
        for _ in range(80):
            if self.focused(what):
                self._page.until(f"({SEEN})()")
                return
            self.keys.press(key)
        here = self._page.page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        pytest.fail(f"{key} does not come to {what}, but to {here}")

    def until_at(self, what: str) -> None:
        self._page.until("(what) => document.activeElement.matches(what)", what)

    def command_mode(self) -> None:
        """The notebook hears its own keys."""
        self._page.command("notebook:enter-command-mode")
        self.until_at(".jp-Notebook, .jp-Notebook *")

    def says(self, what: str, text: str) -> None:
        self._page.until(
            "([what, text]) => document.querySelector(what)?.textContent.includes(text)", [what, text]
        )


def by_keyboard_alone(page: Page) -> None:
    """The cell is run, its form answered wrongly, then rightly; a node, the timeline, the search, a board."""
    hands = Hands(page)
    keys = hands.keys
    page.page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    hands.command_mode()
    for _ in range(2):
        keys.press("Shift+Enter")
    page.until_kept("waiting for you")
    hands.go("Shift+Tab", ".tf-live .tf-box")  # the cell below has the focus: back into the output
    hands.go("ArrowRight", "[data-node=approval] .tf-box")
    keys.press("Enter")
    hands.until_at("[data-field=approved] button")  # the form, at its first field
    keys.press("Control+Enter")
    hands.says("[data-field=approved] .tf-problem", "Please fill this in.")
    hands.until_at("[data-field=approved] button")
    keys.press("Space")
    hands.go("Tab", ".tf-form textarea")
    keys.type("Dear Ada, dd ")
    keys.press("Control+Enter")
    picture = page.last_picture()
    assert sorted(statuses_in(picture)) == ["SKIPPED", *["SUCCEEDED"] * 4]
    assert "Dear Ada, dd " in picture["text/plain"]
    page.until_kept("succeeded")
    hands.until_at(".tf-live .tf-box")  # the form has gone, the reader has not

    hands.go("ArrowLeft", "[data-node=draft] .tf-box")
    keys.press("Enter")
    hands.until_at(".tf-details")
    page.page.locator("[data-section=output]:not([hidden])").wait_for()
    hands.go("Tab", "[data-section=output] summary")
    keys.press("Enter")
    page.page.locator("[data-section=output] .tf-markdown").wait_for(state="hidden")
    hands.go("Tab", "[data-section=source] summary")
    keys.press("Escape")
    hands.until_at("[data-node=draft] .tf-box")

    keys.press("/")
    keys.type("reply")
    hands.says(".tf-count", "1 of 1")
    keys.press("Escape")
    hands.until_at("[data-node=reply] .tf-box")

    hands.go("Shift+Tab", ".tf-toggle")
    keys.press("Enter")
    hands.go("Tab", ".tf-row")
    keys.press("Enter")
    hands.until_at(".tf-details")
    keys.press("Escape")
    hands.until_at(".tf-row")
    cells = page.page.evaluate(CELLS)
    for key in ("a", "ArrowDown", "b", "d", "d", "m", "x", "ArrowUp"):
        keys.press(key)  # the notebook's own commands: to add, to cut, to delete a cell, to go to another
    assert page.page.evaluate(CELLS) == cells, "none was taken for one"
    hands.until_at(".tf-row")

    page.page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex = 2")
    hands.command_mode()
    keys.press("Shift+Enter")
    board = ".tf-board"
    page.page.locator(f"{board} tbody tr").first.wait_for()
    hands.command_mode()
    hands.go("Shift+Tab", f"{board} button")
    hands.go("Shift+Tab", f"{board} th button")
    keys.press("Enter")
    hands.until_at(".tf-board th[aria-sort$=scending] *")
    hands.go("Tab", f"{board} .tf-open")
    keys.press("Enter")
    page.page.locator(f"{board} .tf-opened .tf-live .tf-pill").wait_for()


@IN_BOTH
def test_all_is_done_by_keyboard_alone(open_notebook: OpenNotebook) -> None:
    by_keyboard_alone(open_notebook("keyboard", [ASKING, "%tinyflow runs", "1"]))


def test_axe_finds_nothing_under_labs_themes(open_notebook: OpenNotebook) -> None:
    if not AXE.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no axe-core here: make front-end")
    page = open_notebook("axe", [ASKING, "%tinyflow waiting", "%tinyflow metrics"])
    page.run_all()
    page.page.emulate_media(reduced_motion="reduce")  # no colour is on its way to another
    page.until_kept("waiting for you")
    page.page.locator(".tf-board").wait_for()
    page.page.locator(".tf-metrics").wait_for()
    page.page.locator("[data-node=draft] .tf-box").focus()
    page.page.keyboard.press("Enter")
    page.page.locator("[data-section=source]:not([hidden])").wait_for()
    page.page.evaluate(AXE.read_text())
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        look(page, theme, theme.replace(" ", "-").lower())
        found = page.page.evaluate("axe.run({include: [['.tf-live'], ['.tf-metrics']]})")
        assert found["passes"]
        wrong = [(f["id"], n["html"], n["failureSummary"]) for f in found["violations"] for n in f["nodes"]]
        assert wrong == []
    page.command("apputils:change-theme", {"theme": "JupyterLab Light"})
    page.until("() => document.body.dataset.jpThemeName === 'JupyterLab Light'")
