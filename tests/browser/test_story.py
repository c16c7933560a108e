"""A run's story after its end: attached, looked into, and left behind by its kernel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.browser.conftest import OpenNotebook

pytestmark = pytest.mark.timeout(180)

TALK = """%%tinyflow talk -i words=3
from collections.abc import Iterator

def speak(words: int) -> Iterator[str]:
    for n in range(words):
        print("about to say", n)
        yield f"word{n} "

def count(speak: str) -> int:
    return len(speak.split())
"""


def test_an_ended_run_that_is_attached_is_alive_until_its_kernel_is_gone(
    open_notebook: OpenNotebook, server: tuple[str, Path]
) -> None:
    """Rule 42: its panels answer, its words are replayed, and the file needs none of it."""
    first = open_notebook("told", [TALK, "await talk.last\nprint(talk.last.id)"])
    first.run_all()
    first.until_executed(2)
    run_id = first.text(2).strip()

    other = open_notebook("attached", [f"%tinyflow attach {run_id}"])
    other.run_all()
    live = other.page.locator(".tf-place .tf-live")
    live.wait_for()
    assert not other.page.locator(".tf-kept").is_visible()
    live.locator("[data-node=speak]").click()
    panel = live.locator(".tf-details")
    panel.locator("[data-section=inputs] .tf-read").wait_for()
    assert "word0 word1 word2" in panel.locator("[data-section=output]").inner_text()
    assert "about to say 2" in panel.locator("[data-section=log]").text_content()
    live.get_by_role("button", name="Timeline", exact=True).click()
    assert live.locator(".tf-row").count() == 2
    other.screenshot("attached")
    live.get_by_role("button", name="Timeline", exact=True).click()

    other.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    saved = json.loads((server[1] / "attached.ipynb").read_text())
    [output] = saved["cells"][1]["outputs"]
    assert set(output["data"]) == {"text/plain", "text/html", "image/svg+xml"}
    assert "".join(output["data"]["text/plain"]).endswith("\n3")

    other.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    other.until("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'")
    live.locator("[data-node=count]").click()
    other.until(
        "(id) => document.querySelector('.tf-live').textContent.includes(`%tinyflow attach ${id}`)", run_id
    )
    other.screenshot("attached-gone")
