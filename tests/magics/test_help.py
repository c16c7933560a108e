"""What the notebook says while one types."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
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


def test_a_question_mark_shows_the_graph_to_who_can_show_it(notebook: Notebook) -> None:
    """Of a chain only; what is in its words is no markup."""
    notebook.ok(CHAIN.replace("Sort a message.", "![x](y) <b>bold</b>"))
    inspected: Any = notebook.shell.object_inspect_mime
    told = inspected("triage")["text/markdown"]
    *words, graph = told.rstrip().split("\n\n")
    assert words[0] == "    ![x](y) <b>bold</b>"
    assert all(line.startswith("    ") for part in words for line in part.splitlines())
    assert graph.startswith("![The chain's graph](data:image/svg+xml;base64,")
    assert "text/markdown" not in inspected("print")
    notebook.ok("%unload_ext tinyflow_nb")
    assert "text/markdown" not in inspected("triage")
    notebook.ok("%load_ext tinyflow_nb")


@pytest.mark.parametrize(("line", "told"), [
    ("%tinyflow run triag", "did you mean 'triage'?"),  # a cell's chain
    ("%tinyflow run publishd", "did you mean 'published'?"),
    ("%tinyflow show published@prd", "did you mean published@prod?"),
    ("%tinyflow attach triag", "did you mean 'triage'?"),
    ("%tinyflow run triage -i qestion=x", "did you mean 'question'?"),
    ("%tinyflow run triage --dedline 3m", "did you mean --deadline?"),
    ("triage.start(qestion='x')", "did you mean 'question'?"),
    ("triage.call('intnt', question='x')", "did you mean 'intent'?"),
    ("triage.last['intnt']", "did you mean 'intent'?"),
    ("%%tinyflow other --bind triag\ndef a(): return 1", "did you mean 'triage'?"),
])  # fmt: skip
def test_what_is_nearly_a_name_is_guessed(notebook: Notebook, line: str, told: str) -> None:
    notebook.ok("%%tinyflow published\ndef a(): return 1")
    notebook.ok("%tinyflow publish published\n%tinyflow label published@1 prod\ndel published")
    notebook.ok(CHAIN)
    notebook.ok("await triage.start(question='x')")
    assert told in notebook.run(line).told


def test_node_names_are_offered_inside_quotes(notebook: Notebook) -> None:
    notebook.ok(CHAIN.replace("def intent(question): return question",
                              "@llm('m')\ndef intent(question): 'Sort: {{ question }}'"))  # fmt: skip
    assert notebook.complete('triage.call("') == ['triage.call("intent', 'triage.call("reply']
    assert notebook.complete("triage.prompt('") == ["triage.prompt('intent"]  # no other has a prompt
    assert notebook.complete('triage.last["re') == ['triage.last["reply']
    notebook.ok("other = dict(call=1)")
    assert notebook.complete('other.call("') == []


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
