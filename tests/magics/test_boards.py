"""The boards without a page: what they keep, what they tell one, and the figures."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.magics.conftest import Notebook
from tests.magics.test_commands import ASK
from tinyflow_nb.errors import InvalidOperation, UnknownChain
from tinyflow_nb.model.figures import Backlog, ChainFigures, Figures, Stretch
from tinyflow_nb.model.state import RunCounts
from tinyflow_nb.model.status import Status
from tinyflow_nb_magics.charts import Layer, bars, spark, stacked
from tinyflow_nb_magics.metrics_view import MetricsView

SIX = "%%tinyflow six\ndef a(n: int): return 6 // n"


def look(board: Any, opened: str = "", **query: str) -> dict[str, Any]:
    asked = {"chain": "", "status": "", "cursor": "", **query}
    reply = board.act({"type": "look", "query": asked, "opened": opened})
    assert reply["ok"]
    picture: dict[str, Any] = reply["picture"]
    return picture


def ids(picture: dict[str, Any]) -> list[str]:
    return [row["id"] for row in picture["rows"]]


@pytest.mark.parametrize("command", ["waiting", "runs"])
def test_a_board_is_a_table_and_a_place_in_the_file(notebook: Notebook, command: str) -> None:
    """Rule 42: never a widget mime, so that nothing is missing where no kernel is."""
    notebook.ok(ASK)
    notebook.run("await ask.last")
    [shown] = notebook.ok(f"%tinyflow {command}").shown
    assert sorted(shown) == ["text/html", "text/plain"]
    assert notebook["ask"].last.id in shown["text/plain"]
    assert re.search(r"<div class='tf-kept'><table>.*</div><div class='tf-place' data-tf-view='\w+'></div>",
                     shown["text/html"])  # fmt: skip
    assert f"<code>%tinyflow {command}</code> looks again" in shown["text/html"]


def test_runs_are_filtered_and_paged_over_the_whole_store(notebook: Notebook, monkeypatch: Any) -> None:
    notebook.ok(SIX + "\n")
    for n in range(5):
        notebook.run(f"await six.start(n={n})")
    notebook.ok(ASK)
    notebook.run("await ask.last")
    board = notebook.ok("%tinyflow runs -n 2").value
    assert repr(board).splitlines()[-1] == "The newest 2 of 6; -n 4 shows more."
    monkeypatch.setattr("tinyflow_nb_magics.runs_board.MOST", 3)
    many = notebook.ok("%tinyflow runs -n 5").value
    assert (len(many.rows), len(look(many)["rows"])) == (5, 3), "what is looked at often stays small"
    newest = look(board)
    assert newest["counts"] == {"SUCCEEDED": 4, "FAILED": 1, "SUSPENDED": 1}
    assert (newest["total"], newest["complete"]) == (6, True)
    assert newest["chains"] == [("ask", "ask (1)"), ("six", "six (5)")]
    failed = look(board, status="FAILED")
    assert [row["note"] for row in failed["rows"]] == ["integer division or modulo by zero"]
    assert failed["counts"] == newest["counts"], "of the others, too: to choose from"
    pages, cursor = [], ""
    while True:
        page = look(board, chain="six", cursor=cursor)
        pages.append(ids(page))
        if not (cursor := page["next"]):
            break
    assert [len(page) for page in pages] == [2, 2, 1]
    assert pages[2] == ids(failed), "the oldest"
    assert page["counts"] == {"SUCCEEDED": 4, "FAILED": 1}
    waiting = look(board, opened=pages[2][0])
    assert waiting["opened"]["word"] == "failed", "the opened one's row, wherever it is"
    assert look(board, opened=pages[2][0], status="FAILED")["opened"] is None, "it is on the page"
    assert look(board, opened="nobody")["opened"] is None
    with pytest.raises(InvalidOperation):
        board.act({"type": "dance"})


def test_a_page_whose_runs_were_forgotten_is_the_first_one(notebook: Notebook) -> None:
    notebook.ok(SIX + "\n")
    for n in (1, 2, 3):
        notebook.run(f"await six.start(n={n})")
    board = notebook.ok("%tinyflow runs -n 2").value
    cursor = look(board)["next"]
    session = notebook["six"].last._session
    for run in session.call(session.executor.runs()).runs:
        session.call(session.executor.delete(run.id))
    notebook.run("await six.start(n=4)")
    page = look(board, cursor=cursor)
    assert page["query"]["cursor"] == ""
    assert ids(page) == [notebook["six"].last.id]


def test_a_label_is_the_version_it_stands_for(notebook: Notebook) -> None:
    notebook.ok(SIX.replace("six", "six --publish", 1) + "\n")
    notebook.ok("await six.start(n=1)")
    one = notebook["six"].last.id
    notebook.ok("%tinyflow label six@1 prod")
    board = notebook.ok("%tinyflow runs six@prod").value
    assert [row[0] for row in board.rows] == [one]
    picture = board.picture()
    assert picture["chains"] == [
        ("six", "six (1)"), ("six@1", "\u2003@1, prod (1)"), ("six@prod", "six@prod"),
    ]  # fmt: skip
    notebook.ok("%tinyflow unlabel six@prod")
    with pytest.raises(UnknownChain, match="label"):
        look(board, chain="six@prod")


def test_more_runs_than_are_counted_is_said_openly(notebook: Notebook, monkeypatch: Any) -> None:
    notebook.ok(SIX + "\n")
    for n in (1, 2):
        notebook.run(f"await six.start(n={n})")

    async def counts() -> RunCounts:
        return RunCounts({("six@#1", Status.SUCCEEDED): 20_000}, False)

    monkeypatch.setattr(notebook["six"].last._session.executor, "counts", counts)
    board = notebook.ok("%tinyflow runs -n 1").value
    assert repr(board).splitlines()[-1] == "The newest 1 of 20 000+; -n 2 shows more."
    picture = board.picture()
    assert (picture["complete"], picture["chains"]) == (False, [("six", "six (20 000+)")])


def test_a_run_is_opened_once(notebook: Notebook) -> None:
    notebook.ok(ASK)
    board = notebook.ok("%tinyflow runs").value
    run = notebook["ask"].last.id
    opened = board.act({"type": "open", "run": run})
    assert opened["ok"]
    assert board.act({"type": "open", "run": run}) == opened, "the same view, however often"


def test_the_inbox_says_what_became_of_its_forms(notebook: Notebook) -> None:
    """Rule 16: the first answer wins; who comes too late is told."""
    notebook.ok(ASK)
    notebook.run("await ask.last")
    for name in ("late", "stopped", "gone"):
        notebook.ok(f"{name} = ask.start()")
        notebook.run(f"await {name}")
    board = notebook.ok("%tinyflow waiting").value
    forms = {form["run"]: form for form in board.picture()["forms"]}
    assert len(forms) == 4
    here, late, stopped, gone = (
        notebook["ask"].last.id if name == "ask" else notebook[name].id
        for name in ("ask", "late", "stopped", "gone")
    )
    here = next(run for run in forms if run not in (late, stopped, gone))

    def answer(run: str) -> dict[str, Any]:
        form = forms[run]
        action = {"type": "resume", "run": run, "unit": form["unit"], "key": form["key"]}
        reply: dict[str, Any] = board.act({**action, "answer": {"ok": True, "n": 1}, "answer_id": run})
        return reply

    assert answer(here)["ok"]
    notebook.ok("late.resume(ok=True, n=2)")
    notebook.ok("stopped.stop()\ngone.stop()")
    session = notebook["late"]._session
    session.call(session.executor.delete(gone))
    refused = answer(late)
    assert not refused["ok"]
    assert refused["picture"]["waiting"] == 0
    records = {record["run"]: record for record in refused["picture"]["records"]}
    assert records[here]["word"].startswith("answered by ")
    assert (records[here]["here"], records[late]["here"]) == (True, False)
    assert records[late]["word"].startswith("answered elsewhere by ")
    assert records[late]["at"] is not None
    assert records[stopped]["word"] == "asks no more: its run cancelled"
    assert records[gone]["word"] == "its run is gone"
    assert board.picture()["records"] == refused["picture"]["records"], "they stay as they were"


# ------------------------------------------------------------------ figures


def test_metrics_count_the_runs(notebook: Notebook) -> None:
    notebook.ok("%%tinyflow done\ndef a(): return 1")
    notebook.ok("await done.last")
    view = notebook.ok("%tinyflow metrics").value
    assert view.figures.all.runs == {"SUCCEEDED": 1}
    head, every, one, _, over_time, *series, _, now, about = repr(view).splitlines()
    assert head.split() == [
        "chain",
        "runs",
        "success",
        "p50",
        "p95",
        "tokens",
        "in",
        "tokens",
        "out",
        "ended",
    ]
    assert every.split()[:4] == ["all", "1", "100", "%"]
    assert one.split()[0] == "done"
    assert one.split()[-1].strip("·") == "█", "in one of the steps, not always the last by now"
    assert over_time.startswith("Over time, in steps of 10 seconds since 20")
    assert [line.split()[0] for line in series] == ["succeeded", "took,", "took,"]
    assert now == "Now: 0 ready, nobody at work, 0 at work, 0 runs wait for a person, 0 timers set."
    assert about == "Of all 1 run."


def figures(chains: int = 1, **fields: Any) -> Figures:
    series = [Stretch()] * 23 + [Stretch({"SUCCEEDED": 2, "FAILED": 1}, 0.5, 70.0, 1200, 34)]
    of = ChainFigures({"FAILED": 1, "SUCCEEDED": 2}, 2 / 3, 0.5, 70.0, 1200, 34, series=series)
    named = {f"<u>{n}</u>": of for n in range(chains)}
    return Figures(of, named, 1000, False, 100, Backlog(), 1_900_000_000.0, 3600.0, **fields)


def test_metrics_as_charts_hold_no_markup_of_a_name() -> None:
    html = MetricsView(figures(chains=40))._repr_html_()
    assert "<u>" not in html
    assert html.count("<tr") == 1 + 20
    assert "20 more chains" in html
    assert repr(MetricsView(Figures(ChainFigures(), {}, 0, True, 0, Backlog()))) == "No runs."


def test_each_chart_says_in_words_what_it_shows() -> None:
    html = MetricsView(figures())._repr_html_()
    labels = re.findall(r"<svg role='img' aria-label='([^']*)'", html)
    assert len(labels) == 3 + 3, "of all, and of the one chain"
    ended, took, tokens, *_ = labels
    assert ended.startswith("Ended: 66.7 % of 3 succeeded, in steps of 1 hour since 2030-03-1")
    assert ended.endswith("2 succeeded, 1 failed")
    assert took.startswith("Took: half up to 0.50 s, 95 % up to 1 m 10 s")
    assert tokens.startswith("Tokens: 1 234 in the newest 100 runs")
    assert tokens.endswith("1 200 in, 34 out")
    assert labels[3] == "2 succeeded, 1 failed"
    assert html.count("<title>") == 3 * 24, "what each bar is, under the mouse"


def test_the_backlog_and_a_cost_are_told() -> None:
    shown = figures()
    shown.backlog = Backlog(ready=12_345, running=1, suspended=1, timers=2, overdue=1, complete=False)
    shown.all.cost = 12.5
    shown.all.series[-1].cost = 12.5
    html, text = MetricsView(shown)._repr_html_(), repr(MetricsView(shown))
    assert "<b>12 345</b> ready, nobody at work" in html
    assert (
        "Now: 12 345 ready, nobody at work, 1+ at work, 1+ run waits for a person, 2+ timers set, 1 overdue."
        in text
    )
    assert "aria-label='Cost: 12.50" in html
    assert re.search(r"cost +·{23}█  12\.50", text)


@pytest.mark.parametrize(
    ("values", "line"), [([], ""), ([0, None], "··"), ([1, 4, 8], "▂▅█"), ([1e-9, 1], "▁█"), ([3], "█")]
)
def test_a_series_is_a_line_of_blocks(values: list[float | None], line: str) -> None:
    assert spark(values) == line


def test_layers_stand_on_one_another_and_the_least_is_seen() -> None:
    layers = stacked([Layer("SUCCEEDED", [1, 0, 400]), Layer("FAILED", [0, 1, 0])])
    assert layers == [Layer("FAILED", [1, 1, 400]), Layer("SUCCEEDED", [1, 0, 400])]
    drawn = bars("<x>", layers, (30, 12))
    assert "aria-label='&lt;x&gt;'" in drawn
    assert "M0.0 12v-1.5h8.0v1.5z" in drawn
    assert "M20.0 12v-10.0h8.0v10.0z" in drawn
    assert bars("none", [Layer("READY", [])], (30, 12)).count("<path") == 1, "the floor"
