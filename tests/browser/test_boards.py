"""The inbox, the table of runs and the figures, as a reader uses them in JupyterLab."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from tests.browser.conftest import IN_BOTH, OpenNotebook, Page

ASK = """%%tinyflow ask -i who=bob
who: str
@confirm
def sure(who) -> bool: "Is {{ who }} sure?"
def end(sure) -> str: return f"said {sure}"
"""
PID = "import os\nprint(os.getpid())"
SOON = "import tinyflow_nb_widgets.board as board\nboard.KEPT_SECONDS = 0.0"


def save(page: Page) -> None:
    page.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")


@IN_BOTH
def test_the_inbox_lists_every_open_form_and_leaves_a_record(open_notebook: OpenNotebook) -> None:
    """Rule 16: what was answered elsewhere says so, and takes no answer any more."""
    start = "eve = ask.start(who='eve')\nadam = ask.start(who='adam')"
    page = open_notebook("inbox", [ASK, start, "%tinyflow waiting", "eve.resume(False)"])
    for cell in range(4):
        page.run(cell)
    board = page.page.locator(".tf-board")
    board.get_by_text("3 forms wait for an answer").wait_for()
    for who in ("adam", "eve"):
        board.locator("details").filter(has_text=f"Is {who} sure?").locator("summary").click()
    board.locator("details").filter(has_text="Is adam sure?").get_by_role("button", name="Yes").press("Enter")
    board.get_by_text("2 forms wait for an answer").wait_for()
    record = board.locator(".tf-record")
    assert "answered by" in record.inner_text()
    assert "tf-elsewhere" not in record.get_attribute("class")
    page.screenshot("inbox")
    page.run(4)
    elsewhere = board.locator(".tf-elsewhere")
    elsewhere.wait_for()
    assert "answered elsewhere by" in elsewhere.inner_text()
    assert board.locator("details").count() == 1, "bob's"
    page.screenshot("inbox-elsewhere")


@IN_BOTH
def test_the_runs_are_filtered_and_open_to_their_live_view(open_notebook: OpenNotebook) -> None:
    """A run that is answered in its row goes on living there, though the filter leaves it out now."""
    done = "%%tinyflow done\ndef a() -> int: return 1"
    page = open_notebook("runs", [ASK, done, "await done.last", "%tinyflow runs"])
    for cell in range(5):
        page.run(cell)
    board = page.page.locator(".tf-board")
    rows = board.locator("tbody > tr[data-run]")
    rows.nth(1).wait_for()
    assert board.locator("[data-filter=ALL]").inner_text() == "all 2"
    assert board.locator(".tf-pages [role=status]").inner_text() == "1 to 2 of 2."
    board.locator("[data-filter=SUSPENDED]").focus()
    page.page.keyboard.press("Enter")
    page.until("document.querySelectorAll('.tf-board tbody tr').length === 1")
    rows.locator(".tf-open").focus()
    page.page.keyboard.press("Enter")
    opened = board.locator(".tf-opened")
    opened.locator(".tf-form").wait_for()
    page.screenshot("runs")
    opened.get_by_role("button", name="No", exact=True).press("Enter")  # it may move under a pointer
    opened.locator(".tf-pill[data-status=SUCCEEDED]").wait_for()
    page.until("document.querySelector('.tf-board tr[data-run]')?.dataset.status === 'SUCCEEDED'")
    opened.locator("[data-node=end] .tf-box").click()
    opened.locator(".tf-details [data-section=output]").wait_for()
    page.screenshot("runs-opened")
    board.locator("[data-filter=ALL]").click()
    page.until("document.querySelectorAll('.tf-board tr[data-status=SUCCEEDED]').length === 2")
    assert opened.count() == 0, "the reader went on"
    board.locator("select").select_option("done")
    page.until("document.querySelectorAll('.tf-board tbody tr').length === 1")
    assert rows.locator("td").nth(1).inner_text().startswith("done@#")
    rows.locator(".tf-open").click()  # a run that has ended opens as well
    opened.locator(".tf-pill[data-status=SUCCEEDED]").wait_for()


def test_a_board_is_a_table_in_the_file_whatever_became_of_its_kernel(
    open_notebook: OpenNotebook, server: tuple[str, Path]
) -> None:
    """Rule 42: live until the kernel dies, then what a file can show; never an error."""
    page = open_notebook("dead-boards", [SOON, "%tinyflow waiting", "%tinyflow runs", ASK, PID])
    for cell in range(6):
        page.run(cell)
    boards = page.page.locator(".tf-place > .tf-board")
    boards.get_by_text("1 form waits for an answer").wait_for()
    boards.nth(1).locator("tr[data-status=SUSPENDED]").wait_for()
    page.until(
        "() => [2, 3].every((i) => jupyterapp.shell.currentWidget.context.model.toJSON().cells[i]"
        ".outputs[0].data['text/plain'].includes('ask-'))"
    )  # nobody is at work on them: the saved tables follow
    boards.nth(1).wait_for()
    assert page.page.locator(".tf-kept").count() >= 2
    page.page.locator(".tf-kept:visible").first.wait_for(
        state="detached"
    )  # the live ones are in their places
    save(page)
    saved = json.loads((server[1] / "dead-boards.ipynb").read_text())
    for cell in saved["cells"][2:4]:
        assert [sorted(output["data"]) for output in cell["outputs"]] == [["text/html", "text/plain"]]
    os.kill(int(page.text(5)), signal.SIGKILL)
    page.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.open()
    kept = page.page.locator(".tf-kept:has(table)")
    kept.nth(1).wait_for()
    assert "Error displaying widget" not in page.page.locator(".jp-Notebook").inner_text()
    assert "Is bob sure?" in kept.first.inner_text()
    assert "%tinyflow runs looks again" in kept.nth(1).inner_text()
    page.screenshot("dead-boards")


def test_a_restarted_kernel_is_told_and_an_empty_store_says_so(open_notebook: OpenNotebook) -> None:
    page = open_notebook("gone", ["%tinyflow waiting", "%tinyflow runs", "%tinyflow metrics"])
    for cell in range(4):
        page.run(cell)
    boards = page.page.locator(".tf-board")
    boards.get_by_text("Nothing waits for an answer").wait_for()
    boards.get_by_text("No runs.").wait_for()
    assert page.text(3) == "No runs."
    page.screenshot("boards-empty")
    kernel = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
    page.page.evaluate(f"() => void {kernel}.restart()")
    boards.locator(".tf-notice").get_by_text("run the cell again").first.wait_for()
    page.screenshot("boards-restarted")
    page.until(f"() => {kernel}.status === 'idle'")
