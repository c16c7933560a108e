"""What the notebook says while one types, and the boards without a page."""

from __future__ import annotations

import inspect

import pytest
from IPython.core.oinspect import getdoc

from tests.magics.conftest import Notebook
from tests.magics.test_commands import ASK
from tinyflow_nb.model.figures import ChainFigures, Figures
from tinyflow_nb_magics.metrics_view import MetricsView

CHAIN = '''%%tinyflow triage --no-run
"""Sort a message."""
question: str
tone: str | None = Input("polite", description="how it sounds")
top: int = Input(3)
def intent(question): return question
def reply(intent, tone, top): return intent
'''


def test_a_question_mark_shows_inputs_and_graph(notebook: Notebook) -> None:
    notebook.ok(CHAIN)
    told = getdoc(notebook["triage"])
    assert told is not None
    assert told.splitlines() == [
        "Sort a message.",
        "",
        "Inputs",
        "  question  a text",
        "  tone      a text or none; 'polite' if not given  how it sounds",
        "  top       a whole number; 3 if not given",
        "",
        "Nodes",
        "  intent  code  at once",
        "  reply   code  after intent",
    ]


def test_the_signature_of_start_is_the_chains_inputs(notebook: Notebook) -> None:
    notebook.ok(CHAIN)
    start = notebook["triage"].start
    assert str(inspect.signature(start)).startswith(
        "(*, question: str, tone: str | None = 'polite', top: int = 3, deadline=None)"
    )
    assert "Start a run" in (start.__doc__ or "")
    assert notebook.ok("run = triage.start({'question': 'x'}, deadline='3m')\nawait run").value == "x"
    assert notebook.ok("await triage.start(question='y')").value == "y"


def test_statuses_waiting_nodes_and_a_runs_nodes_are_offered(notebook: Notebook) -> None:
    notebook.ok(ASK)
    notebook.run("await ask.last")
    assert notebook.complete("%tinyflow runs --status S") == [
        "%tinyflow runs --status SUSPENDED",
        "%tinyflow runs --status SUCCEEDED",
    ]
    assert notebook.complete("%tinyflow resume ask --node ") == ["%tinyflow resume ask --node sure"]
    assert notebook["ask"].last._ipython_key_completions_() == ["sure", "end"]


def test_a_cell_run_again_says_what_becomes_of_its_earlier_run(notebook: Notebook) -> None:
    """Rule 38."""
    notebook.ok(ASK)
    first = notebook["ask"].last.id
    kept = notebook.ok(ASK.replace("%%tinyflow ask", "%%tinyflow ask --keep")).printed
    assert kept == f"This cell's earlier run {first} goes on: %tinyflow attach {first} shows it.\n"
    second = notebook["ask"].last.id
    assert f"Stopped this cell's earlier run {second}" in notebook.ok(ASK).printed


@pytest.mark.parametrize("command", ["waiting", "runs"])
def test_a_board_without_a_page_is_a_table_that_stays(notebook: Notebook, command: str) -> None:
    """Rule 42: no widget mime before a page said that it is there."""
    notebook.ok(ASK)
    notebook.run("await ask.last")
    [shown] = notebook.ok(f"%tinyflow {command}").shown
    assert sorted(shown) == ["text/html", "text/plain"]
    assert notebook["ask"].last.id in shown["text/plain"]


def test_metrics_count_the_runs(notebook: Notebook) -> None:
    notebook.ok("%%tinyflow done\ndef a(): return 1")
    notebook.ok("await done.last")
    view = notebook.ok("%tinyflow metrics").value
    assert view.figures.all.runs == {"SUCCEEDED": 1}
    head, every, one, about = repr(view).splitlines()
    assert head.split() == ["chain", "runs", "success", "p50", "p95", "tokens", "in", "tokens", "out"]
    assert every.split()[:4] == ["all", "1", "100", "%"]
    assert one.split()[0] == "done"
    assert about == "Of all 1 runs; backlog: 0 ready, nobody at work."


def test_metrics_as_charts_hold_no_markup_of_a_name() -> None:
    chains = {
        f"<b>{n}</b>": ChainFigures({"FAILED": 2, "SUCCEEDED": 1}, 1 / 3, 0.5, 70.0, 5, 7) for n in range(40)
    }
    html = MetricsView(Figures(ChainFigures({"FAILED": 80}), chains, 1000, False, 100, 12345))._repr_html_()
    assert "<b>0" not in html
    assert html.count("<tr") == 1 + 1 + 30
    assert "12 345 ready" in html
    assert "10 more chains" in html
    assert "aria-label='half took up to 0.50 s, 95 % up to 1 m 10 s'" in html
    assert repr(MetricsView(Figures(ChainFigures(), {}, 0, True, 0, 0))) == "No runs."
