"""Runs in lists: their headers, summaries and pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tinyflow_nb.model.state import RunCounts, RunHeader, RunPage, RunSummary
from tinyflow_nb.model.status import Status
from tinyflow_nb.stores.run_image import RunImage


def header_of(image: RunImage) -> RunHeader:
    new = image.new
    return RunHeader(
        new.run, new.chain, new.definition, image.status, image.generation,
        new.inputs, image.deadline, new.context, image.error, image.seq, image.created_at,
    )  # fmt: skip


def summary_of(image: RunImage) -> RunSummary:
    return RunSummary(
        id=image.new.run,
        chain=image.new.chain,
        status=image.status,
        created_at=image.created_at,
        finished_at=image.finished_at,
        waiting=image.parked,
        parent=image.new.context.get("parent", ""),
        error=(image.error or {}).get("message", ""),
    )


def is_of(summary_chain: str, chain: str) -> bool:
    """Whether a run's chain is the one asked for: by name, or by name with its version."""
    return summary_chain == chain or summary_chain.partition("@")[0] == chain


def counts_of(counted: Iterable[tuple[tuple[str, Status], int]], complete: bool) -> RunCounts:
    """What parts of a store have counted, together."""
    by: dict[tuple[str, Status], int] = {}
    for of, runs in counted:
        by[of] = by.get(of, 0) + runs
    return RunCounts(by, complete)


def page_of(
    summaries: Sequence[RunSummary], *, chain: str, status: Status | None, waiting: bool,
    limit: int, cursor: str,
) -> RunPage:  # fmt: skip
    """Filter and cut; summaries come newest first, the cursor is the last id of the page before."""
    found = [
        s
        for s in summaries
        if (not chain or is_of(s.chain, chain))
        and (status is None or s.status is status)
        and (not waiting or (s.waiting and not s.status.terminal))
    ]
    if cursor:
        ids = [s.id for s in found]
        found = found[ids.index(cursor) + 1 :] if cursor in ids else []
    return RunPage(found[:limit], found[limit - 1].id if len(found) > limit else "")
