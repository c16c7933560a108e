"""A rich form, the inbox, the table of runs and the figures, photographed: docs/pictures/*.png.

Part of `make pictures`. What they show is made up, so that the same text gives the same picture.
"""

from __future__ import annotations

import datetime as dt
import math
import shutil
import sys
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import sync_playwright
from pydantic import BaseModel, Field

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tinyflow_nb.model.figures import Backlog, ChainFigures, Figures, Stretch  # noqa: E402 - found by the line above
from tinyflow_nb.model.status import Status  # noqa: E402
from tinyflow_nb_magics.metrics_view import MetricsView  # noqa: E402
from tinyflow_nb_widgets.icons import MARKS  # noqa: E402
from tinyflow_nb_widgets.styles import board_css  # noqa: E402
from tinyflow_nb_widgets.text import RUN_WORDS  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
MODULE = ROOT / "widgets" / "tinyflow_nb_widgets" / "static" / "board.js"
NOW = 1_900_000_000.0
# In the place of a notebook's model: what is asked is answered with the picture it has.
MODEL = """async ([source, picture]) => {
  const module = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
  let heard;
  const model = {get: () => picture, on: (_, f) => (heard = f), off: () => {},
    send: ({id, type}) => type === "action"
      && heard({type: "ack", id, ok: true, error: "", fields: {}, picture})};
  await module.default.render({model, el: document.getElementById("out")});
}"""


class Line(BaseModel):
    article: str = Field(max_length=60)
    amount: int = Field(1, ge=1, le=99)


class Offer(BaseModel):
    customer: str = Field(json_schema_extra={"format": "email"})
    express: bool = Field(description="there tomorrow, for 9 more")
    size: Literal["S", "M", "L", "XL"] = "M"
    country: Literal["Austria", "Chile", "France", "Ghana", "India", "Japan", "Kenya"] = "India"
    due: dt.date
    call_at: dt.time | None = None
    discount: float | None = Field(None, ge=0, le=0.5)
    lines: list[Line] = Field(min_length=1)
    letter: str = Field(description="goes out with the parcel")


OFFER = {
    "customer": "ada@example.org", "express": True, "due": "2031-05-28", "discount": 0.15,
    "lines": [{"article": "Shoes, brown", "amount": 1}, {"article": "Laces", "amount": 4}],
    "letter": "We are sorry about your shoes. A new pair is on its way.",
}  # fmt: skip
CHAINS = {"offers": 22, "research": 49, "support_triage": 77}
YES: dict[str, Any] = {"type": "boolean"}


def waiting(run: str, unit: str, message: str, since: float, schema: Any = YES, initial: Any = None) -> Any:
    chain = run.rpartition("-")[0] + "@3"
    return {"key": run + unit, "run": run, "chain": chain, "unit": unit, "message": message,
            "schema": schema, "initial": initial, "since": NOW - since}  # fmt: skip


def inbox() -> dict[str, Any]:
    forms = [
        waiting("support_triage-7f8eb49ffa", "approval", "Send this reply?", 90_000),
        waiting("offers-01d2aa97c3", "check", "Is this offer right?", 5400, Offer.model_json_schema(), OFFER),
        waiting("research-90ab12cd34", "sources/pick[2]", "Which of these may be quoted?", 300),
    ]
    records = [
        {"key": "a", "run": "support_triage-31c0de77aa", "chain": "support_triage@3", "unit": "approval",
         "word": "answered by ada", "here": True, "at": NOW - 20},
        {"key": "b", "run": "research-5512ab90cd", "chain": "research@7", "unit": "outline",
         "word": "answered elsewhere by bob", "here": False, "at": NOW - 65},
    ]  # fmt: skip
    return {"kind": "inbox", "now": NOW, "forms": forms, "waiting": len(forms), "records": records}


def runs() -> dict[str, Any]:
    rows = []
    for number, (chain, status, took, note) in enumerate([
        ("research@7", "RUNNING", None, ""), ("support_triage@3", "SUSPENDED", None, "waits for an answer"),
        ("offers@2", "SUCCEEDED", 3.4, ""), ("offers@2", "FAILED", 12.0, "ModelError: not reachable"),
        ("support_triage@3", "SUCCEEDED", 71.0, ""), ("research@7", "SUCCEEDED", 341.0, ""),
    ]):  # fmt: skip
        begun = NOW - 40 - 700 * number
        name = chain.partition("@")[0]
        id = f"{name}-{(number + 3) * 0x1F3A9B7C51 % 16**10:010x}"
        rows.append({"id": id, "chain": chain, "status": status,
                     "word": RUN_WORDS[Status(status)], "started_at": begun, "note": note,
                     "finished_at": None if took is None else begun + took})  # fmt: skip
    return {
        "kind": "runs", "now": NOW, "query": {"chain": "", "status": "", "cursor": ""}, "rows": rows,
        "opened": None, "next": "more", "total": 148, "complete": True,
        "chains": [[name, f"{name} ({runs})"] for name, runs in CHAINS.items()],
        "counts": {"RUNNING": 1, "SUSPENDED": 3, "SUCCEEDED": 131, "FAILED": 9, "CANCELLED": 4},
        "marks": {status.value: list(paths) for status, paths in MARKS.items()},
    }  # fmt: skip


def metrics() -> str:
    def of(
        good: int, bad: int, others: dict[str, int], p50: float, p95: float, read: int, wrote: int
    ) -> ChainFigures:
        runs = {"SUCCEEDED": good, "FAILED": bad, **others}
        days = [max(0.0, math.sin(day / 3.4 + good) + day / 24) for day in range(24)]
        series = []
        for day, share in enumerate(days):
            part, later = share / sum(days), day >= 9
            ended = {"SUCCEEDED": round(good * part), "FAILED": round(bad * part * (day % 3))}
            slow = 0.7 + 0.5 * math.cos(day / 2)
            series.append(Stretch(
                {status: count for status, count in ended.items() if count},
                p50 * slow if ended["SUCCEEDED"] else None, p95 * slow if ended["SUCCEEDED"] else None,
                round(read * part) if later else None, round(wrote * part) if later else None,
            ))  # fmt: skip
        return ChainFigures(runs, good / (good + bad), p50, p95, read, wrote, series=series)

    chains = {
        "support_triage": of(71, 1, {"CANCELLED": 3, "SUSPENDED": 2}, 21.4, 94.0, 91_200, 30_411),
        "research": of(41, 6, {"CANCELLED": 1, "RUNNING": 1}, 187.0, 401.0, 260_114, 71_002),
        "offers": of(19, 2, {"SUSPENDED": 1}, 3.4, 9.1, 12_400, 2_950),
    }
    every = of(131, 9, {"CANCELLED": 4, "SUSPENDED": 3, "RUNNING": 1}, 24.0, 340.0, 363_714, 104_363)
    backlog = Backlog(ready=2, running=3, suspended=3, timers=4, overdue=1)
    figures = Figures(every, chains, 148, True, 100, backlog, NOW - 23.5 * 28_800, 28_800)
    return MetricsView(figures)._repr_html_()


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("These pictures need Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for dark in (False, True):
            for name in ("form", "inbox", "runs", "metrics"):
                page = browser.new_page(viewport={"width": 960, "height": 1300}, reduced_motion="reduce")
                page.clock.set_fixed_time(NOW)
                page.set_content(
                    "<!doctype html><body style='margin: 0'"
                    f" data-jp-theme-light='{str(not dark).lower()}'><div id='out'></div>"
                )
                if name == "metrics":
                    page.evaluate("(html) => { document.getElementById('out').innerHTML = html }", metrics())
                else:
                    page.add_style_tag(content=board_css())
                    page.evaluate(MODEL, [MODULE.read_text("utf-8"), runs() if name == "runs" else inbox()])
                if name == "form":
                    page.locator("summary").nth(1).click()
                shown = page.locator(".tf-form" if name == "form" else ".tf").first
                file = f"board-{name}{'-dark' if dark else ''}.png"
                shown.screenshot(path=PICTURES / file, animations="disabled")
                print(f"Drawn: docs/pictures/{file}")
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
