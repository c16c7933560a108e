"""SEMANTICS 44 on real worker processes: what nobody they trust signed is handed back, never executed."""

from __future__ import annotations

import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, ChainExecutor, connect
from tinyflow_nb.engine import stalled
from tinyflow_nb.settings import TrustSettings
from tinyflow_nb.trust import UserTrust
from tinyflow_nb.trust.trusted import LOOK_SECONDS

SOURCE = """
import asyncio
from pathlib import Path

folder: str

def _note(folder, word):
    with (Path(folder) / "ledger").open("a") as ledger:
        ledger.write(word)

async def one(folder: str) -> str:
    _note(folder, "one ")
    while (Path(folder) / "hold").exists():
        await asyncio.sleep(0.02)
    return "done"

async def two(one: str, folder: str) -> str:
    _note(folder, "two ")
    return one
"""


@pytest.fixture
def scheduler() -> str:
    """How workers hear of work does not matter here."""
    return "redis"


@pytest.fixture
def alice(tmp_path: Path) -> UserTrust:
    """Somebody else than the user who runs the workers."""
    return UserTrust(TrustSettings(author="alice@there"), tmp_path / "trust-of-alice")


@pytest.fixture
async def hers(redis_address: str, scheduler: str, alice: UserTrust) -> AsyncIterator[ChainExecutor]:
    async with connect(redis_address, scheduler=scheduler, execute=False, trust=alice) as executor:
        yield executor


def define(source: str = SOURCE) -> ChainDefinition:
    return ChainDefinition.from_source(textwrap.dedent(source), name="demo")


def done(folder: Path) -> list[str]:
    ledger = folder / "ledger"
    return ledger.read_text().split() if ledger.exists() else []


def refusals(worker: Any, run: str) -> list[str]:
    told = [line["message"] for line in worker.lines() if line["level"] == "error"]
    return [message for message in told if run in message]


async def test_44_an_unknown_signers_run_waits_until_it_is_trusted(
    hers: ChainExecutor, alice: UserTrust, start_worker: Any, wait_until: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(stalled, "PATIENCE", 0.5)
    worker = start_worker()
    run = await hers.execute_async(define(), {"folder": str(tmp_path)})
    (refusal, *_) = await wait_until(lambda: refusals(worker, run))
    who = f"alice@there ({alice.own_fingerprint()})"
    assert f"it is signed by {who}, who is not trusted here" in refusal
    assert f"tinyflow-nb trust add {alice.own_fingerprint()}" in refusal

    async def is_told() -> bool:
        reason = (await hers.state(run)).nodes["one"].reason
        return who in reason and "who is not trusted here" in reason

    await wait_until(is_told)
    state = await hers.state(run)
    assert (state.nodes["one"].status, state.nodes["one"].attempts) == ("READY", 0)
    assert done(tmp_path) == []
    UserTrust().add(alice.own_line(), "")
    assert await hers.wait(run, timeout=60) == "done"
    assert done(tmp_path) == ["one", "two"]


async def test_44_a_revoked_signers_runs_stop_on_the_workers(
    hers: ChainExecutor, alice: UserTrust, start_worker: Any, wait_until: Any, tmp_path: Path
) -> None:
    UserTrust().add(alice.own_line(), "")
    (tmp_path / "hold").touch()
    worker = start_worker()
    run = await hers.execute_async(define(), {"folder": str(tmp_path)})
    await wait_until(lambda: done(tmp_path))
    UserTrust().revoke(alice.own_fingerprint())
    revoked = time.monotonic()
    await wait_until(lambda: time.monotonic() > revoked + LOOK_SECONDS)  # then the worker looks again
    (tmp_path / "hold").unlink()
    (refusal, *_) = await wait_until(lambda: refusals(worker, run))
    assert "whose key is revoked here" in refusal

    async def is_handed_back() -> bool:
        nodes = (await hers.state(run)).nodes
        return (nodes["one"].status, nodes["two"].status) == ("SUCCEEDED", "READY")

    await wait_until(is_handed_back)
    assert done(tmp_path) == ["one"]


async def test_44_what_was_altered_in_redis_is_not_executed(
    client: ChainExecutor, start_worker: Any, wait_until: Any, tmp_path: Path
) -> None:
    definition = define()
    run = await client.execute_async(definition, {"folder": str(tmp_path)})
    key = f"tf:{{reg}}:d:{definition.hash}"
    servers = client._store._servers  # type: ignore[attr-defined]
    text = await servers.call(key, "GET", key)
    assert "one " in text
    await servers.call(key, "SET", key, text.replace("one ", "own "), "KEEPTTL")
    worker = start_worker()
    (refusal, *_) = await wait_until(lambda: refusals(worker, run))
    assert "it was altered after" in refusal
    assert done(tmp_path) == []
