"""`%%tinyflow`: the cell becomes a chain, a handle, a run and a view."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances

from tests.magics.conftest import Notebook
from tinyflow_nb.errors import ChainFailed, ChainSuspended, DefinitionError, InputError
from tinyflow_nb_magics.magic_line import MagicError
from tinyflow_nb_magics.session import Session

WIDGET = "application/vnd.jupyter.widget-view+json"
ECHO = "%%tinyflow echo -i text=hello\ndef shout(text): return text.upper()"
ASK = "%%tinyflow ask {}\n@confirm\ndef sure(): 'Really?'\ndef end(sure): return 'yes' if sure else 'no'"


def until(predicate: Callable[[], Any], timeout: float = 60) -> Any:
    end = time.monotonic() + timeout
    while not (value := predicate()):
        assert time.monotonic() < end, "not true in time"
        time.sleep(0.01)
    return value


def run_count(session: Session) -> int:
    return len(session.call(session.executor.runs()).runs)


def act(shown: dict[str, Any], action: dict[str, Any]) -> None:
    """What the front end sends for a click."""
    widget = _instances[shown[WIDGET]["model_id"]]
    widget._handle_custom_msg({"type": "action", "id": f"{action}", "action": action}, [])


def test_a_cell_shows_its_chain_and_binds_its_handle(notebook: Notebook) -> None:
    ran = notebook.ok(ECHO)
    assert ran.value is None
    (shown,) = ran.shown
    assert shown["text/plain"] == "echo: 1 node"
    assert shown["image/svg+xml"].startswith("<svg")
    assert WIDGET in shown
    assert notebook.ok("await echo.last").value == "HELLO"


def test_the_first_picture_never_varies(notebook: Notebook) -> None:
    """Rule 42: nbval compares it."""
    first = notebook.ok(ECHO).shown[0]
    notebook.ok("await echo.last")
    again = notebook.ok(ECHO).shown[0]
    assert first["image/svg+xml"] == again["image/svg+xml"]
    assert first["text/plain"] == again["text/plain"]


def test_the_line_is_not_expanded(notebook: Notebook) -> None:
    """Rule 38."""
    notebook.ok("x = 'WRONG'")
    notebook.ok('%%tinyflow echo -i text="{x} $x ${x}"\ndef same(text): return text')
    assert notebook.ok("await echo.last").value == "{x} $x ${x}"


def test_a_variable_is_taken_by_copy(notebook: Notebook) -> None:
    """Rule 38."""
    notebook.ok("docs = [['a'], ['b']]")
    notebook.ok("%%tinyflow c -i docs=@docs\ndocs: list[list[str]]\ndef n(docs): return [d[0] for d in docs]")
    notebook.ok("docs[0][0] = 'changed'")
    assert notebook.ok("await c.last").value == ["a", "b"]
    assert notebook["c"].last.state.inputs == {"docs": [["a"], ["b"]]}


def test_a_quoted_at_sign_is_text(notebook: Notebook) -> None:
    notebook.ok('%%tinyflow c -i text="@docs"\ndef n(text: str): return text')
    assert notebook.ok("await c.last").value == "@docs"


def test_text_becomes_what_the_input_says(notebook: Notebook) -> None:
    """Rule 38."""
    notebook.ok(
        "%%tinyflow c -i n=3 x=2.5 yes=yes words='[\"a\"]' plain=3\n"
        "n: int\nx: float\nyes: bool\nwords: list[str]\nplain: str\n"
        "def every(n, x, yes, words, plain): return [n, x, yes, words, plain]"
    )
    assert notebook.ok("await c.last").value == [3, 2.5, True, ["a"], "3"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "%%tinyflow needs the chain's name: %%tinyflow NAME -i question=..."),
        ("echo more", "%%tinyflow: unexpected 'more'; quote a value that has spaces"),
        ("echo text=x", "%%tinyflow: unexpected 'text=x'; write -i text=x"),
        ("two-words", "'two-words' can't be a chain's name: letters, digits and _ make one"),
        ("class", "'class' can't be a chain's name: letters, digits and _ make one"),
        ("taken", "taken is bound to a int in this notebook: choose another name, or `del taken`"),
        ("list", "list is a builtin of Python: choose another name"),
        ("echo -i text=@tken", "text=@tken: the notebook has no 'tken'; did you mean 'taken'?"),
        ("echo -i text=@this", "text=@this gave"),
        ("echo --bind nothing", "--bind nothing: the notebook has no 'nothing'"),
        ("echo --dedline 3m", "%%tinyflow has no flag --dedline; did you mean --deadline?"),
    ],
)
def test_a_wrong_line_is_refused(notebook: Notebook, session: Session, line: str, message: str) -> None:
    notebook.ok("taken = 1; this = object()")
    ran = notebook.run(f"%%tinyflow {line}\ndef shout(text): return text")
    assert isinstance(ran.error, MagicError)
    assert ran.told.startswith(f"MagicError: {message}")
    assert "echo" not in notebook.shell.user_ns
    assert run_count(session) == 0


def test_mistakes_are_shown_under_their_lines(notebook: Notebook, session: Session) -> None:
    """Rules 31-37: all of them, at line and column, and nothing runs."""
    ran = notebook.run("%%tinyflow c\ndef a(text):\n    return lenght(text)\n\ndef b(a): ...")
    assert isinstance(ran.error, DefinitionError)
    assert [(p.line, p.column) for p in ran.error.problems] == [(3, 12), (5, 5)]
    lines = ran.told.splitlines()
    assert lines[0] == "DefinitionError: c: 2 mistakes; nothing was run"
    assert lines[2:5] == [
        "  line 3 |     return lenght(text)",
        "         |            ^",
        "         'lenght' is not defined",
    ]
    assert "c" not in notebook.shell.user_ns
    assert run_count(session) == 0


def test_a_caret_stands_behind_a_tab(notebook: Notebook) -> None:
    ran = notebook.run("%%tinyflow c\ndef a(text):\n\treturn lenght(text)")
    assert "\n         | \t       ^\n" in ran.told


def test_a_warning_refuses_nothing(notebook: Notebook) -> None:
    ran = notebook.ok(
        "%%tinyflow c -i n=1\nfrom typing import Literal\n"
        "def kind(n: int) -> Literal['a', 'b']: return 'a'\n"
        "@node(when=\"kind == 'a'\")\ndef only(kind) -> str: return 'x'"
    )
    assert ran.printed.startswith("Warning:\n  line ")
    assert notebook.ok("await c.last").value == "x"


def test_an_unknown_or_wrong_input_starts_nothing(notebook: Notebook, session: Session) -> None:
    for line, told in [("txt=a", "did you mean 'text'?"), ("text=a n=b", "n: must be a whole number")]:
        ran = notebook.run(
            f"%%tinyflow c -i {line}\ntext: str\nn: int = Input(1)\ndef a(text, n): return text"
        )
        assert isinstance(ran.error, InputError), line
        assert told in ran.told
    assert run_count(session) == 0


def test_missing_inputs_show_their_form(notebook: Notebook, session: Session) -> None:
    """Nothing is started until the form is sent; it then runs with what was filled in."""
    ran = notebook.ok("%%tinyflow c -i a=1\na: int\nb: int\ndef total(a, b): return a + b")
    assert ran.printed == "c was not started. It needs b: fill in the form, or add -i b=...\n"
    assert run_count(session) == 0
    widget = _instances[ran.shown[0][WIDGET]["model_id"]]
    (form,) = until(lambda: widget.snapshot["forms"])
    assert (list(form["schema"]["properties"]), form["initial"]) == (["a", "b"], {"a": 1})
    act(ran.shown[0], {"type": "start", "inputs": {"a": 1, "b": 2}})
    until(lambda: notebook["c"].has_run)
    assert notebook.ok("await c.last").value == 3
    until(lambda: widget.snapshot["run"]["status"] == "SUCCEEDED")


def test_the_form_is_filled_from_the_last_run(notebook: Notebook) -> None:
    """Rule 38."""
    cell = "a: int\nb: int\ndef total(a, b): return a + b"
    notebook.ok(f"%%tinyflow c -i a=1 b=2\n{cell}")
    ran = notebook.ok(f"%%tinyflow c -i a=5\n{cell}")
    widget = _instances[ran.shown[0][WIDGET]["model_id"]]
    (form,) = until(lambda: widget.snapshot["forms"])
    assert form["initial"] == {"a": 5, "b": 2}


def test_running_a_cell_again_stops_its_own_unfinished_run(notebook: Notebook) -> None:
    """Rule 38: and says so; a run started by code is not touched."""
    notebook.ok(ASK.format(""))
    own, started = notebook["ask"].last, notebook["ask"].start()
    ran = notebook.ok(ASK.format(""))
    assert ran.printed == f"Stopped this cell's earlier run {own.id}; --keep leaves it running.\n"
    assert own.status == "CANCELLED"
    until(lambda: started.status == "SUSPENDED")
    assert notebook["ask"].last.id not in (own.id, started.id)


def test_keep_leaves_it(notebook: Notebook) -> None:
    notebook.ok(ASK.format(""))
    own = notebook["ask"].last
    assert f"earlier run {own.id} goes on" in notebook.ok(ASK.format("--keep")).printed
    until(lambda: own.status == "SUSPENDED")


def test_a_published_run_is_left(notebook: Notebook) -> None:
    assert notebook.ok(ASK.format("--publish")).printed == "Published ask@1\n"
    own = notebook["ask"].last
    assert own.state.chain == "ask@1"
    assert f"earlier run {own.id} goes on" in notebook.ok(ASK.format("")).printed
    until(lambda: own.status == "SUSPENDED")


def test_a_broken_edit_leaves_the_running_one(notebook: Notebook) -> None:
    notebook.ok(ASK.format(""))
    handle = notebook["ask"]
    assert notebook.run("%%tinyflow ask\ndef broken(: pass").error is not None
    assert notebook["ask"] is handle
    until(lambda: handle.last.status == "SUSPENDED")


def test_no_run_checks_and_binds(notebook: Notebook, session: Session) -> None:
    ran = notebook.ok("%%tinyflow echo --no-run\ndef shout(text): return text.upper()")
    assert ran.shown[0]["text/plain"] == "<chain echo(text): shout>"
    assert run_count(session) == 0
    assert notebook.ok("await echo.start(text='a')").value == "A"


def test_wait_gives_the_result(notebook: Notebook) -> None:
    assert notebook.ok(ECHO.replace("text=hello", "text=hello --wait")).value == "HELLO"


def test_wait_does_not_wait_for_people(notebook: Notebook) -> None:
    """Rule 15."""
    ran = notebook.run(ASK.format("--wait"))
    assert isinstance(ran.error, ChainSuspended)
    assert list(ran.error.forms) == ["sure"]


def test_deadline(notebook: Notebook) -> None:
    """Rule 14: a wall clock, waiting for people included."""
    notebook.ok(ASK.format("--deadline 0.3"))
    ran = notebook.run("await ask.last.finished()")
    assert isinstance(ran.error, ChainFailed)
    wrong = notebook.run(ASK.format("--deadline soon"))
    assert isinstance(wrong.error, InputError)
    assert 'such as "90s"' in wrong.told


def test_bind_embeds_a_copy(notebook: Notebook) -> None:
    """Rule 37."""
    notebook.ok("rates = {'eur': 2}")
    notebook.ok("%%tinyflow c --bind rates -i n=4\ndef price(n: int): return n * rates['eur']")
    assert notebook.ok("await c.last").value == 8
    notebook.ok("rates['eur'] = 100")
    assert notebook.ok("await c.start(n=1)").value == 2
    assert notebook.ok("c.call('price', n=3)").value == 6


def test_a_bound_value_is_there_after_an_answer(notebook: Notebook) -> None:
    """Rule 37: it is stored with the run."""
    notebook.ok("rates = [3]")
    notebook.ok("%%tinyflow c --bind rates\nRATE = rates[0]\n@confirm\ndef ok(): 'x'\ndef b(ok): return RATE")
    notebook.run("await c.last")
    notebook.ok("c.last.resume(True)")
    assert notebook.ok("await c.last").value == 3


def test_bind_refuses_a_secret(notebook: Notebook) -> None:
    """Rule 37."""
    notebook.ok("api_key = 'abc'")
    ran = notebook.run("%%tinyflow c --bind api_key\ndef a(): return api_key")
    assert isinstance(ran.error, DefinitionError)
    assert "looks like a secret" in ran.told


@pytest.mark.parametrize("cell", ["%%tinyflow c -h", "%%tinyflow -h\n\n"])
def test_help_needs_no_body(notebook: Notebook, cell: str) -> None:
    assert notebook.ok(cell).printed.startswith("%%tinyflow NAME [flags]")


def test_a_cell_without_a_body_stops_a_run_of_all_cells(notebook: Notebook) -> None:
    """IPython's own UsageError would stop nothing."""
    ran = notebook.run("%%tinyflow c")
    assert isinstance(ran.error, DefinitionError)
    assert "the cell has no node" in ran.told


def test_help(notebook: Notebook, session: Session) -> None:
    ran = notebook.ok("%%tinyflow -h\n#")
    assert "--keep" in ran.printed
    assert not session.is_open


def test_a_failure_points_into_the_cell(notebook: Notebook) -> None:
    ran_cell = notebook.ok("%%tinyflow c\ndef a():\n    return 1 / 0")
    assert ran_cell.error is None
    ran = notebook.run("await c.last")
    assert isinstance(ran.error, ChainFailed)
    assert "> a failed (line 3, attempt 1): ZeroDivisionError: division by zero" in ran.told
    assert "line 3, in a\n    return 1 / 0" in ran.told
    assert "site-packages" not in ran.told


def test_clicks_act_on_the_run(notebook: Notebook) -> None:
    """An answer that does not fit comes back at its field; the right one resumes; once is enough."""
    shown = notebook.ok(
        "%%tinyflow c\nfrom pydantic import BaseModel\nclass A(BaseModel):\n    n: int\n"
        "@confirm\ndef ask() -> A: 'n?'\ndef end(ask): return ask.n + 1"
    ).shown[0]
    until(lambda: notebook["c"].last.status == "SUSPENDED")
    answers: list[Any] = []
    widget = _instances[shown[WIDGET]["model_id"]]
    widget.send = answers.append  # what the front end is told
    act(shown, {"type": "resume", "unit": "ask", "answer": {"n": "x"}, "answer_id": "1"})
    refused = until(lambda: [a for a in answers if a["type"] == "ack"])[0]
    assert not refused["ok"]
    assert "must be a whole number" in refused["fields"]["n"]
    act(shown, {"type": "resume", "unit": "ask", "answer": {"n": 4}, "answer_id": "2"})
    assert notebook.ok("await c.last.finished()").value == 5
    assert notebook["c"].last["ask"].state.answered_by["who"]


def test_stop_and_retry_buttons(notebook: Notebook) -> None:
    shown = notebook.ok(ASK.format("")).shown[0]
    run = notebook["ask"].last
    act(shown, {"type": "stop"})
    until(lambda: run.status == "CANCELLED")
    widget = _instances[shown[WIDGET]["model_id"]]
    until(lambda: widget.snapshot["run"]["status"] == "CANCELLED")
    act(shown, {"type": "retry"})
    until(lambda: run.status == "SUSPENDED")
    until(lambda: widget.snapshot["run"]["status"] == "SUSPENDED")
