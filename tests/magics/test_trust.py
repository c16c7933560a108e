"""`%tinyflow trust` (SEMANTICS 44): a stranger's chain is read first, and executed only if it is trusted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.errors import NotTrusted
from tinyflow_nb.language import module
from tinyflow_nb.settings import TrustSettings
from tinyflow_nb.trust import UserTrust

SOURCE = """
from pathlib import Path
from tinyflow_nb import llm

folder: str

def _note(word):
    with Path({ledger!r}).open("a") as ledger:
        ledger.write(word)

LOADED = _note("loaded ")

def one(folder: str) -> str:
    _note("executed ")
    return folder

@llm("smollm2")
def two(one) -> str:
    '''Say {{{{ one }}}}.'''
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


@pytest.fixture
def alice(tmp_path: Path, ledger: Path) -> UserTrust:
    """Somebody who published `evil` in this store, and started a run of it."""
    trust = UserTrust(TrustSettings(author="alice@there"), tmp_path / "trust-of-alice")

    async def submit() -> None:
        async with connect(trust=trust, execute=False) as executor:
            definition = ChainDefinition.from_source(SOURCE.format(ledger=str(ledger)), "evil")
            await executor.publish(definition)
            await executor.execute_async("evil", {"folder": "."}, run_id="the-run")

    asyncio.run(submit())
    module._modules.clear()
    ledger.unlink()
    return trust


@pytest.mark.parametrize(
    "line",
    ["show evil", "show the-run", "runs", "chains", "history evil", "waiting", "trust evil", "trust the-run"],
)
def test_44_looking_loads_nothing(notebook: Any, alice: UserTrust, ledger: Path, line: str) -> None:
    ran = notebook.ok(f"%tinyflow {line}")
    repr(ran.value)
    assert not ledger.exists()
    assert notebook.complete("%tinyflow run ev|") == ["%tinyflow run evil"]
    assert not ledger.exists()


@pytest.mark.parametrize(
    "cell",
    [
        "%tinyflow run evil -i folder=.",
        "%tinyflow attach the-run",
        "chain = %tinyflow show evil\nchain.start(folder='.')",
        "chain = %tinyflow show evil\nchain.call('one', folder='.')",
        "chain = %tinyflow show evil\nchain.prompt('two', one='x')",
        "chain = %tinyflow show evil\nchain.publish()",
        "run = %tinyflow show the-run\nrun.result()",
        "run = %tinyflow show the-run\nrun['one'].prompt",
    ],
)
def test_44_no_way_around_in_a_notebook(notebook: Any, alice: UserTrust, ledger: Path, cell: str) -> None:
    ran = notebook.run(cell)
    assert isinstance(ran.error, NotTrusted)
    assert "signed by alice@there" in ran.told
    assert "LOADED = _note(" in ran.told, "the code is shown, as there is no trusted version"
    assert not ledger.exists()


def test_44_read_then_trusted_as_it_is(notebook: Any, alice: UserTrust, ledger: Path) -> None:
    told = notebook.ok("%tinyflow trust evil").printed
    assert f"alice@there ({alice.own_fingerprint()})" in told
    assert 'two: llm {"models": ["smollm2"]' in told
    assert "LOADED = _note(" in told
    assert "%tinyflow trust evil --yes" in told
    assert notebook.run("%tinyflow run evil -i folder=.").error is not None
    assert "Signed evil@#" in notebook.ok("%tinyflow trust evil --yes").printed
    assert not ledger.exists()
    assert "trusted here" in notebook.ok("%tinyflow trust evil").printed
    chain = notebook.ok("%tinyflow show evil").value
    assert chain.call("one", folder="here") == "here"


def test_44_a_signer_is_trusted_by_fingerprint_at_once(notebook: Any, alice: UserTrust, ledger: Path) -> None:
    mark = alice.own_fingerprint()
    assert notebook.run("%tinyflow run evil -i folder=.").error is not None
    assert "--yes" in notebook.ok(f"%tinyflow trust {mark}").printed
    assert notebook.run("%tinyflow run evil -i folder=.").error is not None
    assert f"Trusted: alice {mark}" in notebook.ok(f"%tinyflow trust {mark} --name alice --yes").printed
    chain = notebook.ok("%tinyflow show evil").value
    assert chain.call("one", folder="here") == "here"


def test_44_a_cell_of_ones_own_asks_nobody(notebook: Any) -> None:
    notebook.ok("%%tinyflow mine --wait\ndef one() -> int:\n    return 1\n")
    assert "trusted here" in notebook.ok("%tinyflow trust mine").printed
