"""SEMANTICS 11-16, 28: chains in chains on real workers, whichever scheduler carries the wake-ups."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, ChainExecutor, connect
from tinyflow_nb.errors import ChainCancelled, ChainFailed
from tinyflow_nb.model.trigger import Trigger, child_run_id
from tinyflow_nb.settings import TrustSettings
from tinyflow_nb.trust import UserTrust

ASK = '''
async def draft(n: int) -> str:
    return f"draft {n}"

@confirm(initial="draft")
def ask(draft) -> str:
    """Send {{ draft }}?"""

async def sent(ask: str) -> str:
    return f"sent {ask}"
'''
FAIL = """
async def boom(n: int) -> int:
    raise ValueError(f"no {n}")
"""
ONCE = """
from pathlib import Path

async def first(n: int) -> int:
    return n + 1

async def second(first: int, file: str) -> int:
    if not Path(file).exists():
        raise ValueError("not yet")
    return first * 2
"""


def calls(child: str, options: str = "", inputs: str = "n") -> ChainDefinition:
    source = f'@chain("{child}"{options})\ndef below({inputs}): ...\n\ndef after(below):\n    return below\n'
    return ChainDefinition.from_source(source, "top")


async def tower(client: ChainExecutor, bottom: str, depth: int, inputs: str = "n") -> str:
    """The name of the highest of chains that call each other `depth` deep."""
    await client.publish(ChainDefinition.from_source(textwrap.dedent(bottom), name="level0"))
    for level in range(1, depth + 1):
        source = f'@chain("level{level - 1}")\ndef below({inputs}): ...\n'
        await client.publish(ChainDefinition.from_source(source, name=f"level{level}"))
    return f"level{depth}"


def lowest(run: str, depth: int) -> str:
    for _ in range(depth):
        run = child_run_id(run, "below", 1)
    return run


async def start(start_worker: Any, wait_until: Any, count: int) -> None:
    workers = [start_worker("--concurrency", "2") for _ in range(count)]
    for worker in workers:
        await wait_until(lambda w=worker: w.did("worker.started"))


@pytest.mark.timeout(240)
async def test_28_what_goes_through_the_levels_on_two_workers(
    client: ChainExecutor, start_worker: Any, wait_until: Any, tmp_path: Any
) -> None:
    """Suspend, answer, stop, fail, retry and time out; one fleet for all, as processes cost seconds."""
    await start(start_worker, wait_until, 2)

    async def waits(run: str) -> Any:
        state = await client.state(run)
        return state.status == "SUSPENDED" and state.waiting()

    deep = await tower(client, ASK, 40)
    runs = {depth: await client.execute_async(f"level{depth}", {"n": depth}) for depth in (1, 3, 40)}
    for depth, run in runs.items():
        waiting = await wait_until(lambda run=run: waits(run))
        assert list(waiting) == ["/".join(["below"] * depth) + "/ask"]
    for depth, run in runs.items():
        await client.resume_async(run, who="ada")
        assert await client.wait(run, timeout=60) == f"sent draft {depth}"

    stopped = await client.execute_async(deep, {"n": 4})
    await wait_until(lambda: waits(stopped))
    await client.stop(stopped)
    with pytest.raises(ChainCancelled):
        await client.wait(stopped, timeout=60)

    async def bottom_is_stopped() -> bool:
        return (await client.state(lowest(stopped, 40))).status == "CANCELLED"

    await wait_until(bottom_is_stopped)
    await client.retry(stopped)
    await wait_until(lambda: waits(stopped))
    await client.resume_async(stopped, "at last")
    assert await client.wait(stopped, timeout=60) == "sent at last"

    late = await client.execute_async(calls("level3", ", timeout=0.5, on_error='skip'"), {"n": 4})
    assert await client.wait(late, timeout=60) is None
    assert "did not end within 0.5 s" in (await client.state(late)).nodes["below"].error["message"]

    await client.publish(ChainDefinition.from_source(FAIL, name="level0"))
    for depth in (1, 3, 40):
        with pytest.raises(ChainFailed, match=f"ValueError: no {depth}") as failed:
            await client.execute(f"level{depth}", {"n": depth}, timeout=60)
        assert len(failed.value.error["path"]) == depth
    handled = calls("level0", ", retry=Retry(max=2, wait=0), on_error=default(7)")
    run = await client.execute_async(handled, {"n": 4})
    assert await client.wait(run, timeout=60) == 7
    child = await client.state(lowest(run, 1))
    assert child.generation == 3, "a further attempt retries the failed child"

    once = await tower(client, ONCE, 3, "n, file")
    run = await client.execute_async(once, {"n": 4, "file": str(tmp_path / "now")})
    with pytest.raises(ChainFailed, match="not yet"):
        await client.wait(run, timeout=60)
    (tmp_path / "now").touch()
    await client.retry(run)
    assert await client.wait(run, timeout=60) == 10
    bottom = await client.state(lowest(run, 3))
    assert (bottom.generation, bottom.nodes["first"].attempts) == (2, 1)


@pytest.mark.timeout(120)
async def test_28_triggers_between_runs_come_twice_and_in_any_order(
    client: ChainExecutor, start_worker: Any, wait_until: Any
) -> None:
    """What starts a child, and what tells of its end, again and again while it goes on."""
    await start(start_worker, wait_until, 2)
    top = await tower(client, "async def double(n: int) -> int:\n    return n * 2\n", 3)
    runs = [await client.execute_async(top, {"n": n}) for n in range(20)]
    again = [
        Trigger(lowest(run, depth), 1, unit, 1, kind)
        for run in runs
        for depth in range(4)
        for kind, unit in (("parent", ""), ("child", "below"), ("children", ""), ("run", "below"))
    ]
    for _ in range(3):
        client._scheduler.schedule(again)
        again.reverse()
    assert [await client.wait(run, timeout=60) for run in runs] == [n * 2 for n in range(20)]
    assert len((await client.runs(children=True, limit=200)).runs) == 80, "no child was made twice"
    for run in runs:
        for depth in range(4):
            events = await client.recorded(lowest(run, depth))
            finished = [e.node for e in events if e.type == "node.finished"]
            assert finished == (["double"] if depth == 3 else ["below"])


TRACE = """
from pathlib import Path

async def one(file: str) -> str:
    Path(file).touch()
    return "done"
"""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scheduler", ["redis"], indirect=True)
async def test_44_a_worker_does_not_execute_a_strangers_child_of_a_run_it_trusts(
    redis_address: str, scheduler: str, start_worker: Any, wait_until: Any, tmp_path: Any
) -> None:
    alice = UserTrust(TrustSettings(author="alice@there"), tmp_path / "trust-of-alice")
    async with connect(redis_address, scheduler=scheduler, execute=False, trust=alice) as hers:
        await hers.publish(ChainDefinition.from_source(TRACE, name="evil"))
    mine = UserTrust(
        TrustSettings(keys={"alice": alice.own_line()})
    )  # the workers' settings have no such key
    async with connect(redis_address, scheduler=scheduler, execute=False, trust=mine) as client:
        worker = start_worker()
        file = tmp_path / "executed"
        run = await client.execute_async(calls("evil", inputs="file"), {"file": str(file)})
        child = child_run_id(run, "below", 1)

        def refusals() -> list[str]:
            told = [line["message"] for line in worker.lines() if line["level"] == "error"]
            return [message for message in told if child in message]

        (refusal, *_) = await wait_until(refusals)
        assert f"signed by alice@there ({alice.own_fingerprint()}), who is not trusted here" in refusal

        async def is_handed_back() -> bool:
            one = (await client.state(child)).nodes["one"]
            return (one.status, one.attempts) == ("READY", 0)

        await wait_until(is_handed_back)
        assert not file.exists()
        UserTrust().add(alice.own_line(), "")
        assert await client.wait(run, timeout=60) == "done"
