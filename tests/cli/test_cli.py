"""The command line, as a person and as a script use it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tinyflow_nb.cli import app

CHAIN = '''"""Ask before shouting."""
from tinyflow_nb import Input, confirm, node

topic: str
count: int = Input(2)

def items(topic, count) -> list[str]:
    return [f"{topic} {i}" for i in range(count)]

@node(each="x in items")
async def shout(x) -> str:
    return x.upper()

@confirm
def ok(shout) -> bool:
    """Publish {{ shout | length }} lines?"""

def final(ok: bool, shout) -> str:
    return ", ".join(shout) if ok else "nothing"
'''

FAILING = """
def broken(x: int) -> int:
    return x // 0
"""


@pytest.fixture
def chain(tmp_path: Path) -> str:
    file = tmp_path / "shouting.py"
    file.write_text(CHAIN)
    return str(file)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def documents(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_run_that_waits_is_answered_by_another_call(chain: str) -> None:
    first = call("run", chain, "-i", "topic=cat", "-i", "count=3", "--json")
    assert first.exit_code == 3
    told = documents(first)[-1]
    assert told["status"] == "SUSPENDED"
    assert told["forms"]["ok"]["message"] == "Publish 3 lines?"
    assert [w["run"] for w in documents(call("waiting", "--json"))] == [told["run"]]
    second = call("resume", told["run"], "yes", "--json")
    assert second.exit_code == 0
    told |= {"status": "SUCCEEDED", "result": "CAT 0, CAT 1, CAT 2"}
    del told["forms"]
    assert documents(second)[-1] == told
    assert call("waiting").stdout == ""


def test_the_live_tree_ends_with_every_node_and_the_way_to_answer(chain: str) -> None:
    shown = call("run", chain, "-i", "topic=cat").stdout
    assert "✓ shout" in shown
    assert "2/2" in shown
    assert "? ok" in shown
    assert "tinyflow-nb resume shouting-" in shown


def test_a_failed_chain_names_node_line_and_run(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text(FAILING)
    result = call("run", str(file), "-i", "x=1")
    assert result.exit_code == 1
    assert "bad@#" in result.stderr
    assert "> broken failed (line 3, attempt 1): ZeroDivisionError" in result.stderr.replace("\n", " ")


def test_show_and_runs_know_the_run(chain: str) -> None:
    run = documents(call("run", chain, "-i", "topic=cat", "--json"))[0]
    listed = documents(call("runs", "--json"))
    assert [r["status"] for r in listed] == ["SUSPENDED"]
    state = documents(call("show", listed[0]["id"], "--json"))[0]
    assert state["nodes"]["shout"]["output"] == ["CAT 0", "CAT 1"]
    assert run["type"] == "chain.started"
    assert listed[0]["id"] in call("runs").stdout


def test_stop_then_retry_goes_on_where_it_was(chain: str) -> None:
    run = documents(call("run", chain, "-i", "topic=cat", "--json"))[-1]["run"]
    assert call("stop", run).stdout.strip() == f"{run} is CANCELLED"
    again = call("retry", run, "--json")
    assert again.exit_code == 3
    assert documents(again)[-1]["status"] == "SUSPENDED"


def test_check_tells_every_mistake_at_its_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("def a(x):\n    return 1\n\ndef b(a, *rest):\n    return pd.DataFrame(a)\n")
    result = call("check", str(file))
    assert result.exit_code == 1
    assert f"{file.name}:4:" in result.stderr.replace("\n", "")
    assert "import pandas as pd" in result.stderr
    assert [p["line"] for p in documents(call("check", str(file), "--json"))[0]] == [4, 5]


def test_check_of_a_good_file_says_so(chain: str) -> None:
    result = call("check", chain)
    assert result.exit_code == 0
    assert "4 nodes, no mistakes" in result.stdout.replace("\n", " ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "{chain}"], "topic is missing"),
        (["run", "{chain}", "-i", "topik=x"], "did you mean 'topic'"),
        (["run", "{chain}", "-i", "topic"], "write it as name=value"),
        (["run", "{chain}", "-i", "topic=x", "-i", "count=many"], "count"),
        (["run", "nowhere.py"], "there is no file nowhere.py"),
        (["run", "unpublished"], "no chain 'unpublished' is published here"),
        (["show", "nothing"], "no run 'nothing'"),
        (["resume", "nothing", "1"], "no run 'nothing'"),
        (["runs", "--store", "ftp://x"], "is no store's address"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_run(chain: str, arguments: list[str], told: str) -> None:
    result = call(*[a.replace("{chain}", chain) for a in arguments])
    assert result.exit_code == 2
    assert told in result.stderr.replace("\n", " ")
    assert documents(call("runs", "--json")) == []


def test_a_published_chain_runs_by_name_and_version(chain: str) -> None:
    assert call("publish", chain).stdout.strip() == "shouting@1"
    assert call("publish", chain).stdout.strip() == "shouting@1"
    assert documents(call("run", "shouting@1", "-i", "topic=cat", "--json"))[-1]["status"] == "SUSPENDED"
    assert [c["version"] for c in documents(call("chains", "--json"))] == [1]
    assert documents(call("runs", "--chain", "shouting", "--json"))[0]["chain"] == "shouting@1"


FORM = '''
from pydantic import BaseModel

class Reply(BaseModel):
    approved: bool
    text: str

def draft(topic: str) -> str:
    return "all about " + topic * 60

@confirm(initial={"text": "draft"})
def approval(draft) -> Reply:
    """Send it?"""
'''


def test_an_open_form_is_shown_whole_with_the_command_that_answers(tmp_path: Path) -> None:
    """SEMANTICS 16: who answers sees what the fields start with; a field left out keeps it."""
    file = tmp_path / "ask.py"
    file.write_text(FORM)
    shown = call("run", str(file), "-i", "topic=cats").stdout
    run = documents(call("runs", "--json"))[0]["id"]
    told = (
        f"approval waits: Send it?\n  approved\n  text = all about {'cats' * 60}\n"
        f"answer with: tinyflow-nb resume {run} approved=...\n"
    )
    assert shown.endswith(told)
    assert call("show", run).stdout.endswith(told)


def test_show_tells_a_failure_whole(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text(FAILING)
    call("run", str(file), "-i", "x=1")
    shown = call("show", documents(call("runs", "--json"))[0]["id"]).stdout
    assert "broken, line 3: ZeroDivisionError: " in shown
    assert "return x // 0" in shown


def test_ids_are_never_cut_in_the_list(chain: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    run = documents(call("run", chain, "-i", "topic=cat", "--json"))[-1]["run"]
    assert run in call("runs", "--status", "suspended").stdout
    assert "waits for an answer" in call("runs").stdout
    assert run not in call("runs", "--status", "failed").stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["runs", "--status", "lost"], "'lost' is not one of"),
        (["chains", "nothing"], "no chain 'nothing' is published here"),
        (["run", "{chain}", "-i", "topic=x", "--deadline", "3x"], 'seconds above 0, or a text such as "90s"'),
    ],
)
def test_a_wrong_option_is_said(chain: str, arguments: list[str], told: str) -> None:
    result = call(*[a.replace("{chain}", chain) for a in arguments])
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())


def test_a_deadline_is_written_as_in_a_cell(chain: str) -> None:
    """SEMANTICS 14"""
    before = time.time()
    run = documents(call("run", chain, "-i", "topic=cat", "--deadline", "3m", "--json"))[-1]["run"]
    state = documents(call("show", run, "--json"))[0]
    assert before <= state["deadline_at"] - 180 <= time.time()
