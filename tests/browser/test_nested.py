"""Two notebooks: one publishes, the other references and answers for the child; a circle shows its path."""

from __future__ import annotations

import re

from tests.browser.conftest import OpenNotebook

PUBLISHED = '''%%tinyflow review --no-run
from collections.abc import AsyncIterator

async def draft(text: str) -> AsyncIterator[str]:
    for word in ("Dear ", text, ", thank you."):
        yield word

@confirm(initial="draft")
def approval(draft) -> str:
    """Send this reply?"""
'''
USER = """%%tinyflow answer -i name=Ada
name: str

@chain("review", inputs={"text": "name"})
def reply(text: str) -> str: ...

def sent(reply: str) -> str:
    return f"SENT: {reply}"
"""
CIRCLE = """%%tinyflow review --publish --no-run
@chain("answer")
def again(name: str) -> str: ...

def approval(again) -> str:
    return again
"""


def test_one_notebook_publishes_the_other_references_and_answers_for_the_child(
    open_notebook: OpenNotebook,
) -> None:
    first = open_notebook("publisher", [PUBLISHED, "%tinyflow publish review", "%tinyflow history review"])
    first.run_all()
    first.until_executed(3)
    assert "Published review@1" in first.text(2)
    assert re.search(r"review@1\s+published .*publisher\.ipynb", first.text(3))

    second = open_notebook("user", [USER, "await answer.last.finished()", "%tinyflow publish answer"])
    second.run_all()
    form = second.page.locator(".tf-form")
    form.wait_for()
    assert "Send this reply?" in form.inner_text()
    assert "approval" in form.inner_text()
    second.until("seen.statuses.includes('reply SUSPENDED')")
    second.screenshot("nested-suspended")
    text = form.locator("textarea")
    assert text.input_value() == "Dear Ada, thank you."
    text.fill("Dear Ada, done.")
    form.get_by_role("button", name="Send answer").click()
    second.until_executed(3)
    assert "SENT: Dear Ada, done." in second.text(2)
    assert "Published answer@1" in second.text(3)
    assert "SENT: Dear Ada, done." in second.last_picture()["text/plain"]
    second.screenshot("nested-finished")

    third = open_notebook("circle", [CIRCLE, "%tinyflow chains answer --graph"])
    third.run_all()
    third.until("jupyterapp.shell.currentWidget.context.model.toJSON().cells[1].outputs.length > 0")
    assert "review@2 > answer@1 > review@2" in third.text(1)
