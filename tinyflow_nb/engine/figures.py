"""Figures of a store's runs, by a bounded number of looks at it."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tinyflow_nb.engine.series import Times, times_of
from tinyflow_nb.model.figures import Backlog, ChainFigures, Figures, Stretch
from tinyflow_nb.model.state import NodeState, RunSummary
from tinyflow_nb.model.status import TERMINAL, Status
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import DueIndex, StateStore

PAGE = 200
LOOKED_INTO = 100
"""Runs whose nodes are read, for tokens or for what is to be done: each is a look of its own."""
COUNTED = 20_000
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
    times = times_of((run.finished_at for run in runs if run.finished_at is not None), store.now())
    figures = Figures(
        all=_figures(runs, times), chains={name: _figures(of, times) for name, of in often},
        looked_at=len(runs), complete=not cursor, tokens_of=min(len(runs), LOOKED_INTO),
        backlog=await _backlog(store), began=times.began, step=times.step,
    )  # fmt: skip
    await _count_tokens(store, runs[:LOOKED_INTO], figures, times)
    return figures


def _figures(runs: Sequence[RunSummary], times: Times) -> ChainFigures:
    counts = Counter(str(run.status) for run in runs)
    good, bad = counts[Status.SUCCEEDED], counts[Status.FAILED]
    p50, p95 = _took(runs)
    return ChainFigures(
        runs={str(status): counts[status] for status in Status if counts[status]},
        success_rate=good / (good + bad) if good + bad else None,
        seconds_p50=p50,
        seconds_p95=p95,
        series=_series(runs, times),
    )


def _series(runs: Sequence[RunSummary], times: Times) -> list[Stretch]:
    ended: list[list[RunSummary]] = [[] for _ in range(times.number)]
    for run in runs:
        if run.status in TERMINAL and run.finished_at is not None:
            ended[times.place(run.finished_at)].append(run)
    series = []
    for of in ended:
        counts = Counter(str(run.status) for run in of)
        p50, p95 = _took(of)
        by_status = {str(status): counts[status] for status in Status if counts[status]}
        series.append(Stretch(by_status, p50, p95))
    return series


def _took(runs: Sequence[RunSummary]) -> tuple[float | None, float | None]:
    """p50 and p95 of those that succeeded."""
    took = sorted(
        run.finished_at - run.created_at
        for run in runs
        if run.status is Status.SUCCEEDED and run.finished_at is not None
    )
    return percentile(took, 0.5), percentile(took, 0.95)


def percentile(ordered: Sequence[float], part: float) -> float | None:
    """The least of the ordered values that `part` of them do not exceed; None of none."""
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)] if ordered else None


async def _count_tokens(
    store: StateStore, runs: Sequence[RunSummary], figures: Figures, times: Times
) -> None:
    free = asyncio.Semaphore(AT_ONCE)
    known_from = times.place(runs[-1].created_at) if len(runs) < figures.looked_at else 0
    for figure in (figures.all, *figures.chains.values()):
        for stretch in figure.series[known_from:]:
            stretch.input_tokens = stretch.output_tokens = 0

    async def count(run: RunSummary) -> None:
        async with free:
            state = await store.state(run.id, outputs=False)
        if state is None:
            return
        for node in _units(state.nodes.values()):
            if not node.usage:
                continue
            place = times.place(node.finished_at or run.finished_at or run.created_at)
            for figure in (figures.all, figures.chains[run.chain.partition("@")[0]]):
                _add(figure, figure.series[place], node.usage)

    await asyncio.gather(*map(count, runs))


def _add(figure: ChainFigures, stretch: Stretch, usage: dict[str, object]) -> None:
    read, wrote, cost = (usage.get(name) for name in ("input_tokens", "output_tokens", "cost"))
    if isinstance(read, int):
        figure.input_tokens += read
        stretch.input_tokens = (stretch.input_tokens or 0) + read
    if isinstance(wrote, int):
        figure.output_tokens += wrote
        stretch.output_tokens = (stretch.output_tokens or 0) + wrote
    if isinstance(cost, int | float):
        figure.cost = (figure.cost or 0.0) + cost
        stretch.cost = (stretch.cost or 0.0) + cost


def _units(nodes: Iterable[NodeState]) -> Iterable[NodeState]:
    for node in nodes:
        yield node
        yield from node.items or ()


async def _backlog(store: StateStore) -> Backlog:
    """Of the newest live runs, those of chains in chains included; where a store has an index of what is
    ready, of all."""
    pages = [
        await store.runs(status=status, children=True, limit=LOOKED_INTO)
        for status in (Status.READY, Status.RUNNING, Status.SUSPENDED)
    ]
    live = [run.id for page in pages for run in page.runs]
    free = asyncio.Semaphore(AT_ONCE)

    async def pending(run: str) -> list[Trigger]:
        async with free:
            return await store.pending(run)

    triggers = [trigger for found in await asyncio.gather(*map(pending, live)) for trigger in found]
    now = store.now()
    ready = sum(t.kind in ("run", "retry") and t.due <= now for t in triggers)
    timed = [t for t in triggers if t.kind in ("timeout", "deadline") or (t.kind == "retry" and t.due > now)]
    waiting = pages[-1]
    suspended = sum(not run.parent for run in waiting.runs)
    if waiting.next:
        counts = await store.count(COUNTED)
        counted = sum(runs for (_, status), runs in counts.by.items() if status is Status.SUSPENDED)
        suspended = max(suspended, counted)
    return Backlog(
        ready=await store.backlog() if isinstance(store, DueIndex) else ready,
        running=sum(t.kind == "lease" for t in triggers),
        suspended=suspended,
        timers=len(timed),
        overdue=sum(t.due <= now for t in timed),
        complete=not any(page.next for page in pages),
    )
