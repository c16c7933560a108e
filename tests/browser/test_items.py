"""The live graph, the run bar, the forms and the tabs, as a reader meets them in JupyterLab."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import IN_BOTH, OpenNotebook, Page
from tests.nodes.test_llm_endpoints import Endpoint

WAIT = """
import asyncio
from pathlib import Path

async def _until(gate: str, name: str) -> None:
    while not (Path(gate) / name).exists():
        await asyncio.sleep(0.05)
"""
EVERY = (
    """%%tinyflow every -i gate="{gate}"
from tinyflow_nb import ExecutionContext, Retry, confirm, node
"""
    + WAIT
    + '''
def docs() -> list[int]:
    """What there is to read."""
    return list(range(40))

@node(each="doc in docs")
async def lookups(doc: int, gate: str) -> int:
    if doc >= 12:
        await _until(gate, "go")
    return doc

@node(until="polish >= 4")
async def polish(docs, gate: str, polish: int = 0) -> int:
    if polish == 2:
        await _until(gate, "go")
    return polish + 1

@node(retry=Retry(max=1, wait=0.01))
async def flaky(docs, gate: str, ctx: ExecutionContext) -> str:
    if ctx.attempt == 1:
        raise ValueError("not yet")
    await _until(gate, "go")
    return "yes"

@node(when="gate == ''")
def ticket(docs, gate: str) -> str:
    return "never"

@confirm
def approval(docs) -> bool:
    "Is it fine?"

def the_reply_that_goes_to_the_customer_when_all_the_others_are_done(
    lookups, polish, flaky, approval, ticket: str = ""
) -> int:
    return len(lookups)
'''
)
LONG = "the_reply_that_goes_to_the_customer_when_all_the_others_are_done"
ASKS_THREE = """%%tinyflow asks
from tinyflow_nb import confirm

def first() -> str:
    return "from first"

@confirm(initial="first")
def name(first) -> str:
    "What is its name?"

@confirm
def sure() -> bool:
    "Are you sure?"

@confirm
def size(first) -> int:
    "How large is it?"

def told(name, sure, size) -> str:
    return f"{name} {sure} {size}"
"""


def boxes(page: Page) -> dict[str, str]:
    """Where each node stands, and how large the graph is."""
    found: dict[str, str] = page.until(
        "() => { const canvas = document.querySelector('.tf-live .tf-canvas');"
        " return canvas && Object.fromEntries([['', canvas.getAttribute('viewBox')],"
        " ...[...canvas.querySelectorAll('.tf-node')]"
        ".map((e) => [e.dataset.node, e.getAttribute('transform')])]) }"
    )
    return found


def captions(page: Page, *parts: str) -> None:
    """Wait until the second line of each node, `node: text`, holds a text."""
    wanted = [part.partition(": ")[::2] for part in parts]
    page.until(
        "(all) => all.every(([node, text]) => document.querySelector("
        "`.tf-live [data-node=${node}] .tf-caption`)?.textContent.includes(text))",
        wanted,
    )


def ended(page: Page, wanted: str) -> None:
    page.until("(s) => document.querySelector('.tf-live .tf-pill')?.dataset.status === s", wanted)


@IN_BOTH
def test_the_graph_tells_where_each_node_stands(open_notebook: OpenNotebook, tmp_path: Path) -> None:
    """Rules 2, 7, 8, 9, 10: items, rounds, attempts and skips on the nodes, which stay where they are."""
    asked: list[str] = []
    page = open_notebook("every", [EVERY.replace("{gate}", str(tmp_path))])
    page.page.on("request", lambda request: asked.append(request.url))
    page.run_all()
    page.page.locator(".tf-live .tf-node").first.wait_for()
    before = boxes(page)
    captions(page, "lookups: 12/40", "polish: round 3", "flaky: attempt 2", "ticket: skipped")
    captions(page, "approval: your turn")
    live = page.page.locator(".tf-live")

    said = live.locator("[data-node=lookups] .tf-caption").text_content()
    page.until(
        "(t) => { const now = document.querySelector('[data-node=lookups] .tf-caption')?.textContent;"
        " return now && now !== t }",
        said,
    )
    done, track = (live.locator(f"[data-node=lookups] .tf-{part}") for part in ("done", "track"))
    share = float(done.get_attribute("width") or 0) / float(track.get_attribute("width") or 1)
    assert share == pytest.approx(12 / 40)

    skipped = live.locator("[data-node=ticket]")
    assert "gate == '' is false" in (skipped.locator("title").text_content() or "")
    assert float(skipped.evaluate("(e) => getComputedStyle(e).opacity")) < 1
    assert "What there is to read." in (live.locator("[data-node=docs] title").text_content() or "")

    cut = live.locator(f"[data-node={LONG}]")
    assert (cut.locator(".tf-name").text_content() or "").endswith("…")
    assert (cut.locator("title").text_content() or "").startswith(f"{LONG} (code)")

    icons = {n: live.locator(f"[data-node={n}] .tf-icon").get_attribute("d") for n in ("docs", "approval")}
    assert icons["docs"] != icons["approval"]
    page.until_count(".tf-live .tf-flowing", 3)  # to lookups, polish and flaky
    page.until_count(".tf-live .tf-taken:not(.tf-flowing)", 1)  # to approval
    page.until_count(".tf-live .tf-untaken", 2)  # to and from ticket
    live.scroll_into_view_if_needed()
    page.screenshot("items")

    (tmp_path / "go").touch()
    captions(page, "lookups: 40/40", "polish: round 4")
    live.locator(".tf-form").get_by_role("button", name="Yes").click()
    ended(page, "SUCCEEDED")
    assert boxes(page) == before
    assert live.locator(".tf-result").inner_text().split() == ["Result", "40"]
    away = [url for url in asked if not url.startswith(("http://127.0.0.1:", "blob:", "data:"))]
    assert away == []


@pytest.fixture
def house() -> Iterator[Endpoint]:
    """A model's server."""
    server = Endpoint()
    yield server
    server.close()


def named(house: Endpoint) -> str:
    """The cell that names its models: one as it is, one whose key is not set, one where nobody listens."""
    models = {
        "house": {"model": "small", "base_url": house.url},
        "keyed": {"model": "small", "base_url": house.url, "key": "HOUSE_KEY"},
        "gone": {"model": "small", "base_url": "http://127.0.0.1:9/v1"},
    }
    return f"import os\nos.environ['TINYFLOW_MODELS'] = {json.dumps(json.dumps(models))}"


@IN_BOTH
def test_the_run_bar(open_notebook: OpenNotebook, house: Endpoint, tmp_path: Path) -> None:
    """Rule 13: a retry takes up what failed, and asks no model again that has answered."""
    house.script = [["Hello", " there"]]
    cell = f"""%%tinyflow bar -i gate="{tmp_path}"
from tinyflow_nb import llm
{WAIT}
@llm("house")
def draft() -> str:
    "Say hello."

async def wait(draft, gate: str) -> str:
    await _until(gate, "go")
    return draft

def end(wait, gate: str) -> str:
    if not (Path(gate) / "mended").exists():
        raise ValueError("not mended")
    return wait
"""
    page = open_notebook("bar", [named(house), cell, "print(bar.last.id)"])
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.run_all()
    bar = page.page.locator(".tf-live .tf-head")
    bar.get_by_text("7 → 3 tokens").wait_for()
    pill = bar.locator(".tf-pill")
    said = pill.inner_text()
    assert said.startswith("running · ")
    page.until(
        "(said) => { const now = document.querySelector('.tf-live .tf-pill')?.innerText;"
        " return now && now !== said }",
        said,
    )
    bar.get_by_role("button", name="Stop").wait_for()
    assert not bar.get_by_role("button", name="Retry").is_visible()
    page.until_executed(3)
    run_id = page.text(3).strip()
    bar.get_by_role("button", name="Copy the run's id").click()
    page.until("(id) => navigator.clipboard.readText().then((text) => text === id)", run_id)
    bar.scroll_into_view_if_needed()
    page.screenshot("bar")

    (tmp_path / "go").touch()
    page.until_kept("failed", 2)
    assert not bar.get_by_role("button", name="Stop").is_visible()
    (tmp_path / "mended").touch()
    page.page.locator(".tf-live").get_by_role("button", name="Retry failed").click()
    ended(page, "SUCCEEDED")
    assert len(house.requests) == 1
    assert "Hello there" in page.page.locator(".tf-live .tf-result").inner_text()


@IN_BOTH
def test_several_nodes_ask_and_two_tabs_answer_once(
    open_notebook: OpenNotebook, server: tuple[str, Path], browser: Any
) -> None:
    """Rules 16, 38: each waiting node has its form, the first answer wins, a second changes nothing."""
    page = open_notebook("asks", [ASKS_THREE])
    page.run(0)
    page.run(1)
    form = page.page.locator(".tf-place .tf-live .tf-form")
    form.nth(2).wait_for()
    assert sorted(form.nth(n).get_attribute("data-unit") or "" for n in range(3)) == ["name", "size", "sure"]
    form.nth(2).scroll_into_view_if_needed()
    page.screenshot("three-forms")
    page.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    other = Page(browser, server[0], "asks.ipynb")
    other.open()
    other.page.locator(".tf-place .tf-live .tf-form").nth(2).wait_for()

    press = """(words) => { const buttons = [...document.querySelectorAll('.tf-form[data-unit=sure] button')];
      for (const word of words) buttons.find((e) => e.textContent === word)?.click() }"""
    page.page.evaluate(press, ["Yes", "Yes"])
    other.page.evaluate(press, ["No"])
    for tab in (page, other):
        tab.until("() => !document.querySelector('.tf-form[data-unit=sure]')")
        assert "sure answered by" in tab.page.locator(".tf-live .tf-answer").inner_text()
    first, second = (tab.page.locator(".tf-live .tf-answer .tf-told").inner_text() for tab in (page, other))
    assert first == second
    sure = {"yes": True, "no": False}[first]  # whichever click came first

    named_ = other.page.locator(".tf-form[data-unit=name]")
    assert named_.locator("textarea").input_value() == "from first"  # filled in by `initial`
    named_.get_by_role("button", name="Send answer").click()
    page.until("() => !document.querySelector('.tf-form[data-unit=name]')")
    size = page.page.locator(".tf-form[data-unit=size]")
    size.locator("input").fill("7")
    size.get_by_role("button", name="Send answer").click()
    ended(page, "SUCCEEDED")
    ended(other, "SUCCEEDED")
    other.page.close()
    assert f"from first {sure} 7" in page.page.locator(".tf-live .tf-result").inner_text()

    page.run(1)
    form.nth(2).wait_for()
    page.until_count(".tf-live", 1)
    page.run(1)
    page.page.locator(".jp-OutputArea-output").get_by_text("Stopped this cell's earlier run").wait_for()
    form.nth(2).wait_for()
    page.until_count(".tf-live", 1)


@IN_BOTH
def test_a_tab_that_was_closed_catches_up(open_notebook: OpenNotebook, tmp_path: Path) -> None:
    """Words that came while nobody looked are there, and the next ones follow."""
    cell = f"""%%tinyflow talk -i gate="{tmp_path}"
from collections.abc import AsyncIterator
{WAIT}
async def speak(gate: str) -> AsyncIterator[str]:
    for number in range(60):
        if number in (20, 40):
            await _until(gate, str(number))
        yield f"word{{number}} "
    await _until(gate, "end")
"""
    page = open_notebook("closed", [cell])
    page.run_all()
    page.until("seen.texts.some((text) => text.includes('word19 '))")
    page.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    page.page.goto("about:blank")
    (tmp_path / "20").touch()
    page.open()
    stream = page.page.locator(".tf-live .tf-block[data-unit=speak] .tf-stream")
    stream.get_by_text("word39 ").wait_for()
    assert stream.inner_text().split() == [f"word{n}" for n in range(40)]
    (tmp_path / "40").touch()
    stream.get_by_text("word59 ").wait_for()
    assert stream.inner_text().split() == [f"word{n}" for n in range(60)]
    (tmp_path / "end").touch()
    ended(page, "SUCCEEDED")
