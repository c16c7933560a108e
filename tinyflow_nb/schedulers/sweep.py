"""The sweep: workers with room look at the store's due index every few seconds, so that lost
wake-ups, timers, and the leases of dead workers are taken up, whosever run it is (SEMANTICS 27)."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

from tinyflow_nb.errors import TinyflowError
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import MESSAGE_ID, DueIndex, Roster
from tinyflow_nb.schedulers.turns import Turns

log = logging.getLogger(__name__)

EVERY = 2.0
"""Seconds between two turns of one worker, about: workers do not keep step."""
OLDER = 1.0
"""Seconds a wake-up is given to arrive."""
AGAIN = 5.0
"""Seconds until what one worker found is shown to others, if it is still there."""
SHARDS = 64

Accept = Callable[[Trigger], Awaitable[bool]]
Room = Callable[[], Awaitable[int]]


async def sweep(index: DueIndex, accept: Accept, room: Room, tags: Sequence[str] = ()) -> None:
    """Runs until it is cancelled. Deadlines are passed, and runs tell one another, also while there is no
    room.

    Args:
        tags: the worker's.
    """

    async def units() -> list[Trigger]:
        return await index.due(OLDER, AGAIN, 1 + await room() // SHARDS, tags)

    looks = (units, partial(index.deadlines, OLDER, AGAIN), partial(index.between, 0.0, AGAIN))
    if not isinstance(index, Roster):
        await asyncio.gather(*(_repeat(look, accept, lambda: True) for look in looks))
        return
    turns = Turns(index, tags)
    await asyncio.gather(turns.keep_count(), *(_repeat(look, accept, turns.is_mine) for look in looks))


async def _repeat(
    look: Callable[[], Awaitable[list[Trigger]]], accept: Accept, is_my_turn: Callable[[], bool]
) -> None:
    while True:
        await asyncio.sleep(EVERY * random.uniform(0.5, 1.5))
        if not is_my_turn():
            continue
        try:
            while found := await look():
                await bring(found, accept)
        except TinyflowError:
            log.warning("could not look at what is due", exc_info=True)
        except Exception:  # whatever it is, the next look may do; nobody else would
            log.exception("could not look at what is due")


async def bring(triggers: Iterable[Trigger], accept: Accept, message: str = "") -> None:
    """Claim what they name; a trigger that fails here is still in the store, and found again.

    Args:
        message: id of the one that brought them.
    """

    async def one(trigger: Trigger) -> None:
        MESSAGE_ID.set(message)  # each runs in a task, so in a context, of its own
        try:
            await accept(trigger)
        except Exception:
            log.exception("a trigger of run %s could not be accepted", trigger.run)

    await asyncio.gather(*map(one, triggers))
