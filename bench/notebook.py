"""What a reader feels in JupyterLab: first paint, token to screen, click to handler.

    python bench/notebook.py [paint] [tokens] [clicks]      (needs Chromium and the lab and dev extras)

Prints a line for each figure, and one JSON object as its last line. Measure on an idle machine.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.browser.conftest import FLAGS, Page, serve

TOKENS_A_SECOND, SECONDS, SPEAKERS, CLICKS = 5000, 10, 5, 40
TARGETS = {"first_paint_20_ms": 300, "first_paint_500_ms": 1000, "token_p95_ms": 60, "tokens_lost": 0,
           "click_p95_ms": 100}  # fmt: skip
OpenPage = Callable[[list[str]], Page]
LAB_FLAGS = ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=null"]

SPEAK = """
async def speak_{n}() -> AsyncIterator[str]:
    began = time.time()
    for number in range({count}):
        yield f"{{number}}:{{round(time.time() * 1000) % 1_000_000}} "
        ahead = began + number / {rate} - time.time()
        if ahead > 0.001:
            await asyncio.sleep(ahead)
"""
LISTEN = """
window.heard = {};
new MutationObserver(() => {
  const now = Date.now();
  for (const stream of document.querySelectorAll('.tf-streams .tf-stream')) {
    const unit = stream.closest('[data-unit]').dataset.unit;
    const known = window.heard[unit] ??= {last: -1, lost: 0, delays: []};
    const said = (text) => [...text.matchAll(/ (\\d+):(\\d+)(?= )/g)];
    const all = ' ' + stream.textContent;
    let found = said(all.slice(-3000));  // looking must not cost what it measures
    if (found.length && +found[0][1] > known.last + 1) found = said(all);
    for (const [, number, at] of found) {
      if (+number <= known.last) continue;
      known.lost += +number - known.last - 1;
      known.last = +number;
      known.delays.push((now - at) % 1_000_000);
    }
  }
}).observe(document, {subtree: true, childList: true, characterData: true});
"""
ASK = """%%tinyflow ask
from pydantic import BaseModel, field_validator

class Answer(BaseModel):
    text: str

    @field_validator("text")
    @classmethod
    def never(cls, value):
        raise ValueError("not this one")

@confirm(initial={"text": "'x'"})
def asked() -> Answer:
    "Well?"
"""
HEAR = """import time
from tinyflow_nb_widgets.view import RunView

heard, original = [], RunView._on_message

def listen(self, widget, content, buffers):
    if content.get("type") == "action":
        heard.append(time.time() * 1000)
    original(self, widget, content, buffers)

RunView._on_message = listen
"""
BUSY = f"""end, number = time.monotonic() + 120, 0
while len(heard) < {CLICKS} and time.monotonic() < end:
    number += 1
print(heard)"""


def tall(count: int) -> str:
    """A cell with `count` nodes; the first one waits, so that only the drawing is measured."""
    nodes = ["import asyncio\n\nasync def n0() -> int:\n    await asyncio.sleep(60)\n    return 0\n"]
    nodes += [f"def n{i}(n{(i - 1) // 3}) -> int: return 0" for i in range(1, count)]
    return f"%%tinyflow tall_{count}\n" + "\n".join(nodes)


def first_paint(open_page: OpenPage, count: int) -> float:
    """Milliseconds from the command that runs the cell to the frame that has all nodes."""
    page = open_page([tall(3), tall(count)])
    page.command("notebook:run-cell-and-select-next")
    page.until_executed(0)
    page.command("notebook:run-cell-and-select-next")
    page.until("document.querySelectorAll('.tf-node').length === 3")  # the extension is warm
    took: float = page.page.evaluate(
        """(count) => new Promise((done) => {
          const began = performance.now();
          const look = () => document.querySelectorAll('.tf-node').length >= count + 3
            ? requestAnimationFrame(() => done(performance.now() - began)) : requestAnimationFrame(look);
          jupyterapp.commands.execute('notebook:run-cell-and-select-next');
          look();
        })""",
        count,
    )
    page.close()
    return took


def tokens(open_page: OpenPage) -> tuple[list[float], int]:
    """The delay of each token in milliseconds, and how many never came."""
    rate = TOKENS_A_SECOND // SPEAKERS
    speakers = "".join(SPEAK.format(n=n, count=rate * SECONDS, rate=rate) for n in range(SPEAKERS))
    cell = (
        f"%%tinyflow talk\nimport asyncio\nimport time\nfrom collections.abc import AsyncIterator\n{speakers}"
    )
    page = open_page(["%%tinyflow warm\ndef a() -> int: return 1", cell])
    page.command("notebook:run-cell-and-select-next")
    page.until_executed(0)
    page.command("notebook:run-cell-and-select-next")
    page.last_picture(1)
    page.page.evaluate(LISTEN)
    page.command("notebook:run-cell-and-select-next")
    last = rate * SECONDS - 1
    page.page.wait_for_function(
        "([count, last]) => Object.values(window.heard).filter((h) => h.last === last).length === count",
        arg=[SPEAKERS, last], timeout=120_000,
    )  # fmt: skip
    heard = page.page.evaluate("Object.values(window.heard)")
    page.close()
    return [delay for one in heard for delay in one["delays"]], sum(one["lost"] for one in heard)


def clicks(open_page: OpenPage) -> list[float]:
    """Milliseconds from a click to its handler in Python, while a cell keeps the main thread busy."""
    page = open_page([HEAR, ASK, BUSY])
    page.run_all()
    page.page.locator(".tf-form").wait_for()
    page.until("() => document.querySelectorAll('.jp-InputPrompt')[3].textContent.includes('*')")
    sent = page.page.evaluate(
        """async (count) => {
          const sent = [], body = document.querySelector('.tf-form fieldset');
          while (sent.length < count) {
            sent.push(Date.now());
            document.querySelector('.tf-form .tf-primary').click();
            while (body.disabled) await new Promise((done) => setTimeout(done, 5));
            await new Promise((done) => setTimeout(done, 100));
          }
          return sent;
        }""",
        CLICKS,
    )
    page.until_executed(3)
    heard = json.loads(page.text(3))
    page.close()
    return [at - clicked for clicked, at in zip(sent, heard, strict=True)]


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def paint_figures(open_page: OpenPage) -> dict[str, float]:
    return {
        f"first_paint_{count}_ms": statistics.median(first_paint(open_page, count) for _ in range(3))
        for count in (20, 500)
    }


def token_figures(open_page: OpenPage) -> dict[str, float]:
    delays, lost = tokens(open_page)
    return {"token_p50_ms": statistics.median(delays), "token_p95_ms": p95(delays),
            "tokens_seen": len(delays), "tokens_lost": lost}  # fmt: skip


def click_figures(open_page: OpenPage) -> dict[str, float]:
    return {"click_p95_ms": p95(clicks(open_page))}


MEASURES = {"paint": paint_figures, "tokens": token_figures, "clicks": click_figures}


def measure(names: list[str]) -> dict[str, float]:
    with (
        tempfile.TemporaryDirectory() as folder,
        serve("jupyterlab", LAB_FLAGS, Path(folder)) as (address, root),
        sync_playwright() as playwright,
    ):
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = 0

        def open_page(cells: list[str]) -> Page:
            nonlocal opened
            opened += 1
            store = f"sqlite:///{Path(folder) / f'runs{opened}.db'}"
            setup = f"import os\nos.environ['TINYFLOW_STORE'] = {store!r}\n%load_ext tinyflow_nb"
            written = [nbformat.v4.new_code_cell(text) for text in [setup, *cells]]
            name = f"measure{opened}.ipynb"
            kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
            notebook = nbformat.v4.new_notebook(cells=written, metadata={"kernelspec": kernel})
            nbformat.write(notebook, root / name)
            return Page(browser, f"{address}/lab/tree", name)

        figures = {}
        for name in names:
            figures.update(MEASURES[name](open_page))
        browser.close()
    return figures


def main() -> None:
    figures = measure(sys.argv[1:] or list(MEASURES))
    for name, value in figures.items():
        target = f"   target <= {TARGETS[name]}" if name in TARGETS else ""
        print(f"{name:20} {value:10.1f}{target}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
