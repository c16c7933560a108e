"""A run's story after its end: attached, looked into, and left behind by its kernel."""

from __future__ import annotations

import json
from pathlib import Path

from tests.browser.conftest import SCREENSHOTS, OpenNotebook

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
    other.until_kept("succeeded")
    assert not other.page.locator(".tf-kept").is_visible()
    live.locator("[data-node=speak]").click()
    panel = live.locator(".tf-details")
    panel.locator("[data-section=inputs] .tf-read").wait_for()
    assert "word0 word1 word2" in panel.locator("[data-section=output]").inner_text()
    assert "about to say 2" in panel.locator("[data-section=log]").text_content()
    live.get_by_role("button", name="Timeline", exact=True).click()
    other.until_count(".tf-row", 2)
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
        "(id) => document.querySelector('.tf-live')?.textContent.includes(`%tinyflow attach ${id}`)", run_id
    )
    other.screenshot("attached-gone")


BELOW = """%%tinyflow below --no-run
def loud(text: str) -> str:
    return text.upper()
"""
SIGN = '''%%tinyflow sign -i customer=ada
from pydantic import BaseModel, SecretStr

class Signed(BaseModel):
    note: str
    password: SecretStr

@confirm
def signed(customer: str) -> Signed:
    """Sign for the customer"""

@node(inputs={"words": "signed.note | wordcount", "who": "customer | title"})
def told(words: int, who: str, signed: Signed) -> str:
    return f"{who}: {words} words, {len(signed.password.get_secret_value())} letters"

@chain("below", inputs={"text": "told"})
def shouted(text: str) -> str: ...
'''


def test_an_answer_is_a_quiet_record_and_its_secret_is_nowhere(
    open_notebook: OpenNotebook, server: tuple[str, Path]
) -> None:
    """Rule 16: who, when and what; the node that takes the secret has it, the panel, page and file do not."""
    page = open_notebook("signed", [BELOW, SIGN, "await sign.last.finished()"])
    page.run_all()
    form = page.page.locator(".tf-live .tf-form")
    form.wait_for()
    form.locator("textarea").fill("money is on its way")
    form.locator("input[type=password]").fill("correct horse")
    form.get_by_role("button", name="Send answer").click()
    page.until_executed(3)
    assert page.text(3) == "'ADA: 5 WORDS, 13 LETTERS'"
    page.until_kept("succeeded", 2)
    record = page.page.locator(".tf-live .tf-answer")
    record.wait_for()
    assert record.locator("dl").inner_text().split("\n") == [
        "Note",
        "money is on its way",
        "Password",
        "••••••",
    ]
    assert record.locator("time").get_attribute("datetime")

    page.page.locator(".tf-live [data-node=told]").click()
    inputs = page.page.locator(".tf-details [data-section=inputs] .tf-read")
    inputs.first.wait_for()
    known = [" ".join(words.split()) for words in inputs.all_inner_texts()]
    assert known[:2] == ["words = signed.note | wordcount 5", "who = customer | title Ada"]
    page.screenshot("signed")

    with page.page.context.expect_page() as opened:
        page.page.locator(".tf-live").get_by_role("button", name="HTML").click()
    opened.value.locator("h1").wait_for()
    opened.value.wait_for_load_state()
    opened.value.locator(".tf-unit", has_text="shouted").locator("summary").first.click()
    opened.value.locator(".tf-chainbelow > summary").click()
    assert opened.value.locator(".tf-chainbelow .tf-unit").count() == 1
    assert "••••••" in opened.value.locator(".tf-answer").inner_text()
    opened.value.screenshot(path=SCREENSHOTS / "signed-page.png", full_page=True)

    page.last_picture(2)
    page.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    for text in (opened.value.content(), page.page.content(), (server[1] / "signed.ipynb").read_text()):
        assert "correct horse" not in text
