"""SEMANTICS 44, 45: a child chain is trusted no more for being called by one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.trust.test_execution import PARENT
from tinyflow_nb.errors import ChainFailed, NotTrusted

LATER = """
from tinyflow_nb import chain

folder: str

@confirm
def go() -> bool:
    "Go on?"

@chain("evil", after=["go"])
def below(folder) -> str: ...
"""
MIDDLE = """
from tinyflow_nb import chain

folder: str

@chain("middle")
def above(folder) -> str: ...
"""


def alter(house: Any, hash: str) -> None:
    """As who can write to the store: the memory store's text of a definition."""
    store = house.store()
    text, changed = store._definitions[hash], ""
    changed = text.replace("executed ", "altered_ ")
    assert changed != text
    store._definitions[hash] = changed
    signed = store._signed[hash]
    signed.update({key: (changed, record) for key, (_, record) in signed.items()})


async def waits(executor: Any, run: str) -> Any:
    return (await executor.state(run)).waiting()


@pytest.mark.parametrize("house", ["memory"], indirect=True)
async def test_44_a_child_altered_in_the_store_is_refused_with_its_name(
    house: Any, user: Any, ledger: Any, define: Any
) -> None:
    alice = user("alice")
    evil = ledger.define()
    await (await house.open(alice)).publish(evil)
    ledger.forget()
    alter(house, evil.hash)
    with pytest.raises(NotTrusted, match="it was altered after alice@there") as caught:
        await (await house.open(alice)).execute(define(PARENT), {"folder": "."})
    assert "evil@1" in str(caught.value)
    assert ledger.lines() == []


@pytest.mark.parametrize("house", ["memory"], indirect=True)
async def test_44_a_child_altered_after_its_root_began_fails_its_node_and_is_not_executed(
    house: Any, user: Any, ledger: Any, define: Any, wait_until: Any
) -> None:
    alice = user("alice")
    evil = ledger.define()
    first = await house.open(alice)
    await first.publish(evil)
    run = await first.execute_async(define(LATER), {"folder": "."})
    await wait_until(lambda: waits(first, run))
    await first.__aexit__(None, None, None)
    ledger.forget()
    alter(house, evil.hash)
    again = await house.open(alice)
    await again.resume_async(run, True)
    with pytest.raises(ChainFailed, match="it was altered after alice@there"):
        await again.wait(run, timeout=60)
    assert ledger.lines() == []


async def test_44_a_signer_revoked_after_the_root_began_executes_nothing_below(
    house: Any, user: Any, ledger: Any, define: Any, wait_until: Any
) -> None:
    alice, bob = user("alice"), user("bob")
    bob.add(alice.own_line(), "alice")
    await (await house.open(alice, execute=False)).publish(ledger.define())
    mine = await house.open(bob)
    run = await mine.execute_async(define(LATER), {"folder": "."})
    await wait_until(lambda: waits(mine, run))
    ledger.forget()
    bob.revoke("alice")
    with pytest.raises(NotTrusted, match="whose key is revoked here"):
        await mine.execute(define(PARENT), {"folder": "."})
    await mine.resume_async(run, True)
    with pytest.raises(ChainFailed, match="whose key is revoked here"):
        await mine.wait(run, timeout=60)
    assert (await mine.state(run)).nodes["below"].attempts <= 1
    assert ledger.lines() == []


async def test_44_a_stranger_two_levels_below_is_refused_before_anything_runs(
    house: Any, user: Any, ledger: Any, define: Any
) -> None:
    alice, bob = user("alice"), user("bob")
    await (await house.open(alice)).publish(ledger.define())
    trusting = user("carol", keys={"alice": alice.own_line()})
    await (await house.open(trusting)).publish(define(PARENT, "middle"))
    ledger.forget()
    bob.add(trusting.own_line(), "carol")
    mine = await house.open(bob)
    with pytest.raises(NotTrusted, match="signed by alice@there") as caught:
        await mine.execute(define(MIDDLE), {"folder": str(Path())})
    assert "%tinyflow trust evil@1" in caught.value.remedy
    assert (await mine.runs(children=True)).runs == []
    assert ledger.lines() == []
