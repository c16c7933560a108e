"""Lanes: what waits for a worker, told apart by the tags that worker must carry."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from itertools import combinations
from typing import Final

TAG: Final = r"^[A-Za-z0-9_.-]{1,40}$"
MOST_TAGS: Final = 5
"""Of one worker: it serves a lane for each choice of them."""

Carried = Collection[str] | None
"""Tags of who works; None: every tag, for it is the only one there is."""


def lane_of(tags: Iterable[str]) -> str:
    """`eu+gpu`; "" without tags."""
    return "+".join(sorted(set(tags)))


def lanes_of(tags: Iterable[str]) -> list[str]:
    """Those a worker serves that carries these tags, the one without tags first."""
    carried = sorted(set(tags))
    return ["+".join(some) for size in range(len(carried) + 1) for some in combinations(carried, size)]


def checked_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """A worker's tags, sorted.

    Raises:
        ValueError: saying what they may be.
    """
    found = tuple(sorted(set(tags)))
    wrong = next((tag for tag in found if not re.match(TAG, tag)), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} is no tag: letters, digits and . _ - make one, 40 at most")
    if len(found) > MOST_TAGS:
        raise ValueError(f"{len(found)} tags are too many for one worker: {MOST_TAGS} are the most")
    return found


def may_run(tags: Collection[str], carried: Carried) -> bool:
    """Whether who carries these tags may run what has those."""
    return not tags or carried is None or all(tag in carried for tag in tags)
