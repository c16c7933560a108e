"""Hostile words in JupyterLab: a run of them live, saved and found again, and as a page of nbconvert."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.browser.conftest import OpenNotebook
from tests.widgets.conftest import HOSTILE

CELL = """%%tinyflow hostile -i words=@words
import json
from typing import Literal
from pydantic import BaseModel, Field

words: list[str]

class Answer(BaseModel):
    text: str = Field(title="title", description="<img src=x onerror=window.pwned=1>")
    which: Literal["<script>window.pwned=1</script>", "good"]

@node(each="word in words")
async def say(word):
    print(word)
    yield word

def rows(words) -> list[dict]:
    return [{word: word} for word in words]

@confirm(initial={"text": "words | join(' ')", "which": "'good'"})
def ask(words, rows, say) -> Answer:
    "{{ words | join(' ') }}"

def broken(ask, words):
    raise ValueError("".join(words))
"""
FOREIGN = """() => [...document.querySelectorAll(".jp-OutputArea-output "
  + ":is(script, iframe, object, embed, [onload], [onerror], [onclick], a[href^=javascript])")]
  .map((e) => e.outerHTML).concat(window.pwned ? ["it ran"] : [])"""


def test_hostile_words_stay_words_wherever_a_notebook_is_read(
    open_notebook: OpenNotebook, server: tuple[str, Path], tmp_path: Path
) -> None:
    words = tmp_path / "words.json"
    words.write_text(json.dumps(HOSTILE))
    read = f"import json\nwords = json.load(open({str(words)!r}))"
    page = open_notebook("hostile", [read, CELL, "%tinyflow waiting", "%tinyflow runs"])
    told: list[str] = []

    def hear(dialog: Any) -> None:
        if dialog.type != "beforeunload":  # the notebook's own, should a board be drawn after it was saved
            told.append(dialog.message)
        dialog.accept()

    page.page.on("dialog", hear)
    page.page.on("request", lambda one: told.append(one.url) if one.url.endswith(("/x", "=x")) else None)
    page.run_all()
    page.until_kept("waiting for you", 2)
    form = page.page.locator(".tf-live:not(.tf-board) .tf-form")
    form.wait_for()
    page.page.locator(".tf-board").nth(1).wait_for()
    page.page.locator(".tf-place .tf-live [data-node=say] .tf-box").focus()
    page.page.keyboard.press("Enter")
    page.page.locator("[data-section=output]:not([hidden])").wait_for()
    page.page.locator(".tf-board details summary").first.click()
    page.page.locator(".tf-board .tf-form").wait_for()
    assert page.page.evaluate(FOREIGN) == []
    form.get_by_role("button", name="Send answer").click()
    assert "ValueError" in page.last_picture(2)["text/plain"]
    page.page.locator(".tf-live").get_by_role("button", name="Why?").wait_for()
    assert page.page.evaluate(FOREIGN) == []

    page.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    page.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.open()
    page.page.locator(".tf-page.tf-kept").wait_for()
    assert page.page.evaluate(FOREIGN) == []
    assert told == []
    assert read_elsewhere(page.page.context.browser, server[1] / "hostile.ipynb") == []


def read_elsewhere(browser: Any, notebook: Path) -> list[str]:
    """What acts in the page that nbconvert makes of a notebook."""
    made = notebook.with_suffix(".html")
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "--output", made.name, str(notebook)],
        cwd=notebook.parent, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = browser.new_page()
    page.route("**/*", lambda route: route.abort())  # nbconvert's own page asks for scripts from elsewhere
    page.set_content(made.read_text(encoding="utf-8"), wait_until="domcontentloaded")
    page.locator(".tf-page.tf-kept").wait_for()
    found: list[str] = page.evaluate(FOREIGN)
    page.close()
    return found
