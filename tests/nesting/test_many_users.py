"""Many users' chains in chains at once: each node sees its own run's context, never another's."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinyflow_nb.clock import SystemClock
from tinyflow_nb.errors import ChainCancelled
from tinyflow_nb.model.trigger import child_run_id
from tinyflow_nb.stores.memory import MemoryStore
from tinyflow_nb.testing.contract.house import House

DEPTH = 3
SEE = """
import asyncio

def _seen(context):
    return {
        "root": context.root, "parent": context.parent, "call_stack": list(context.call_stack),
        "depth": context.depth, "session": context.session, "user": context.user,
        "baggage": dict(context.baggage),
    }
"""
BOTTOM = f"""{SEE}
async def see(pauses: list[int], context: ExecutionContext) -> list[dict]:
    for _ in range(pauses[context.depth]):
        await asyncio.sleep(0)
    return [_seen(context)]
"""
LEVEL = f"""{SEE}
async def before(pauses: list[int], context: ExecutionContext) -> list[int]:
    for _ in range(pauses[context.depth]):
        await asyncio.sleep(0)
    return pauses

@chain("BELOW", inputs={{"pauses": "before"}})
def below(pauses) -> list[dict]: ...

def see(below: list[dict], context: ExecutionContext) -> list[dict]:
    return [_seen(context), *below]
"""


class User(NamedTuple):
    """One who starts a run, and what the loop does meanwhile."""

    name: str
    session: str
    baggage: dict[str, str]
    pauses: list[int]
    """Turns of the loop that each level waits for."""
    later: int
    """And that the run is started after."""
    stopped: bool


words = st.text("abc", min_size=1, max_size=2)
users = st.lists(
    st.builds(
        User, words, words, st.dictionaries(words, words, max_size=2),
        st.lists(st.integers(0, 5), min_size=DEPTH + 1, max_size=DEPTH + 1), st.integers(0, 20),
        st.booleans(),
    ),
    min_size=2, max_size=12,
)  # fmt: skip


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(users=users)
def test_contexts_of_users_never_mix(users: list[User]) -> None:
    asyncio.run(all_at_once(users))


async def all_at_once(users: list[User]) -> None:
    clock = SystemClock()
    store = MemoryStore(clock)
    async with AsyncExitStack() as stack:
        house = House(lambda _: store, clock, stack)
        executors = [await house.open(capacity=4, threads=2) for _ in range(2)]
        await executors[0].publish(house.define(BOTTOM, "level0"))
        for level in range(DEPTH):
            source = LEVEL.replace("BELOW", f"level{level}")
            await executors[0].publish(house.define(source, f"level{level + 1}"))
        await asyncio.gather(*(one(executors[n % 2], n, user) for n, user in enumerate(users)))


async def one(executor: Any, number: int, user: User) -> None:
    for _ in range(user.later):
        await asyncio.sleep(0)
    run = await executor.execute_async(
        f"level{DEPTH}", {"pauses": user.pauses}, run_id=f"run{number}", user=user.name,
        session=user.session, baggage=user.baggage,
    )  # fmt: skip
    if user.stopped:
        await executor.stop(run)
    try:
        seen = await executor.wait(run, timeout=60)
    except ChainCancelled:
        assert user.stopped, "who stops one run stops no other"
        return
    runs = [run]
    for _ in range(DEPTH):
        runs.append(child_run_id(runs[-1], "below", 1))
    assert seen == [
        {
            "root": run, "parent": runs[depth - 1] if depth else "", "depth": depth, "user": user.name,
            "session": user.session, "baggage": user.baggage,
            "call_stack": [f"level{DEPTH - above}@1" for above in range(depth + 1)],
        }
        for depth in range(DEPTH + 1)
    ]  # fmt: skip
