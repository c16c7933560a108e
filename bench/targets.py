"""What `make bench` holds the figures against: each target is a function of one run's records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Records = dict[tuple[str, str, int | None], dict[str, Any]]
"""One measurement by ("peer:variant", workload, nodes for W8 else None)."""


class Row(NamedTuple):
    """One line of the table; `met` is None where a figure is missing, and `figure` says which."""

    what: str
    ours: str
    against: str
    figure: str
    target: str
    met: bool | None


def microseconds(record: dict[str, Any]) -> float:
    return float(record["us_per_node"])


def measured(records: Records, peer: str, workload: str, nodes: int | None = None) -> dict[str, Any] | None:
    record = records.get((peer, workload, nodes))
    return record if record and record.get("samples") else None


def ratio(variant: str, workload: str, floor: str, most: float) -> Callable[[Records], Row]:
    """At most `most` times the floor's time per node (W6: per token)."""

    def judge(records: Records) -> Row:
        what, target = f"{variant}  {workload}", f"<= {most:g} x {floor}"
        ours = measured(records, f"tinyflow_nb:{variant}", workload)
        base = measured(records, floor, workload)
        if not ours or not base:
            return Row(what, "", "", "not measured", target, None)
        mine, theirs = microseconds(ours), microseconds(base)
        figure = mine / theirs
        return Row(what, f"{mine:.3g} us", f"{theirs:.3g} us", f"{figure:.2f} x", target, figure <= most)

    return judge


def fastest(workload: str) -> Callable[[Records], Row]:
    """Faster than every engine measured with a memory store; the floor is none."""

    def judge(records: Records) -> Row:
        what, target = f"memory  {workload}", "faster than every engine"
        ours = measured(records, "tinyflow_nb:memory", workload)
        others = {
            peer: microseconds(record)
            for (peer, name, _), record in records.items()
            if name == workload and record.get("samples") and record.get("store") == "memory"
            and not peer.startswith(("tinyflow_nb:", "floor:"))
        }  # fmt: skip
        if not ours or not others:
            missing = "no engine to compare with is set up" if ours else "not measured"
            return Row(what, "", "", missing, target, None)
        mine, best = microseconds(ours), min(others, key=lambda peer: others[peer])
        against = f"{best} {others[best]:.3g} us"
        return Row(
            what, f"{mine:.3g} us", against, f"{mine / others[best]:.2f} x", target, mine < others[best]
        )

    return judge


def flat(variant: str, small: int, large: int, most: float) -> Callable[[Records], Row]:
    """W8: one more node costs the same in a long line as in a short one."""

    def judge(records: Records) -> Row:
        what, target = f"{variant}  W8 a node at {small} and {large}", f"within {(most - 1) * 100:.0f} %"
        ours = [measured(records, f"tinyflow_nb:{variant}", "W8", nodes) for nodes in (small, large)]
        if not ours[0] or not ours[1]:
            return Row(what, "", "", "not measured", target, None)
        few, many = microseconds(ours[0]), microseconds(ours[1])
        # The cost of one more node: what the longer line adds, over the nodes it adds.
        marginal = (many * large - few * small) / (large - small)
        figure = marginal / few
        return Row(what, f"{marginal:.3g} us", f"{few:.3g} us", f"{figure:.2f} x", target, figure <= most)

    return judge


def written(records: Records) -> Row:
    what, target = "sqlite  W1 bytes written a node", "<= 8 KB"
    ours = measured(records, "tinyflow_nb:sqlite", "W1")
    if not ours or "bytes_written_per_node" not in ours:
        return Row(what, "", "", "not measured", target, None)
    kilobytes = ours["bytes_written_per_node"] / 1024
    return Row(what, f"{kilobytes:.1f} KB", "", "", target, kilobytes <= 8)


def resume(records: Records) -> Row:
    what, target = "sqlite  W5 resume to result, p99", "< 2 ms where the floor is < 0.2 ms"
    ours = measured(records, "tinyflow_nb:sqlite", "W5")
    base = measured(records, "floor:sqlite", "W5")
    if not ours or not base:
        return Row(what, "", "", "not measured", target, None)
    mine, theirs = ours["p99"] * 1e3, base["p99"] * 1e3
    quiet = theirs < 0.2
    figure = "" if quiet else "machine too busy to judge"
    return Row(what, f"{mine:.2f} ms", f"{theirs:.2f} ms", figure, target, mine < 2 if quiet else None)


def times_faster(variant: str, workload: str, other: str, least: float) -> Callable[[Records], Row]:
    def judge(records: Records) -> Row:
        what, target = f"{variant}  {workload}", f">= {least:g} x faster than {other}"
        ours = measured(records, f"tinyflow_nb:{variant}", workload)
        theirs = measured(records, other, workload)
        if not ours or not theirs:
            return Row(what, "", "", "not measured", target, None)
        mine, his = microseconds(ours), microseconds(theirs)
        figure = his / mine
        return Row(what, f"{mine:.3g} us", f"{his:.3g} us", f"{figure:.2f} x", target, figure >= least)

    return judge


def resume_redis(records: Records) -> Row:
    what, target = "redis  W5 resume to result, p99", "< 5 ms"
    ours = measured(records, "tinyflow_nb:redis", "W5")
    if not ours:
        return Row(what, "", "", "not measured", target, None)
    mine = ours["p99"] * 1e3
    return Row(what, f"{mine:.2f} ms", "", "", target, mine < 5)


REDIS_JUDGES: list[Callable[[Records], Row]] = [
    ratio("redis", "W1", "floor:redis_1rt", 1.3),
    times_faster("redis", "W1", "burr:redis", 2),
    *(ratio("redis", workload, "floor:redis_1rt", 2.3) for workload in ("W2", "W3", "W4")),
    resume_redis,
]
"""Held only if there is a Redis to measure on."""

JUDGES: list[Callable[[Records], Row]] = [
    *(fastest(workload) for workload in ("W1", "W2", "W3", "W4")),
    ratio("memory", "W1", "floor:memory", 16),
    flat("memory", 100, 3000, 1.2),
    ratio("sqlite", "W1", "floor:sqlite", 4),
    *(ratio("sqlite", workload, "floor:sqlite", 3) for workload in ("W2", "W3", "W4")),
    ratio("sqlite_full", "W1", "floor:sqlite_full", 1.3),
    *(ratio("sqlite_full", workload, "floor:sqlite_full", 2.5) for workload in ("W2", "W4")),
    written,
    resume,
    ratio("memory", "W6", "floor:memory", 1.5),
]
