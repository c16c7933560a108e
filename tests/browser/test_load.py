"""Much at once in JupyterLab: a chain of 500 nodes, 20 runs in one notebook, a kernel that computes."""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.browser.conftest import OpenNotebook
from tests.browser.test_items import WAIT, ended

NODES = 500
LANES = 20
SLOW = 445
RUNS = 20
WORDS = 200
SCALE = """([from, to]) => {
  const e = document.querySelector('.tf-live .tf-canvas');
  const stage = document.querySelector('.tf-live .tf-stage');
  const scale = e && e.width.baseVal.value / e.viewBox.baseVal.width;
  const fits = stage?.scrollWidth <= stage?.clientWidth + 1 && stage?.scrollHeight <= stage?.clientHeight + 1;
  return scale >= from && scale <= to && (fits || from > 0) && scale;
}"""
"""How large the graph is drawn, once that is from..to; from 0: and all of it is to be seen."""


def wide(gate: Path) -> str:
    """500 nodes in 20 lanes, of which the first waits, and one in the midst."""
    first = f"async def n0() -> int:\n    await _until({str(gate)!r}, 'go')\n    return 0"
    cell = [f"%%tinyflow wide\n{WAIT}", first]
    for i in range(1, NODES):
        before = [max(0, i - LANES), *([max(0, i - LANES - 1)] if i % 3 == 0 and i > LANES + 1 else [])]
        wait = f"await _until({str(gate)!r}, 'end')\n    " if i == SLOW else ""
        cell.append(f"async def n{i}({', '.join(f'n{b}' for b in before)}) -> int:\n    {wait}return {i}")
    return "\n\n".join(cell)


def test_a_chain_of_500_nodes_is_watched_searched_and_opened(
    open_notebook: OpenNotebook, tmp_path: Path
) -> None:
    page = open_notebook("wide", [wide(tmp_path)])
    page.run_all()
    page.page.locator(".tf-live [data-node=n499]").wait_for()
    live = page.page.locator(".tf-live")
    page.until_count(".tf-live .tf-node", NODES)
    whole = page.until(SCALE, [0, 1])
    live.scroll_into_view_if_needed()
    page.screenshot("wide")
    (tmp_path / "go").touch()
    page.until("document.querySelectorAll('.tf-live .tf-node[data-status=SUCCEEDED]').length > 400")
    page.screenshot("wide-running")

    page.until_kept("running")
    live.get_by_role("button", name="Find a node").click()
    page.until("document.activeElement.matches('.tf-live input')")
    page.page.keyboard.type("n445")
    live.locator(".tf-here[data-node=n445]").wait_for()
    page.until(SCALE, [2 * whole, 100])  # near enough to read
    assert live.locator(".tf-count").inner_text() == "1 of 1"
    page.screenshot("wide-found")
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("ArrowUp")  # along an edge: to n425, which it reads
    page.page.keyboard.press("Enter")
    panel = live.locator(".tf-details[data-unit=n425]")
    panel.locator("[data-section=output]").get_by_text("425").wait_for()
    live.get_by_role("button", name="Show the whole graph").click()
    page.until(SCALE, [0.95 * whole, 1.05 * whole])
    (tmp_path / "end").touch()
    ended(page, "SUCCEEDED")
    page.until_count(".tf-live .tf-node[data-status=SUCCEEDED]", NODES)


def test_twenty_runs_are_watched_in_one_notebook(open_notebook: OpenNotebook, tmp_path: Path) -> None:
    """They stream at the same time; meanwhile the page is used, and each ends with all it has said."""
    cell = f"""%%tinyflow talk --no-run
from collections.abc import AsyncIterator
{WAIT}
async def speak(number: int) -> AsyncIterator[str]:
    for at in range({WORDS}):
        yield f"run{{number}}-{{at}} "
        await asyncio.sleep(0.02)
    await _until({str(tmp_path)!r}, "end")

def count(speak: str) -> int:
    return len(speak.split())
"""
    start = f"runs = [talk.start(number=n) for n in range({RUNS})]\nfor run in runs:\n    display(run)"
    ends = "sum([await run for run in runs])"
    page = open_notebook("twenty", [cell, start, ends])
    page.run_all()
    views = page.page.locator(".tf-live")
    views.nth(RUNS - 1).wait_for()
    last = views.nth(RUNS - 1)
    last.locator("[data-node=speak][data-status=RUNNING]").click()
    last.locator(".tf-details[data-unit=speak]").wait_for()
    last.get_by_role("button", name="Timeline").click()
    last.locator(".tf-row").first.wait_for()
    page.until(
        "(wanted) => { const said = [...document.querySelectorAll('.tf-live')]"
        ".map((e) => e.querySelector('.tf-block[data-unit=speak] .tf-stream')?.textContent.trim());"
        " return said.length === wanted.length && said.every((text, at) => text === wanted[at]) }",
        [" ".join(f"run{number}-{at}" for at in range(WORDS)) for number in range(RUNS)],
    )
    (tmp_path / "end").touch()
    page.until_executed(3)
    assert page.text(3) == str(WORDS * RUNS)
    page.until(
        "(runs) => [...document.querySelectorAll('.tf-live .tf-pill')]"
        ".filter((e) => e.dataset.status === 'SUCCEEDED').length === runs",
        RUNS,
    )


def test_a_cell_that_computes_holds_up_no_stream_no_form_and_no_panel(
    open_notebook: OpenNotebook, tmp_path: Path
) -> None:
    cell = f"""%%tinyflow ask
from collections.abc import AsyncIterator
from tinyflow_nb import confirm
{WAIT}
@confirm
def sure() -> bool:
    "Are you sure?"

async def speak(sure) -> AsyncIterator[str]:
    for number in range(100):
        yield f"word{{number}} "
        if number < 10:
            await _until({str(tmp_path)!r}, f"word{{number}}")
    await _until({str(tmp_path)!r}, "end")
"""
    busy = """import time
print("computing", flush=True)
end, rounds = time.monotonic() + 300, 0
while time.monotonic() < end:
    rounds += 1
    if rounds % 100_000 == 0 and ask.last.status.terminal:
        break
print(ask.last.status)"""
    page = open_notebook("computing", [cell, busy])
    page.run_all()
    page.page.locator(".jp-OutputArea-output").get_by_text("computing", exact=True).wait_for()
    form = page.page.locator(".tf-form")
    form.get_by_role("button", name="Yes").click()
    page.word_by_word(tmp_path, [f"word{number}" for number in range(10)])
    page.page.locator(".tf-live [data-node=sure]").click()
    page.page.locator(".tf-details[data-unit=sure] [data-section=output]").get_by_text("true").wait_for()
    (tmp_path / "end").touch()
    page.until_executed(2)
    assert page.text(2) == "computing\nSUCCEEDED\n"
    texts = [text for text in page.seen("texts") if text.startswith("word")]
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(texts))
