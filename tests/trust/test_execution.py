"""SEMANTICS 44: what nobody trusted signed is not executed, whichever way it is reached."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition
from tinyflow_nb.engine import vetting
from tinyflow_nb.errors import ChainFailed, DefinitionError, NotTrusted, SettingsError
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.stores.memory import MemoryStore

WAITS = """
import asyncio
from pathlib import Path

file: str

async def one(file: str) -> str:
    with Path(file).open("a") as ledger:
        ledger.write("executed\\n")
    while Path(file).with_name("hold").exists():
        await asyncio.sleep(0.01)
    return "done"

async def two(one: str, file: str) -> str:
    with Path(file).open("a") as ledger:
        ledger.write("executed\\n")
    return "done"
"""


async def test_44_ones_own_chain_runs_and_is_signed_in_the_store(house, user, ledger) -> None:
    alice = user("alice")
    executor = await house.open(alice)
    definition = ledger.define()
    assert await executor.execute(definition, {"folder": "."}) == "done"
    (signed,) = await executor.registry.vetting._store.signed(definition.hash)
    assert signed.text == definition.to_json()
    assert signed.signature.fingerprint == alice.own_fingerprint()
    assert signed.signature.author == "alice@there"


async def test_44_after_a_restart_ones_own_runs_go_on(house, user, tmp_path, define) -> None:
    file = tmp_path / "ledger"
    first = await house.open(user("alice"), execute=False)
    run = await first.execute_async(define(WAITS), {"file": str(file)})
    again = await house.open(user("alice"))
    assert await again.wait(run, timeout=60) == "done"


async def test_44_a_published_chain_of_somebody_unknown_is_refused_until_trusted(house, user, ledger) -> None:
    alice, bob = user("alice"), user("bob")
    definition = ledger.define()
    ref = await (await house.open(alice)).publish(definition)
    executor = await house.open(bob)
    with pytest.raises(NotTrusted) as caught:
        await executor.execute("evil", {"folder": "."})
    error = caught.value
    assert ledger.lines() == []
    assert error.author == "alice@there"
    assert error.fingerprint == alice.own_fingerprint()
    assert f"signed by alice@there ({error.fingerprint}), who is not trusted here" in error.reason
    assert f"%tinyflow trust {ref}" in error.remedy
    assert f"tinyflow-nb trust add {error.fingerprint}" in error.remedy
    assert "Path(" in error.diff, "the source, as there is no trusted version"
    bob.add(error.fingerprint, "alice")
    assert await executor.execute("evil", {"folder": "."}) == "done"
    assert ledger.lines() == ["loaded", "executed"]


async def test_44_the_refusal_shows_what_changed_since_the_last_trusted_version(house, user, ledger) -> None:
    alice, bob = user("alice"), user("bob")
    await (await house.open(bob)).publish(ledger.define())
    await (await house.open(alice)).publish(ledger.define(change="\nSTOLEN = 'yes'\n"))
    with pytest.raises(NotTrusted) as caught:
        await (await house.open(bob)).execute("evil", {"folder": "."})
    assert "--- evil@1" in caught.value.diff
    assert "+STOLEN = 'yes'" in caught.value.diff
    assert "-" not in [line[:1] for line in caught.value.diff.splitlines()[3:]]


@pytest.mark.parametrize("way", ["attach", "wait", "resume", "retry", "definition", "json", "publish"])
async def test_44_no_way_around(house, user, ledger, way) -> None:
    """Ways by which code of somebody else's run or chain could come to be executed, or signed, here."""
    definition = ledger.define()
    other = await house.open(user("alice"), execute=False)
    run = await other.execute_async(definition, {"folder": "."})
    await other.publish(definition)
    if way == "retry":
        await other.stop(run)
    ledger.forget()
    mine = await house.open(user("bob"))
    looked = await mine.definition("evil")
    ways: dict[str, Any] = {
        "attach": lambda: mine.attach(run),
        "wait": lambda: mine.wait(run, 60),
        "resume": lambda: mine.resume_async(run, True),
        "retry": lambda: mine.retry(run),
        "definition": lambda: mine.execute(looked, {"folder": "."}),
        "json": lambda: mine.execute(looked.to_json(), {"folder": "."}),
        "publish": lambda: mine.publish(looked),
    }
    with pytest.raises(NotTrusted):
        await ways[way]()
    assert ledger.lines() == []


async def test_44_a_claim_of_an_untrusted_run_is_handed_back(
    user, ledger, wait_until, executor_on, monkeypatch
) -> None:
    monkeypatch.setattr(vetting, "ASK_AGAIN_SECONDS", 600.0)
    store = MemoryStore()
    alice, bob = user("alice"), user("bob")
    async with executor_on(store, alice, execute=False) as other, executor_on(store, bob) as mine:
        run = await other.execute_async(ledger.define(), {"folder": "."})
        ledger.forget()
        assert await mine.accept(Trigger(run, 1, "one"))
        await wait_until(lambda: _idle(mine))
        state = await mine.state(run)
        assert (state.nodes["one"].status, state.nodes["one"].attempts) == ("READY", 0)
        assert not await mine.accept(Trigger(run, 1, "one")), "it is not taken again"
    assert ledger.lines() == []


async def test_44_what_was_refused_is_looked_at_again_once_somebody_trusted_signed_it(
    user, ledger, wait_until, executor_on, monkeypatch
) -> None:
    monkeypatch.setattr(vetting, "ASK_AGAIN_SECONDS", 0.2)
    store = MemoryStore()
    alice, carol = user("alice"), user("carol")
    bob = user("bob", keys={"carol": carol.own_line()})
    async with (
        executor_on(store, alice, execute=False) as hers,
        executor_on(store, bob) as worker,
        executor_on(store, carol, execute=False) as reviewer,
    ):
        run = await hers.execute_async(ledger.define(), {"folder": "."})
        assert await worker.accept(Trigger(run, 1, "one"))
        await wait_until(lambda: _idle(worker))
        await reviewer.vouch(await reviewer.review(run))
        await wait_until(lambda: worker.accept(Trigger(run, 1, "one")))
        assert await hers.wait(run, timeout=60) == "done"


async def test_44_a_chain_without_code_of_its_own_needs_trust_too(house, user, define) -> None:
    source = "@confirm\ndef ok() -> bool:\n    'Well?'\n"
    run = await (await house.open(user("alice"), execute=False)).execute_async(define(source))
    with pytest.raises(NotTrusted):
        await (await house.open(user("bob"))).attach(run)


PARENT = """
from tinyflow_nb import chain

folder: str

@chain("evil")
def below(folder) -> str: ...
"""


async def test_44_a_strangers_chain_below_ones_own_is_refused(house, user, ledger, define) -> None:
    alice, bob = user("alice"), user("bob")
    await (await house.open(alice)).publish(ledger.define())
    mine = await house.open(bob)
    with pytest.raises(NotTrusted, match=r"signed by alice@there") as caught:
        await mine.execute(define(PARENT), {"folder": "."})
    assert "%tinyflow trust evil@1" in caught.value.remedy
    assert ledger.lines() == []
    bob.add(alice.own_line(), "alice")
    assert await mine.execute(define(PARENT), {"folder": "."}) == "done"


async def test_44_reviewed_and_signed_it_runs_for_all_who_trust_the_reviewer(house, user, ledger) -> None:
    alice, bob = user("alice"), user("bob")
    carol = user("carol", keys={"bob": bob.own_line()})
    await (await house.open(alice)).publish(ledger.define())
    mine, third = await house.open(bob), await house.open(carol)
    with pytest.raises(NotTrusted):
        await third.execute("evil", {"folder": "."})
    review = await mine.review("evil")
    assert "not trusted here" in review.told()
    assert "alice@there" in review.told()
    assert "one: code" in review.told()
    await mine.vouch(review)
    assert ledger.lines() == []
    assert (await mine.review("evil@1")).reason == ""
    assert await mine.execute("evil", {"folder": "."}) == "done"
    assert await third.execute("evil", {"folder": "."}) == "done"


async def test_44_a_signer_revoked_while_its_run_is_at_work_executes_nothing_more(
    house, user, tmp_path, wait_until, define
) -> None:
    alice, bob = user("alice"), user("bob")
    bob.add(alice.own_line(), "alice")
    hold, file = tmp_path / "hold", tmp_path / "ledger"
    hold.touch()
    run = await (await house.open(alice, execute=False)).execute_async(define(WAITS), {"file": str(file)})
    mine = await house.open(bob)
    await mine.attach(run)
    await wait_until(file.exists)
    bob.revoke("alice")
    hold.unlink()
    await wait_until(lambda: _status(mine, run, "one", "SUCCEEDED"))
    await wait_until(lambda: _idle(mine))
    assert file.read_text() == "executed\n", "the node at work ended, the next was not begun"
    with pytest.raises(NotTrusted, match="whose key is revoked here"):
        await mine.attach(run)


async def _status(executor, run, node, status) -> bool:
    return (await executor.state(run)).nodes[node].status == status


async def _idle(executor) -> bool:
    return not executor._worker._tasks


async def test_44_revoked_beats_trusted_and_ones_own(house, user, ledger) -> None:
    alice, bob = user("alice"), user("bob")
    await (await house.open(alice)).publish(ledger.define())
    strict = user("carol", keys={"alice": alice.own_line()}, revoked=(alice.own_fingerprint(),))
    with pytest.raises(NotTrusted, match="whose key is revoked here"):
        await (await house.open(strict)).execute("evil", {"folder": "."})
    bob.revoke(bob.own_fingerprint())
    with pytest.raises(NotTrusted, match=r"your own key SHA256:.* is revoked here"):
        await (await house.open(bob)).execute(ledger.define(), {"folder": "."})
    with pytest.raises(SettingsError, match="for good"):
        bob.add(bob.own_line(), "me")
    assert ledger.lines() == []


async def test_44_two_who_write_the_same_chain_differently_both_run_it(house, user, define) -> None:
    """SEMANTICS 39: comments and names are outside the content hash, but inside what is signed."""
    alice, bob = await house.open(user("alice")), await house.open(user("bob"))
    mine = define("def one() -> int:\n    return 1  # mine\n", "demo")
    theirs = define("def one() -> int:\n    return 1  # theirs\n", "demo")
    other = define("def one() -> int:\n    return 1\n", "other")
    assert mine.hash == theirs.hash == other.hash
    for executor, definition in ((alice, mine), (bob, theirs), (alice, other)):
        assert await executor.execute(definition) == 1
    assert await asyncio.gather(*(e.publish(d) for e, d in ((alice, mine), (bob, other)))) == [
        "demo@1", "other@1",
    ]  # fmt: skip
    restarted = await house.open(user("bob"))
    assert await restarted.execute("other") == 1
    with pytest.raises(NotTrusted, match=r"signed by (alice|bob)@there"):
        await (await house.open(user("carol"))).execute("demo@1")


async def test_44_a_failure_still_names_the_line_of_a_definition_read_back(house, user, define) -> None:
    source = "\n\ndef one() -> int:\n    raise ValueError('no')\n"
    alice = user("alice")
    run = await (await house.open(alice, execute=False)).execute_async(define(source))
    with pytest.raises(ChainFailed) as caught:
        await (await house.open(alice)).wait(run, 60)
    assert caught.value.line == 4


async def test_44_what_contradicts_its_source_is_signed_by_no_reviewer(house, user, define) -> None:
    executor = await house.open(user("alice"))
    await executor.publish(define("def one() -> int:\n    return 1\n"))
    bob = await house.open(user("bob"))
    review = await bob.review("demo")
    lying = ChainDefinition.model_validate(
        {**review.definition.model_dump(), "description": "quite another thing"}
    )
    with pytest.raises(DefinitionError, match="another description"):
        await bob.vouch(replace(review, definition=lying))
