"""What the notebook says while one types."""

from __future__ import annotations

import inspect

from IPython.core.oinspect import getdoc

from tests.magics.conftest import Notebook
from tests.magics.test_commands import ASK

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
