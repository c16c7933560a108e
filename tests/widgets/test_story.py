"""The run's story: which worker ran what, in the timeline and in the page of the run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb_widgets import render_html
from tinyflow_nb_widgets.spans import spans_of


def told(make: SimpleNamespace, *workers: str) -> list[Event]:
    """intent, lookups and draft (in two attempts), on these workers in turn."""
    names = iter(workers * 4)
    e, error = make.event, {"type": "ValueError", "message": "no"}
    return [
        e(1, EventType.CHAIN_STARTED), e(2, EventType.NODE_STARTED, "intent", worker=next(names)),
        e(3, EventType.NODE_STARTED, "lookups", worker=next(names)),
        e(4, EventType.NODE_FINISHED, "intent"), e(5, EventType.NODE_FINISHED, "lookups"),
        e(6, EventType.NODE_STARTED, "draft", worker=next(names), attempt=1),
        e(7, EventType.NODE_RETRYING, "draft", attempt=1, error=error),
        e(9, EventType.NODE_STARTED, "draft", worker=next(names), attempt=2),
        e(12, EventType.NODE_FINISHED, "draft", attempt=2), e(13, EventType.NODE_SUSPENDED, "approval"),
        e(20, EventType.NODE_FINISHED, "approval"), e(21, EventType.CHAIN_FINISHED, status="SUCCEEDED"),
    ]  # fmt: skip


def test_a_timeline_of_several_workers_names_them(make: SimpleNamespace, show: Any) -> None:
    spans = spans_of(make.triage(), make.finished(), told(make, "host-a:17:aa", "host-b:4:bb"))
    page = show(make.finished(), spans=spans)
    page.get_by_role("button", name="Timeline", exact=True).click()
    assert page.get_by_text("w1 host-a:17:aa · w2 host-b:4:bb").is_visible()
    tags = "(rows) => rows.map((row) => [row.dataset.unit, row.querySelector('.tf-tag').innerText])"
    assert page.locator(".tf-row").evaluate_all(tags) == [
        ["intent", "w1"], ["lookups", "w2"], ["draft", "w1 w2"], ["approval", ""],
    ]  # fmt: skip
    bar = page.locator("[data-unit=draft] .tf-span[data-kind=run]").last
    assert bar.get_attribute("title") == "attempt 2 ran 3.0 s on w2 host-b:4:bb"
    assert "ran 3.0 s on w2" in page.locator("[data-unit=draft]").inner_text()


def test_one_worker_needs_no_telling(make: SimpleNamespace, show: Any) -> None:
    page = show(make.finished(), spans=spans_of(make.triage(), make.finished(), told(make, "host-a:17:aa")))
    page.get_by_role("button", name="Timeline", exact=True).click()
    assert page.locator(".tf-row").count() == 4
    assert page.locator(".tf-tag").count() == 0
    assert not page.get_by_text("w1 host-a").first.is_visible()
    assert (
        "tf-tag"
        not in render_html(make.triage(), make.finished(), events=told(make, "a")).split("</style>")[1]
    )


def test_the_page_of_a_run_names_its_workers(make: SimpleNamespace) -> None:
    page = render_html(make.triage(), make.finished(), events=told(make, "a<b>", "c"))
    assert "w1 a&lt;b&gt; · w2 c" in page
    assert "<b class='tf-tag'>w1 w2</b>" in page
    assert "attempt 2 ran 3.0 s on w2 c" in page
