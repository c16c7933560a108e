"""SEMANTICS 44: importing, listing and looking at a definition loads nothing of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.cli import app


@pytest.fixture
async def address(user: Any, ledger: Any, tmp_path: Path) -> str:
    """A store with somebody else's published chain and its run."""
    address = f"sqlite:///{tmp_path / 'shared.db'}"
    definition = ledger.define()
    async with connect(address, trust=user("alice"), execute=False) as executor:
        await executor.publish(definition)
        await executor.execute_async("evil", {"folder": "."}, run_id="the-run")
    ledger.forget()
    return address


async def test_44_the_executors_ways_to_look(address: str, ledger: Any) -> None:
    async with connect(address) as executor:
        state = await executor.state("the-run")
        definition = await executor.registry.get(state.definition_hash)
        assert definition == await executor.definition("evil@1")
        assert ChainDefinition.from_json(definition.to_json()) == definition
        assert [p.name for p in await executor.chains()] == ["evil"]
        assert len(await executor.chains("evil")) == 1
        assert [r.id for r in (await executor.runs()).runs] == ["the-run"]
        assert await executor.waiting() == []
        assert await executor.recorded("the-run")
        for what in ("evil", "evil@1", "the-run"):
            assert "LOADED = _note(" in (await executor.review(what)).told()
        await executor.stop("the-run")
        await executor.delete("the-run")
    assert ledger.lines() == []


@pytest.mark.parametrize(
    ("command", "code", "shows"),
    [
        ("show the-run", 0, "the-run"),
        ("show the-run --json", 0, "the-run"),
        ("runs", 0, "the-run"),
        ("waiting", 0, ""),
        ("chains", 0, "evil@1"),
        ("chains evil", 0, "evil@1"),
        ("trust show evil", 1, "LOADED = _note("),
        ("trust show the-run", 1, "alice@there"),
        ("trust add evil@1", 2, "add --yes once you have read it"),
        ("run evil -i folder=.", 2, "NotTrusted: evil@#"),
        ("attach the-run", 2, "NotTrusted: evil@#"),
        ("stop the-run", 0, "CANCELLED"),
    ],
)
def test_44_the_command_line_looks_and_refuses(
    address: str, ledger: Any, command: str, code: int, shows: str
) -> None:
    done = CliRunner().invoke(app, [*command.split(), "--store", address], env={"COLUMNS": "400"})
    assert done.exit_code == code, done.output
    assert shows in done.output
    assert ledger.lines() == []


def test_44_what_a_reviewer_reads_hides_nothing(user: Any, define: Any) -> None:
    from tinyflow_nb.trust.review import changes, visible

    source = "def one() -> str:\n    return 'a\u202eb\x1b[1A\u200bc\td'\n"
    shown = changes(define(source), None, "")
    assert r"\u{202e}" in shown
    assert r"\u{1b}[1A" in shown
    assert r"\u{200b}" in shown
    assert visible("é\t\n") == "é\t\n"


def test_44_reviewing_and_trusting_from_the_command_line(address: str, ledger: Any, user: Any) -> None:
    def tinyflow(*words: str) -> str:
        done = CliRunner().invoke(app, list(words), env={"COLUMNS": "400"})
        assert done.exit_code == 0, done.output
        return done.output

    key, fingerprint = tinyflow("trust", "key").splitlines()
    assert json.loads(tinyflow("trust", "key", "--json"))["key"] == key
    assert "signed" in tinyflow("trust", "add", "the-run", "--yes", "--store", address)
    assert ledger.lines() == []
    assert "trusted here" in tinyflow("trust", "show", "evil", "--store", address)
    assert "done" in tinyflow("run", "evil", "-i", "folder=.", "--store", address)
    assert ledger.lines() == ["loaded", "executed"]
    alice = user("alice")
    assert "Trusted: ali" in tinyflow("trust", "add", alice.own_fingerprint(), "--name", "ali", "--yes")
    listed = json.loads(tinyflow("trust", "list", "--json"))
    assert [(s["fingerprint"], s["state"]) for s in listed] == [
        (fingerprint, "own"),
        (alice.own_fingerprint(), "trusted"),
    ]
    assert "Revoked: ali" in tinyflow("trust", "revoke", "ali")
    assert "revoked" in tinyflow("trust", "list")
    assert fingerprint not in tinyflow("trust", "key", "--new")
