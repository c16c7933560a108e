"""SEMANTICS B 18-23: deaths, leases, who executes, expiry. Time moves only when the test moves it."""

from __future__ import annotations

import asyncio

import pytest

from tinyflow_nb import ChainSuspended, DefinitionError, UnknownRun
from tinyflow_nb.errors import InvalidOperation
from tinyflow_nb.model.commit import Commit, Settle
from tinyflow_nb.model.status import Status

LEASE = 30.0
ONE = "def a() -> int:\n    return 1\n"
LINE = ONE + "def b(a: int) -> int:\n    return a + 1\n"


async def submitted(house, source=ONE, inputs=None):
    """A run nobody executes, the store to look at it, and its one trigger."""
    submitter = await house.open(execute=False)
    run = await submitter.execute_async(house.define(source), inputs)
    store = await house.bare_store()
    (trigger,) = await store.pending(run)
    return run, store, trigger


def lease_trigger(claim, due=0.0):
    from tinyflow_nb.model.trigger import Trigger

    return Trigger(claim.run, claim.generation, claim.unit, claim.attempt, "lease", due)


def settles(claim, value="7"):
    step = Settle("settle", claim.unit, claim.token, Status.SUCCEEDED, value)
    return Commit(claim.run, claim.generation, (step,))


async def test_b18_a_claim_that_dies_with_its_worker_uses_no_retry_attempt(still, finish):
    run, store, trigger = await submitted(still)
    assert await store.claim(trigger, "ghost", LEASE)
    still.clock.advance(LEASE)
    executor = await still.open()
    await executor.attach(run)
    state = await finish(executor, run)
    assert (state.result, state.nodes["a"].attempts) == (1, 1)


@pytest.mark.parametrize("deaths", [2, 3])
async def test_b18_the_third_death_fails_the_node(still, finish, deaths):
    run, store, trigger = await submitted(still)
    for _ in range(deaths):
        (claim,) = (await store.claim(trigger, "ghost", LEASE)).claims
        trigger = lease_trigger(claim)
        still.clock.advance(LEASE)
    executor = await still.open()
    await executor.attach(run)
    state = await finish(executor, run)
    if deaths == 2:
        assert state.result == 1
    else:
        assert (state.status, state.error["type"], state.error["node"]) == ("FAILED", "WorkerLost", "a")
        assert "3 workers died" in state.error["message"]


async def test_b18_worker_lost_is_an_error_like_others_and_can_be_handled(still, finish):
    source = "@node(on_error=default(5), retry=3)\ndef a() -> int:\n    return 1\n"
    run, store, trigger = await submitted(still, source)
    for _ in range(3):
        (claim,) = (await store.claim(trigger, "ghost", LEASE)).claims
        trigger = lease_trigger(claim)
        still.clock.advance(LEASE)
    executor = await still.open()
    await executor.attach(run)
    assert (await finish(executor, run)).result == 5


async def test_b20_a_lease_ends_exactly_at_its_expiry(still):
    _, store, trigger = await submitted(still)
    (first,) = (await store.claim(trigger, "one", LEASE)).claims
    expires = still.clock.now() + LEASE
    still.clock.advance(LEASE - 0.001)
    assert await store.claim(lease_trigger(first), "two", LEASE) is None
    still.clock.advance(expires - still.clock.now())
    assert still.clock.now() == expires
    (second,) = (await store.claim(lease_trigger(first), "two", LEASE)).claims
    assert (second.unit, second.attempt) == ("a", 1)
    assert second.token != first.token


async def test_b20_until_somebody_takes_over_the_holder_may_renew_and_commit(still):
    run, store, trigger = await submitted(still)
    (claim,) = (await store.claim(trigger, "one", LEASE)).claims
    still.clock.advance(LEASE * 5)
    assert store.renew([(run, "a", claim.token)], LEASE) == []
    still.clock.advance(LEASE - 0.001)
    assert await store.claim(lease_trigger(claim), "two", LEASE) is None
    still.clock.advance(LEASE * 5)
    outcome = await store.commit(settles(claim))
    assert outcome.status == "SUCCEEDED"


async def test_b20_who_lost_its_lease_can_not_commit_and_is_told_when_it_renews(still):
    run, store, trigger = await submitted(still)
    (first,) = (await store.claim(trigger, "one", LEASE)).claims
    still.clock.advance(LEASE)
    (second,) = (await store.claim(lease_trigger(first), "two", LEASE)).claims
    before = await store.state(run)
    assert await store.commit(settles(first)) is None
    lost, kept = (run, "a", first.token), (run, "a", second.token)
    assert store.renew([lost, kept], LEASE) == [lost]
    still.clock.advance(LEASE - 0.001)  # the loser's renewal must not have touched the winner's lease
    assert store.renew([lost], LEASE) == [lost]
    assert await store.claim(lease_trigger(second), "three", LEASE) is None
    assert await store.state(run) == before
    assert (await store.commit(settles(second))).status == "SUCCEEDED"


async def test_b20_another_process_sees_a_takeover_too(still):
    run, store, trigger = await submitted(still)
    other = await still.bare_store()
    (first,) = (await store.claim(trigger, "one", LEASE)).claims
    still.clock.advance(LEASE)
    (second,) = (await other.claim(lease_trigger(first), "two", LEASE)).claims
    assert store.renew([(run, "a", first.token)], LEASE) == [(run, "a", first.token)]
    assert other.renew([(run, "a", second.token)], LEASE) == []
    still.clock.advance(LEASE - 0.001)
    assert await store.claim(lease_trigger(second), "three", LEASE) is None
    still.clock.advance(0.002)
    assert await store.claim(lease_trigger(second), "three", LEASE) is not None


async def test_b20_a_stopped_run_loses_every_lease(still):
    executor = await still.open(execute=False)
    run = await executor.execute_async(still.define(ONE))
    store = await still.bare_store()
    (claim,) = (await store.claim((await store.pending(run))[0], "one", LEASE)).claims
    assert store.renew([(run, "a", claim.token)], LEASE) == []
    await executor.stop(run)
    assert store.renew([(run, "a", claim.token)], LEASE) == [(run, "a", claim.token)]
    await executor.retry(run)
    assert store.renew([(run, "a", claim.token)], LEASE) == [(run, "a", claim.token)]
    assert store.renew([("nope", "a", 1)], LEASE) == [("nope", "a", 1)]


async def test_b20_a_fenced_workers_late_result_changes_nothing(still, wait_until, finish):
    let_go = asyncio.Event()
    done = asyncio.Event()

    async def slow():
        await let_go.wait()
        done.set()
        return 99

    async def quick():
        return 1

    long = 10 * LEASE  # it is renewed every third of it by the machine's clock: not while this test runs
    one = await still.open(overrides={"a": slow}, lease=long)
    two = await still.open(overrides={"a": quick}, lease=long)
    run = await one.execute_async(still.define(LINE))
    await two.attach(run)
    still.clock.advance(long)
    state = await finish(two, run)
    assert state.result == 2
    let_go.set()
    await asyncio.sleep(0)
    assert await one.wait(run, timeout=60) == 2
    assert await one.state(run) == state


async def test_b20_items_that_are_void_lose_their_leases(still):
    source = (
        "def rescue() -> list[int]:\n    return []\n"
        '@node(each="x in [1, 2]", on_error="rescue")\ndef a(x: int) -> int:\n    return 1\n'
        '@confirm(after="a")\ndef hold() -> bool:\n    "Wait"\n'
    )

    async def a(x):
        if x == 2:
            raise ValueError("no")
        await asyncio.Event().wait()

    executor = await still.open(overrides={"a": a})
    run = await executor.execute_async(still.define(source))
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=60)
    state = await executor.state(run)
    assert [i.status for i in state.nodes["a"].items] == ["CANCELLED", "FAILED"] or [
        i.status for i in state.nodes["a"].items
    ] == ["CANCELLED", "CANCELLED"]
    store = await still.bare_store()
    await store.state(run)
    assert store.renew([(run, "a[0]", token) for token in range(1, 9)], LEASE) == [
        (run, "a[0]", token) for token in range(1, 9)
    ]


async def test_b21_a_process_adopts_nobody_elses_run(still):
    run, _, _ = await submitted(still)
    other = await still.open()
    await other.state(run)
    await other.runs()
    await other.waiting()
    for _ in range(20):
        still.clock.advance(LEASE)
        await asyncio.sleep(0)
    assert (await other.state(run)).nodes["a"].status == "READY"


@pytest.mark.parametrize("act", ["attach", "wait", "start"])
async def test_b21_attaching_awaiting_or_starting_it_again_executes_it(still, wait_until, act):
    run, _, _ = await submitted(still, LINE)
    other = await still.open()
    if act == "attach":
        await other.attach(run)
    elif act == "start":
        await other.execute_async(still.define(LINE), run_id=run)
    if act == "wait":
        assert await other.wait(run, timeout=60) == 2
    else:

        async def ended():
            return (await other.state(run)).status == "SUCCEEDED"

        await wait_until(ended)


async def test_b21_resuming_executes_the_whole_run(still, wait_until):
    source = ONE + "@confirm\ndef ask() -> bool:\n    'Yes?'\n"
    submitter = await still.open(execute=False)
    run = await submitter.execute_async(still.define(source))
    store = await still.bare_store()
    trigger = next(t for t in await store.pending(run) if t.unit == "ask")
    (claim,) = (await store.claim(trigger, "ghost", LEASE)).claims
    from tinyflow_nb.model.commit import Park, Start

    start = Start("start", "ask", claim.token)
    park = Park(
        "park", "ask", claim.token, {"message": "Yes?", "schema": {"type": "boolean"}, "initial": None}
    )
    assert await store.commit(Commit(run, 1, (start, park)))
    other = await still.open()
    await other.resume_async(run, True)

    async def ended():
        return (await other.state(run)).status == "SUCCEEDED"

    await wait_until(ended)


async def test_b21_submit_only_executes_nothing(still):
    submitter = await still.open(execute=False)
    run = await submitter.execute_async(still.define(ONE))
    await submitter.attach(run)
    with pytest.raises(Exception, match="goes on as run"):
        await submitter.wait(run, timeout=0.05)
    assert (await submitter.state(run)).nodes["a"].status == "READY"


async def test_b22_finished_runs_expire_and_live_ones_never(still):
    executor = await still.open(retention=100.0)
    old = await executor.execute_async(still.define(ONE))
    await executor.wait(old, timeout=60)
    still.clock.advance(60)
    young = await executor.execute_async(still.define(ONE))
    await executor.wait(young, timeout=60)
    live, _, _ = await submitted(still)
    still.clock.advance(40)
    again = await still.open(retention=100.0)
    assert {r.id for r in (await again.runs()).runs} == {young, live}
    with pytest.raises(UnknownRun):
        await again.state(old)
    still.clock.advance(10**9)
    again = await still.open(retention=100.0)
    assert {r.id for r in (await again.runs()).runs} == {live}


async def test_b22_a_suspended_run_untouched_for_its_ttl_is_cancelled(still):
    executor = await still.open(suspended_ttl=1000.0)
    run = await executor.execute_async(still.define("@confirm\ndef ask() -> bool:\n    'Yes?'\n"))
    with pytest.raises(ChainSuspended):
        await executor.wait(run, people=False, timeout=60)
    still.clock.advance(999)
    again = await still.open(suspended_ttl=1000.0)
    assert (await again.state(run)).status == "SUSPENDED"
    still.clock.advance(1)
    again = await still.open(suspended_ttl=1000.0)
    assert (await again.state(run)).status == "CANCELLED"


async def test_b22_delete_forgets_a_terminal_run_and_refuses_a_live_one(still):
    executor = await still.open()
    run = await executor.execute_async(still.define(ONE))
    await executor.wait(run, timeout=60)
    await executor.delete(run)
    with pytest.raises(UnknownRun):
        await executor.state(run)
    assert (await executor.runs()).runs == []
    live, store, _ = await submitted(still)
    before = await store.state(live)
    with pytest.raises(InvalidOperation, match="stop it first"):
        await executor.delete(live)
    assert await store.state(live) == before


async def test_b23_a_process_that_can_not_load_the_code_hands_its_claim_back(still, wait_until, finish):
    run, store, trigger = await submitted(still)
    unfit = await still.open(nodes={})
    with pytest.raises(DefinitionError, match="not installed here"):
        await unfit.attach(run)
    assert await unfit.accept(trigger)

    async def handed_back():
        return await store.pending(run) == [trigger]

    await wait_until(handed_back)
    assert await unfit.accept(trigger) is False, "it has marked itself unfit"
    assert (await store.state(run)).nodes["a"].attempts == 0
    fit = await still.open()
    await fit.attach(run)
    assert (await finish(fit, run)).nodes["a"].attempts == 1
