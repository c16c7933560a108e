"""What a reader sees in JupyterLab: cell 0 loads the extension, cell 1 is the chain."""

from __future__ import annotations

import itertools
import os
import re
import signal
from pathlib import Path

from tests.browser.conftest import OpenNotebook, Page

GATED = 8
STREAMING = f"""%%tinyflow talk -i gate="{{gate}}" words=60
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

async def speak(gate: str, words: int) -> AsyncIterator[str]:
    for number in range(words):
        yield f"word{{number}} "
        while number < {GATED} and not (Path(gate) / f"word{{number}}").exists():
            await asyncio.sleep(0.02)

def count(speak: str) -> int:
    return len(speak.split())
"""
"""Before each of the first words it waits until the one before was seen."""
ASKING = """%%tinyflow support_triage -i question="My shoes fell apart, money back!"
from typing import Literal
from pydantic import BaseModel, Field

class Approval(BaseModel):
    approved: bool
    text: str = Field(description="the reply as it will be sent")

def intent(question: str) -> Literal["refund", "bug"]:
    return "refund"

@node(when="intent != 'bug'")
async def draft(question, intent):
    for word in "We are sorry about your shoes. Your money is on its way.".split():
        yield word + " "

@node(when="intent == 'bug'")
def ticket(question) -> str:
    return "handed on"

@confirm(initial={"text": "draft"})
def approval(draft: str) -> Approval:
    "Send this reply?"

def reply(approval: Approval | None = None, ticket: str | None = None) -> str:
    return approval.text if approval else ticket
"""
WAIT_BUSILY = """import time
print("busy", flush=True)
end = time.monotonic() + 300
while not support_triage.last.status.terminal and time.monotonic() < end:
    time.sleep(0.05)
print(support_triage.last.status)"""
"""The main thread is never free while this runs."""


def statuses_in(picture: dict[str, str]) -> list[str]:
    return re.findall(r'class="tf-node" data-status="(\w+)"', picture["image/svg+xml"])


def test_the_graph_lives_and_tokens_come_one_by_one(open_notebook: OpenNotebook, tmp_path: Path) -> None:
    page = open_notebook("streaming", [STREAMING.replace("{gate}", str(tmp_path)), "await talk.last"])
    page.run_all()
    page.page.locator(".tf-live").wait_for()
    page.word_by_word(tmp_path, [f"word{n}" for n in range(GATED)])
    page.screenshot("streaming")
    page.until_executed(2)
    assert page.text(2) == "60"
    assert statuses_in(page.last_picture()) == ["SUCCEEDED", "SUCCEEDED"]
    assert "speak RUNNING" in page.seen("statuses")
    texts = page.seen("texts")
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
    assert texts[-1].split() == [f"word{n}" for n in range(len(texts[-1].split()))]


def test_a_click_on_the_form_resumes_while_a_cell_is_busy(open_notebook: OpenNotebook) -> None:
    page = open_notebook("busy", [ASKING, WAIT_BUSILY])
    page.run_all()
    form = page.page.locator(".tf-form")
    form.wait_for()
    page.page.locator(".jp-OutputArea-output").get_by_text("busy", exact=True).wait_for()
    assert form.locator("textarea").input_value().startswith("We are sorry")
    form.get_by_role("button", name="Yes").click()
    form.locator("textarea").fill("Sorry! Money is on its way.")
    form.get_by_role("button", name="Send answer").click()
    page.until_executed(2)
    assert page.text(2) == "busy\nSUCCEEDED\n"
    assert sorted(statuses_in(page.last_picture())) == ["SKIPPED", *["SUCCEEDED"] * 4]


def test_stop(open_notebook: OpenNotebook, tmp_path: Path) -> None:
    page = open_notebook("stop", [STREAMING.replace("{gate}", str(tmp_path)), "await talk.last"])
    page.run_all()
    page.word_by_word(tmp_path, ["word0", "word1", "word2"])
    page.page.locator(".tf-live").get_by_role("button", name="Stop", exact=True).click()
    page.until_executed(2)
    assert "ChainCancelled" in page.text(2)
    assert statuses_in(page.last_picture()) == ["CANCELLED", "CANCELLED"]


def test_a_killed_kernel_loses_nothing(open_notebook: OpenNotebook, tmp_path: Path) -> None:
    """Kill -9 in the middle; a second notebook goes on and finishes."""
    gate, log = tmp_path / "gate", tmp_path / "log"
    cell = f"""%%tinyflow long -i gate="{gate}" log="{log}"
import asyncio
from pathlib import Path

def first(log: str) -> str:
    with open(log, "a") as file:
        file.write("first ")
    return "kept"

async def second(first, gate: str) -> str:
    while not Path(gate).exists():
        await asyncio.sleep(0.05)
    return first + " and finished"
"""
    page = open_notebook("killed", [cell, "import os\nprint(long.last.id, os.getpid())"])
    page.run_all()
    page.page.locator(".tf-live [data-node=second][data-status=RUNNING]").wait_for()
    page.until_executed(2)
    run_id, pid = page.text(2).split()
    os.kill(int(pid), signal.SIGKILL)
    gate.touch()
    other = open_notebook("second", [f"run = %tinyflow attach {run_id}\nrun", "await run"])
    other.run_all()
    other.until_executed(2)
    assert other.text(2) == "'kept and finished'"
    assert log.read_text() == "first "


def test_a_reopened_notebook_shows_the_last_picture(open_notebook: OpenNotebook) -> None:
    """Rule 42: the live view is replaced once it was seen; no kernel is needed any more."""
    page = open_notebook(
        "reopened", [ASKING, "support_triage.last.resume(approved=True)\nawait support_triage.last"]
    )
    page.command("notebook:run-cell-and-select-next")
    page.until_executed(0)
    page.command("notebook:run-cell-and-select-next")
    page.page.locator(".tf-form").wait_for()
    page.command("notebook:run-cell-and-select-next")
    page.until_executed(2)
    page.last_picture()
    page.screenshot("finished")
    page.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    page.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.open()
    page.page.locator(".jp-OutputArea :is(img, svg)").first.wait_for()
    assert "Error displaying widget" not in page.page.locator(".jp-Notebook").inner_text()
    picture = page.last_picture()
    assert sorted(statuses_in(picture)) == ["SKIPPED", *["SUCCEEDED"] * 4]
    assert "We are sorry about your shoes" in picture["text/plain"]
    page.screenshot("reopened")


def test_missing_inputs_are_asked_for(open_notebook: OpenNotebook) -> None:
    cell = "%%tinyflow add -i a=1\na: int\nb: int\ndef total(a, b): return a + b"
    page = open_notebook("inputs", [cell])
    page.run_all()
    form = page.page.locator(".tf-form")
    form.wait_for()
    page.screenshot("inputs")
    form.get_by_label("B", exact=True).fill("41")
    form.get_by_role("button", name="Start").click()
    assert page.last_picture()["text/plain"].endswith("\n42")


def test_a_failure_shows_its_line(open_notebook: OpenNotebook, tmp_path: Path) -> None:
    """Retry runs it again; how many frames a page draws between two failures is its own business."""
    log = tmp_path / "log"
    cell = f"""%%tinyflow bad
def a():
    with open({str(log)!r}, "a") as file:
        file.write("tried ")
    return 1 / 0

def b(a): return a"""
    page = open_notebook("failure", [cell])
    page.run_all()
    error = page.page.locator(".tf-error")
    error.wait_for()
    assert "ZeroDivisionError: division by zero" in error.inner_text()
    assert "return 1 / 0" in error.inner_text()
    assert log.read_text() == "tried "
    page.screenshot("failure")
    retry = page.page.locator(".tf-live .tf-head").get_by_role("button", name="Retry failed")
    retry.click()
    page.wait_until(lambda: log.read_text() == "tried tried ")
    error.wait_for()
    retry.wait_for()


def look(page: Page, theme: str, name: str) -> str:
    page.command("apputils:change-theme", {"theme": theme})
    page.until("(theme) => document.body.dataset.jpThemeName === theme", theme)
    page.page.locator("#jupyterlab-splash").wait_for(state="detached")
    page.page.locator(".tf-form").scroll_into_view_if_needed()
    page.screenshot(name)
    box = page.page.locator('.tf-live [data-status="SUCCEEDED"] .tf-box').first
    return str(box.evaluate("(e) => getComputedStyle(e).fill"))


def test_light_and_dark(open_notebook: OpenNotebook) -> None:
    page = open_notebook("themes", [ASKING])
    page.run_all()
    page.until_kept("waiting for you")
    assert look(page, "JupyterLab Light", "light") != look(page, "JupyterLab Dark", "dark")
    page.command("apputils:change-theme", {"theme": "JupyterLab Light"})
    page.until("() => document.body.dataset.jpThemeName === 'JupyterLab Light'")
