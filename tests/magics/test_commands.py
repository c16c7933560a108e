"""`%tinyflow COMMAND`: each does what the cheat sheet says, and wrong ones say what is right."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.magics.conftest import Notebook
from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.errors import ResumeError, SettingsError, StoreError, UnknownChain, UnknownRun
from tinyflow_nb_magics.help import COMMAND_FLAGS, COMMANDS, NOT_YET
from tinyflow_nb_magics.magic_line import MagicError
from tinyflow_nb_magics.session import Session

ASK = """%%tinyflow ask
from pydantic import BaseModel
class Answer(BaseModel):
    ok: bool
    n: int = 1
@confirm
def sure() -> Answer: "Sure?"
def end(sure: Answer) -> str: return f"{sure.ok} {sure.n}"
"""


@pytest.fixture
def ask(notebook: Notebook) -> str:
    """The id of a run that waits."""
    notebook.ok(ASK)
    notebook.run("await ask.last")
    run_id: str = notebook["ask"].last.id
    return run_id


def test_alone_it_lists_every_command(notebook: Notebook, session: Session) -> None:
    for line in ("%tinyflow", "%tinyflow -h", "%tinyflow help"):
        sheet = notebook.ok(line).printed
        assert {line.split()[0] for line in sheet.splitlines() if line.startswith("  ")} == set(COMMANDS)
        assert max(map(len, sheet.splitlines())) < 90  # a cell's width
    assert not session.is_open


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(notebook: Notebook, session: Session, command: str) -> None:
    told = notebook.ok(f"%tinyflow {command} -h").printed
    assert told.startswith(f"%tinyflow {command}")
    assert all(f"  {flag.name} " in told for flag in COMMAND_FLAGS.get(command, ()))
    assert not session.is_open


@pytest.mark.parametrize("command", NOT_YET)
def test_later_commands_say_so(notebook: Notebook, command: str) -> None:
    assert notebook.run(f"%tinyflow {command} x").told == f"MagicError: %tinyflow {command} is not there yet"


@pytest.mark.parametrize(
    ("line", "error", "told"),
    [
        ("rns", MagicError, "%tinyflow has no command 'rns'; did you mean 'runs'?"),
        ("xyz", MagicError, "%tinyflow has no command 'xyz'; %tinyflow alone lists the commands"),
        ("stop", MagicError, "%tinyflow stop needs a run's id"),
        ("stop a b", MagicError, "%tinyflow stop: unexpected 'b'"),
        ("waiting x", MagicError, "%tinyflow waiting: unexpected 'x'"),
        ("runs -n many", MagicError, "-n takes a number from 1, not 'many'"),
        ("runs --status FAILD", MagicError, "a run has no status 'FAILD'; did you mean 'FAILED'?"),
        ("attach nothing", UnknownRun, "no run 'nothing' in this store"),
        ("run nothing", UnknownChain, "no chain 'nothing' is published here"),
        ("publish nothing", MagicError, "this notebook has no chain 'nothing'; run its %%tinyflow cell"),
        ("resume", MagicError, "%tinyflow resume needs a run's id, then the answer"),
        ("attach @who", MagicError, "@who: the notebook has no 'who'"),
        ("connect nowhere", SettingsError, "'nowhere' is no store's address"),
    ],
)  # fmt: skip
def test_wrong_lines(notebook: Notebook, line: str, error: type[Exception], told: str) -> None:
    ran = notebook.run(f"%tinyflow {line}")
    assert isinstance(ran.error, error)
    assert told in ran.told


def test_a_nearly_right_id_is_guessed(notebook: Notebook, ask: str) -> None:
    ran = notebook.run(f"%tinyflow stop {ask[:-1]}x")
    assert isinstance(ran.error, UnknownRun)
    assert f"did you mean {ask!r}?" in ran.told


def test_runs_and_waiting(notebook: Notebook, ask: str) -> None:
    notebook.ok("%%tinyflow other\ndef a(): return 1")
    notebook.ok("await other.last")
    runs = notebook.ok("%tinyflow runs").value
    assert [(row[0], row[2]) for row in runs.rows] == [
        (notebook["other"].last.id, "SUCCEEDED"),
        (ask, "SUSPENDED"),
    ]
    assert runs.rows[1][4] == "waits for an answer"
    assert [row[0] for row in notebook.ok("%tinyflow runs other").value.rows] == [notebook["other"].last.id]
    assert [row[0] for row in notebook.ok("%tinyflow runs --status suspended -n 5").value.rows] == [ask]
    assert repr(notebook.ok("%tinyflow runs othr").value) == "No runs of othr; did you mean 'other'?"
    assert repr(notebook.ok("%tinyflow runs elsewhere").value) == "No runs of elsewhere."
    newest = notebook.ok("%tinyflow runs -n 1").value
    assert repr(newest).splitlines()[-1] == "The newest 1 of 2; -n 2 shows more."
    assert len(newest.rows) == 1
    waiting = notebook.ok("%tinyflow waiting").value
    assert waiting.rows == [(ask, notebook["ask"].definition.short_ref, "sure", "Sure?", "ok, n")]
    assert "&lt;" not in waiting._repr_html_()
    assert repr(waiting).splitlines()[0].split() == ["run", "chain", "node", "question", "takes"]


def test_nothing_waits(notebook: Notebook) -> None:
    assert repr(notebook.ok("%tinyflow waiting").value) == "Nothing waits for an answer."
    assert repr(notebook.ok("%tinyflow runs").value) == "No runs."


def test_resume(notebook: Notebook, ask: str) -> None:
    """The answer's text becomes what the form says; a wrong one changes nothing."""
    ran = notebook.run(f"%tinyflow resume {ask} ok=perhaps")
    assert isinstance(ran.error, ResumeError)
    assert (
        "unexpected 'yes'; the form takes ok=..., n=..." in notebook.run(f"%tinyflow resume {ask} yes").told
    )
    assert notebook.ok(f"%tinyflow resume {ask} ok=yes n=3").printed == f"Answered sure of run {ask}.\n"
    assert notebook.ok("await ask.last").value == "True 3"


def test_resume_one_value(notebook: Notebook) -> None:
    notebook.ok("%%tinyflow c\n@confirm\ndef sure(): 'Sure?'\ndef end(sure): return sure")
    notebook.run("await c.last")
    notebook.ok("%tinyflow resume c yes")
    assert notebook.ok("await c.last").value is True


def test_resume_one_of_several(notebook: Notebook) -> None:
    notebook.ok(
        "%%tinyflow c\n@confirm\ndef one() -> str: 'One?'\n@confirm\ndef two() -> str: 'Two?'\n"
        "def end(one, two): return one + two"
    )
    notebook.run("await c.last")
    assert isinstance(notebook.run("%tinyflow resume c x").error, ResumeError)
    notebook.ok("%tinyflow resume c b --node two")
    notebook.ok('%tinyflow resume c "a "')
    assert notebook.ok("await c.last").value == "a b"


def test_stop_and_retry(notebook: Notebook, ask: str) -> None:
    assert notebook.ok("%tinyflow stop ask").printed == f"Run {ask} is CANCELLED.\n"
    run = notebook.ok(f"run = %tinyflow retry {ask}\nrun").value
    assert run.id == ask
    notebook.run("await run")
    assert run.status == "SUSPENDED"


def test_publish_run_and_history(notebook: Notebook) -> None:
    notebook.ok("%%tinyflow c --no-run\ndef a(n: int): return n + 1")
    assert notebook.ok("%tinyflow publish c").printed == "Published c@1\n"
    assert notebook.ok("run = %tinyflow run c@1 -i n=4\nawait run").value == 5
    assert notebook["run"].state.chain == "c@1"
    notebook.ok("%%tinyflow c --no-run\ndef a(n: int): return n + 2")
    assert notebook.ok("%tinyflow publish c").printed == "Published c@2\n"
    assert notebook.ok("%tinyflow run c@1 -i n=4 --wait").value == 5
    assert notebook.ok("%tinyflow run c -i n=4 --wait").value == 6
    notebook.ok("del c")
    run = notebook.ok("run = %tinyflow run c -i n=4\nrun").value
    assert run.state.chain == "c@2"
    assert [row[0] for row in notebook.ok("%tinyflow chains").value.rows] == ["c@2"]
    assert [(row[0], row[1]) for row in notebook.ok("%tinyflow history c").value.rows] == [
        ("c@1", "published"),
        ("c@2", "published"),
    ]
    assert notebook.ok("%tinyflow show c@1").value.reference == "c@1"


def test_a_chain_with_bound_values_is_not_published(notebook: Notebook) -> None:
    notebook.ok("rate = 3")
    notebook.ok("%%tinyflow c --no-run --bind rate\ndef a(): return rate")
    assert (
        "takes rate from this notebook (--bind): make it an input" in notebook.run("%tinyflow publish c").told
    )


def start_elsewhere() -> str:
    """A run another process left waiting."""

    async def start() -> str:
        source = ASK.partition("\n")[2]
        async with connect() as executor:
            run = await executor.execute_async(ChainDefinition.from_source(source, "ask"))
            async for event in executor.events(run):
                if event.type == "chain.suspended":
                    return run
        raise AssertionError

    return asyncio.run(start())


def test_attach_goes_on_with_a_run_of_another_process(notebook: Notebook) -> None:
    """Rule 21; the chain's name is bound if it is free."""
    run_id = start_elsewhere()
    notebook.ok(f"run = %tinyflow attach {run_id}")
    assert notebook["ask"].last.id == run_id
    notebook.ok("run.resume(ok=False)")
    assert notebook.ok("await run").value == "False 1"
    notebook.ok("ask = 1; which = run.id")
    notebook.ok("%tinyflow attach @which")
    assert notebook["ask"] == 1


def test_show_executes_nothing(notebook: Notebook) -> None:
    run_id = start_elsewhere()
    (shown,) = notebook.ok(f"%tinyflow show {run_id}").shown
    assert shown["text/plain"] == "ask: 2 nodes"
    assert "ask" not in notebook.shell.user_ns
    notebook.ok(ASK)
    assert "ask()" in notebook.ok("%tinyflow show ask").printed


def test_connect_uses_another_store(notebook: Notebook, ask: str, tmp_path: Path) -> None:
    before = notebook.ok("%tinyflow connect").printed
    assert before.startswith("Connected to sqlite:///")
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert notebook.ok(f"%tinyflow connect {other}").printed == f"Connected to {other}\n"
    assert notebook.ok("%tinyflow runs").value.rows == []
    assert notebook.ok("ask2 = ask.start()\nask2.id") is not None
    assert isinstance(notebook.run(f"%tinyflow stop {ask}").error, UnknownRun)


def test_a_store_that_can_not_be_opened_changes_nothing(notebook: Notebook, ask: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_text("this is no database, and long enough to tell" * 50)
    ran = notebook.run(f"%tinyflow connect sqlite:///{broken}")
    assert isinstance(ran.error, StoreError)
    assert notebook["ask"].last.status == "SUSPENDED"
