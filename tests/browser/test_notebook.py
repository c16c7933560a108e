"""What a reader sees in Notebook 7: the same front-end module as in JupyterLab."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.browser.conftest import OpenNotebook
from tests.browser.test_lab import ASKING, WAIT_BUSILY, statuses_in


@pytest.mark.parametrize("server", ["notebook_server"], indirect=True)
def test_a_run_from_its_first_word_to_its_saved_picture(
    open_notebook: OpenNotebook, server: tuple[str, Path], tmp_path: Path
) -> None:
    """Rule 42: live graph, streamed text, a form answered while a cell is busy, the last picture saved."""
    wait = f"while not (Path({str(tmp_path)!r}) / word).exists():\n            await asyncio.sleep(0.02)"
    gated = ASKING.replace('yield word + " "', f'yield word + " "\n        {wait}').replace(
        "from typing", "import asyncio\nfrom pathlib import Path\nfrom typing", 1
    )
    page = open_notebook("seven", [gated, WAIT_BUSILY])
    page.run_all()
    page.page.locator(".tf-live").wait_for()
    reply = "We are sorry about your shoes. Your money is on its way."
    page.word_by_word(tmp_path, reply.split())
    form = page.page.locator(".tf-form")
    form.wait_for()
    page.page.locator(".jp-OutputArea-output").get_by_text("busy", exact=True).wait_for()
    form.scroll_into_view_if_needed()
    page.screenshot("notebook7")
    form.get_by_role("button", name="Yes").click()
    form.get_by_role("button", name="Send answer").click()
    page.until_executed(2)
    assert page.text(2) == "busy\nSUCCEEDED\n"
    assert "draft RUNNING" in page.seen("statuses")
    page.last_picture()
    page.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    saved = json.loads((server[1] / "seven.ipynb").read_text())
    picture = saved["cells"][1]["outputs"][0]["data"]
    assert "application/vnd.jupyter.widget-view+json" not in picture
    picture = {mime: "".join(text) for mime, text in picture.items()}
    assert sorted(statuses_in(picture)) == ["SKIPPED", *["SUCCEEDED"] * 4]
    assert "We are sorry about your shoes" in picture["text/plain"]
