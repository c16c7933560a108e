"""The boards in a page: sorted, paged, walked by keys; a run that is opened stays. The test is the kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.board_pictures import NOW, inbox, runs
from tests.widgets.page import empty_page, new_page
from tinyflow_nb_widgets.styles import board_css

# `window.kernel` answers each action with a picture; what it was asked is in `window.asked`.
MODEL = """async ([source, first]) => {
  const module = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
  const heard = new Set();
  window.asked = [];
  window.picture = first;
  const view = () => Object.assign(document.createElement("p"), {textContent: "The view of a run"});
  const model = {get: (name) => name === "view" ? "here" : first,
    on: (_, f) => heard.add(f), off: (_, f) => heard.delete(f),
    widget_manager: {get_model: async () => ({}), create_view: async () => ({el: view(), remove() {}})},
    send: ({id, action}) => {
      window.asked.push(action);
      const picture = {...window.picture, query: action.query ?? window.picture.query};
      for (const f of heard) f({type: "ack", id, ok: true, error: "", fields: {}, picture, model_id: "m"});
    }};
  window.tell = (message) => heard.forEach((f) => f(message));
  window.close_board = module.default.initialize({model});
}"""
KEPT = "<div class='tf-kept'><p>The saved table</p></div><div class='tf-place' data-tf-view='here'></div>"


@pytest.fixture
def board(browser: Any, static: Path) -> Iterator[Callable[[dict[str, Any]], Any]]:
    """A page whose notebook has the table; the live board is in its place."""
    pages = []

    def board(picture: dict[str, Any]) -> Any:
        page = new_page(browser, viewport={"width": 1000, "height": 900})
        page.clock.install(time=NOW)
        empty_page(page, output=KEPT)
        page.add_style_tag(content=board_css())
        page.evaluate(MODEL, [(static / "board.js").read_text(), picture])
        page.locator(".tf-place > .tf-board").wait_for()
        pages.append(page)
        return page

    yield board
    for page in pages:
        page.close()
        assert page.problems == []


def until(page: Any, condition: str) -> None:
    """While the board looks, every few seconds of its clock."""
    for _ in range(20):
        page.clock.run_for(3000)
        if page.evaluate(condition):
            return
    pytest.fail(f"a minute of the page's clock went by: {condition}")


def column(page: Any, at: int) -> list[str]:
    cells: list[str] = page.locator(f"tbody > tr[data-run] > td:nth-child({at})").all_inner_texts()
    return cells


def test_a_page_is_sorted_and_says_that_it_is_no_more_than_a_page(board: Any) -> None:
    page = board(runs())
    where = page.locator(".tf-pages [role=status]")
    assert where.inner_text() == "1 to 6 of 148."
    page.get_by_role("button", name="chain", exact=True).click()
    chains = column(page, 2)
    assert chains == sorted(chains)
    assert where.inner_text().endswith("Sorted by chain among these; the others are older or newer.")
    assert page.locator("th").nth(1).get_attribute("aria-sort") == "ascending"
    page.get_by_role("button", name="took").click()
    assert column(page, 5)[0] == "12 m 20 s", "the longest first"
    page.get_by_role("button", name="started").click()
    assert where.inner_text() == "1 to 6 of 148."


def test_pages_are_turned_by_the_stores_cursor(board: Any) -> None:
    page = board(runs())
    page.get_by_role("button", name="Older").click()
    assert page.evaluate("window.asked.at(-1).query.cursor") == "more"
    assert page.locator(".tf-pages [role=status]").inner_text() == "7 to 12 of 148."
    page.locator("[data-filter=FAILED]").click()
    assert page.evaluate("window.asked.at(-1).query") == {"chain": "", "status": "FAILED", "cursor": ""}
    assert page.locator(".tf-pages [role=status]").inner_text() == "1 to 6 of 9."
    assert page.get_by_role("button", name="Newer").is_disabled()
    page.evaluate("window.picture.complete = false")
    page.get_by_label("Chain").select_option("research")
    assert page.locator("[data-filter=ALL]").inner_text() == "all 148+"
    assert page.evaluate("window.asked.at(-1).query.chain") == "research"


def test_rows_are_walked_opened_and_closed_by_keys(board: Any) -> None:
    page = board(runs())
    page.locator(".tf-open").first.focus()
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_text("The view of a run").wait_for()
    assert page.locator("[aria-expanded=true]").inner_text() == runs()["rows"][2]["id"]
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.textContent") == runs()["rows"][1]["id"]
    page.keyboard.press("Escape")
    assert page.locator(".tf-opened").count() == 0


def test_an_opened_run_stays_though_the_page_has_it_no_more(board: Any) -> None:
    page = board(runs())
    row = runs()["rows"][0]
    page.locator(".tf-open").first.click()
    page.get_by_text("The view of a run").evaluate("(e) => { window.before = e }")
    done = {**row, "status": "SUCCEEDED", "word": "succeeded", "finished_at": NOW}
    page.evaluate("([done]) => { window.picture.rows.shift(); window.picture.opened = done }", [done])
    until(page, "document.querySelector('tbody > tr').dataset.status === 'SUCCEEDED'")
    first = page.locator("tbody > tr[data-run]").first
    assert first.get_attribute("data-run") == row["id"]
    assert page.evaluate("window.before.isConnected"), "it did not begin anew"
    asked = page.evaluate("window.asked.at(-1)")
    assert (asked["opened"], asked["idle"]) == (row["id"], False)
    page.evaluate("window.picture.opened = null")
    until(page, "!document.querySelector('.tf-opened')")
    assert page.locator("tbody > tr[data-run]").count() == 5, "the run was forgotten"


def test_a_board_goes_on_where_its_saved_table_is_drawn_anew(board: Any) -> None:
    """Rule 42: what was typed stays."""
    page = board(inbox())
    page.locator(".tf-kept").wait_for(state="hidden")
    page.locator("summary").first.click()
    page.evaluate("window.live = document.querySelector('.tf-board')")
    page.evaluate("(kept) => { document.getElementById('out').innerHTML = kept }", KEPT)
    page.evaluate("window.tell({type: 'moved'})")
    until(page, "document.querySelector('.tf-place > .tf-board') === window.live")
    assert page.locator(".tf-inbox form").is_visible()
    until(page, "window.asked.at(-1).idle === false")  # a form is open
    page.evaluate("window.close_board()")
    page.locator(".tf-kept").wait_for()
    assert page.locator(".tf-board").count() == 0


def test_a_form_that_was_answered_elsewhere_becomes_a_record(board: Any) -> None:
    """Rule 16: in its place, and told to who can't see it."""
    page = board({**inbox(), "records": []})
    entry = page.locator("details").first
    entry.locator("summary").click()
    form = inbox()["forms"][0]
    record = {"key": form["key"], "run": form["run"], "chain": form["chain"], "unit": form["unit"],
              "word": "answered elsewhere by bob", "here": False, "at": NOW}  # fmt: skip
    page.evaluate(
        "([record]) => { picture.forms.shift(); Object.assign(picture, {waiting: 2, records: [record]}) }",
        [record],
    )
    until(page, "document.querySelector('.tf-elsewhere')")
    told = page.locator(".tf-inbox > :first-child.tf-elsewhere")
    assert "answered elsewhere by bob" in told.inner_text()
    assert page.locator(".tf-spoken").inner_text() == "approval of support_triage: answered elsewhere by bob"
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY", "the reader was in that form"
    assert page.get_by_text("2 forms wait for an answer").is_visible()
    until(page, "window.asked.length > 3")
    assert page.locator(".tf-record").count() == 1
