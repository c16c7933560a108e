"""`tinyflow-nb chains`: the registry from the command line."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest

from tests.cli.test_cli import call, documents

DOC = "def short(text: str) -> str:\n    return text[:{size}]\n"
USER = """from tinyflow_nb import chain

@chain("doc")
def summary(text: str): ...

def told(summary) -> str:
    return f"in short: {summary}"
"""


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """doc@1, doc@2 and user@1 are published; the folder their files are in."""
    for name, text in (("doc", DOC.format(size=1)), ("doc", DOC.format(size=2)), ("user", USER)):
        (tmp_path / f"{name}.py").write_text(text)
        assert call("publish", str(tmp_path / f"{name}.py")).exit_code == 0
    return tmp_path


def test_alone_it_lists_as_list_does(registry: Path) -> None:
    listed = documents(call("chains", "--json"))
    assert [(c["name"], c["version"], c["who"]) for c in listed] == [
        ("doc", 2, getpass.getuser()),
        ("user", 1, getpass.getuser()),
    ]
    assert listed[0]["origin"] == str(registry / "doc.py")
    assert documents(call("chains", "list", "--json")) == listed
    assert [c["version"] for c in documents(call("chains", "doc", "--json"))] == [2, 1]
    table = call("chains", "list", "doc").stdout.splitlines()
    assert table[0].split() == ["chain", "published", "by", "labels", "content"]
    assert table[1].startswith("doc@2")
    assert table[1].endswith("current")


def test_show_says_who_uses_it(registry: Path) -> None:
    shown = call("chains", "show", "doc").stdout
    assert "used by    user@1" in shown
    assert "return text[:2]" in shown
    assert documents(call("chains", "show", "doc@1", "--json"))[0]["callers"] == []
    assert call("chains", "callers", "doc").stdout == "user@1\n"
    assert documents(call("chains", "callers", "doc", "--json")) == [["user@1"]]
    assert call("chains", "callers", "user").stdout == "no published chain refers to user\n"


def test_diff_and_history(registry: Path) -> None:
    changed = call("chains", "diff", "doc@1", "doc@2").stdout
    assert "-    return text[:1]\n+    return text[:2]" in changed
    assert call("chains", "diff", "doc@2", "doc").stdout == "doc@2 and doc are the same\n"
    call("chains", "label", "doc@1", "prod")
    call("chains", "unlabel", "doc@prod")
    happened = documents(call("chains", "history", "doc", "--json"))
    assert [(e["kind"], e["version"]) for e in happened] == [
        ("publish", 1), ("publish", 2), ("label", 1), ("label", 0),
    ]  # fmt: skip
    lines = call("chains", "history", "doc").stdout.splitlines()
    assert "label prod taken away" in lines[-1]


def test_labels_move_and_deprecation_is_told_and_taken_back(registry: Path) -> None:
    assert call("chains", "label", "doc@1", "prod").stdout == "doc@prod is doc@1\n"
    assert call("chains", "label", "doc", "prod").stdout == "doc@prod is doc@2\n"
    assert call("chains", "deprecate", "doc@1", "use doc@2").stdout == "doc@1 is deprecated: use doc@2\n"
    assert "deprecated: use doc@2" in call("chains", "doc").stdout
    assert call("chains", "deprecate", "doc@1", "--undo").stdout == "doc@1 is not deprecated any more\n"
    assert "deprecated" not in call("chains", "doc").stdout
    assert call("chains", "unpublish", "doc@1").stdout == "doc@1 is deleted\n"
    assert [c["version"] for c in documents(call("chains", "doc", "--json"))] == [2]


def test_a_bundle_moves_a_chain_with_all_it_calls(registry: Path) -> None:
    file = registry / "chains.json"
    elsewhere = f"sqlite:///{registry / 'other.db'}"
    assert call("chains", "export", "user", str(file)).stdout.startswith("Wrote user and all they call to")
    assert json.loads(call("chains", "export", "user", "-").stdout) == json.loads(file.read_text())
    assert call("chains", "import", str(file), "--store", elsewhere).stdout == "doc@1\nuser@1\n"
    ran = call("run", "user", "-i", "text=abc", "--store", elsewhere, "--json")
    assert documents(ran)[-1]["result"] == "in short: ab"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["list", "dok"], "no chain 'dok' is published here; did you mean 'doc'?"),
        (["show", "doc@9"], "doc has no version 9; its newest is 2"),
        (["history", "dok"], "did you mean 'doc'?"),
        (["diff", "doc@1", "doc@prod"], "doc has no label 'prod'; its labels are none"),
        (["label", "doc@1", "2nd"], "'2nd' can't be a label"),
        (["unlabel", "doc"], "name the label, too: doc@prod"),
        (["deprecate", "doc@1"], "say why, or --undo"),
        (["unpublish", "doc"], "name the version, too: doc@2"),
        (["unpublish", "doc@2"], "doc@2 is used by user@1: change those first"),
        (["export", "doc", "{folder}"], "can't be written"),
        (["import", "{folder}/doc.py"], "this is no JSON"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_changes(registry: Path, arguments: list[str], told: str) -> None:
    before = call("chains", "history", "doc", "--json").stdout
    result = call("chains", *[a.replace("{folder}", str(registry)) for a in arguments])
    assert result.exit_code == 2
    assert told in result.stderr.replace("\n", " ")
    assert call("chains", "history", "doc", "--json").stdout == before
