"""Help where the hand is: Tab, Shift-Tab, `NAME?` and `%tinyflow` alone, in JupyterLab itself."""

from __future__ import annotations

from tests.browser.conftest import OpenNotebook, Page

CHAIN = '''%%tinyflow support_triage -i question=hello
"""Sort a customer's message and draft the answer."""
from tinyflow_nb import Input

question: str
tone: str = Input("polite", description="how the reply should sound")
top: int = Input(3)

def intent(question) -> str:
    return question

def draft(intent, tone, top) -> str:
    return f"{tone} {intent} {top}"
'''


def write(page: Page, text: str) -> None:
    """Type into the last cell, which is emptied before."""
    editor = page.page.locator(".jp-Notebook .jp-Cell").last.locator(".cm-content")
    editor.click()
    page.page.keyboard.press("Control+A")
    page.page.keyboard.press("Delete")
    page.page.keyboard.type(text)


def offered(page: Page, text: str, *wanted: str) -> None:
    """What Tab offers, and nothing else."""
    write(page, text)
    page.page.keyboard.press("Tab")
    page.until(
        "(wanted) => { const found = [...document.querySelectorAll('.jp-Completer:not(.lm-mod-hidden) "
        ".jp-Completer-match')].map((e) => e.textContent).sort();"
        " return JSON.stringify(found) === JSON.stringify(wanted) }",
        sorted(wanted),
    )


def completed(page: Page, text: str, rest: str, whole: str) -> None:
    """Tab where one thing fits, and Enter takes it."""
    offered(page, text, rest)
    page.page.keyboard.press("Enter")
    page.until(
        "(whole) => [...document.querySelectorAll('.jp-Notebook .jp-Cell .cm-content')].at(-1)"
        ".innerText.trim() === whole",
        whole,
    )


def test_tab_completes_flags_chains_runs_and_inputs(open_notebook: OpenNotebook) -> None:
    publish = "print(support_triage.last.id)\n%tinyflow publish support_triage"
    page = open_notebook("completion", [CHAIN, publish, ""])
    page.run_all()
    page.until_executed(2)
    run_id = page.text(2).splitlines()[0]
    completed(page, "%%tinyflow again --no", "--no-run", "%%tinyflow again --no-run")
    completed(page, "%tinyflow wai", "waiting", "%tinyflow waiting")
    completed(page, "%tinyflow run supp", "support_triage", "%tinyflow run support_triage")
    asked = "%tinyflow run support_triage -i question="
    completed(page, asked.removesuffix("stion="), "question=", asked)
    completed(page, f"%tinyflow show {run_id[:-4]}", run_id, f"%tinyflow show {run_id}")
    completed(page, 'support_triage.call("dr', "draft", 'support_triage.call("draft')
    offered(page, 'support_triage.last["', "draft", "intent")
    page.page.keyboard.press("Escape")
    offered(page, "%tinyflow runs --status S", "SUSPENDED", "SUCCEEDED")
    page.screenshot("completion")
    page.page.keyboard.press("Escape")


def test_a_chain_tells_of_itself(open_notebook: OpenNotebook) -> None:
    page = open_notebook("help", [CHAIN, "support_triage?", "%tinyflow", "1"])
    page.run_all()
    page.until_executed(3)
    shown = page.page.locator(".jp-Cell").nth(2).locator(".jp-OutputArea-output")
    shown.get_by_text("Sort a customer's message and draft the answer.").wait_for()
    assert "how the reply should sound" in shown.inner_text()
    page.until("document.querySelector('img[alt=\"The chain\\'s graph\"]')?.naturalWidth > 300")
    shown.get_by_alt_text("The chain's graph").scroll_into_view_if_needed()
    page.screenshot("question-mark")
    sheet = page.text(3)
    assert "  attach ID " in sheet
    assert "define and run a chain in this cell" in sheet

    write(page, "support_triage.start(")
    page.page.keyboard.press("Shift+Tab")
    tip = page.page.locator(".jp-Tooltip")
    tip.get_by_text("question").first.wait_for()
    assert "question: str" in tip.inner_text()
    assert "tone: str = 'polite'" in tip.inner_text()
    page.screenshot("signature")
