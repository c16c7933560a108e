"""Figures of a store's runs, by a bounded number of looks at it."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tinyflow_nb.model.figures import ChainFigures, Figures
from tinyflow_nb.model.state import NodeState, RunSummary
from tinyflow_nb.model.status import Status
from tinyflow_nb.ports import DueIndex, StateStore

PAGE = 200
LOOKED_INTO = 100
"""Runs whose nodes are read, for tokens or for what is ready: each is a look of its own."""
AT_ONCE = 16


async def figures_of(store: StateStore, limit: int) -> Figures:
    """
    Args:
        limit: runs looked at, at most.
    """
    runs: list[RunSummary] = []
    cursor = ""
    while True:
        page = await store.runs(limit=min(PAGE, limit - len(runs)), cursor=cursor)
        runs += page.runs
        cursor = page.next
        if not cursor or len(runs) >= limit:
            break
    by_chain: dict[str, list[RunSummary]] = defaultdict(list)
    for run in runs:
        by_chain[run.chain.partition("@")[0]].append(run)
    often = sorted(by_chain.items(), key=lambda chain: (-len(chain[1]), chain[0]))
    figures = Figures(
        all=_figures(runs), chains={name: _figures(of) for name, of in often}, looked_at=len(runs),
        complete=not cursor, tokens_of=min(len(runs), LOOKED_INTO), backlog=await _backlog(store, runs),
    )  # fmt: skip
    await _count_tokens(store, runs[:LOOKED_INTO], figures)
    return figures


def _figures(runs: Sequence[RunSummary]) -> ChainFigures:
    counts = Counter(str(run.status) for run in runs)
    good, bad = counts[Status.SUCCEEDED], counts[Status.FAILED]
    took = sorted(
        run.finished_at - run.created_at
        for run in runs
        if run.status is Status.SUCCEEDED and run.finished_at is not None
    )
    return ChainFigures(
        runs={str(status): counts[status] for status in Status if counts[status]},
        success_rate=good / (good + bad) if good + bad else None,
        seconds_p50=percentile(took, 0.5),
        seconds_p95=percentile(took, 0.95),
    )


def percentile(ordered: Sequence[float], part: float) -> float | None:
    """The least of the ordered values that `part` of them do not exceed; None of none."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else None


async def _count_tokens(store: StateStore, runs: Sequence[RunSummary], figures: Figures) -> None:
    free = asyncio.Semaphore(AT_ONCE)

    async def count(run: RunSummary) -> None:
        async with free:
            state = await store.state(run.id, outputs=False)
        if state is None:
            return
        for node in _units(state.nodes.values()):
            for figure in (figures.all, figures.chains[run.chain.partition("@")[0]]):
                figure.input_tokens += (node.usage or {}).get("input_tokens") or 0
                figure.output_tokens += (node.usage or {}).get("output_tokens") or 0

    await asyncio.gather(*map(count, runs))


def _units(nodes: Iterable[NodeState]) -> Iterable[NodeState]:
    for node in nodes:
        yield node
        yield from node.items or ()


async def _backlog(store: StateStore, runs: Sequence[RunSummary]) -> int:
    if isinstance(store, DueIndex):
        return await store.backlog()
    live = [run.id for run in runs if not run.status.terminal][:LOOKED_INTO]
    now = store.now()
    pending = await asyncio.gather(*map(store.pending, live))
    return sum(t.kind in ("run", "retry") and t.due <= now for triggers in pending for t in triggers)
