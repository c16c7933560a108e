"""`python -m tests.chaos.soak`: a steady load, and whether anything grows. See docs/testing.md."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import csv
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import linear_regression, median
from typing import Any, NamedTuple

import psutil

from tests.chaos.load import Load
from tests.chaos.performance import SCHEDULERS, say
from tests.chaos.shapes import chooser, shapes
from tests.chaos.stage import Stage, Worker, own_folder
from tests.services.talk import redis_says
from tinyflow_nb import connect

LEASE = 30.0
RETENTION = 60.0
WARM_UP = 2 * RETENTION
"""Seconds until everything that is kept for a while is there; not looked at, nor is the first fifth."""
ENOUGH = 12
"""Samples, after that, to tell whether anything grows."""
FEWEST = 3
"""Samples, so that there is a first and a last third."""
PATIENCE = 120.0
WIDTH = 20


class Allowed(NamedTuple):
    """How much more the median of the last third may be than that of the first."""

    share: float
    least: float
    """In its own unit; what is less is noise."""


ALLOWED = {
    "redis_memory": Allowed(0.10, 2e6), "redis_keys": Allowed(0.10, 50), "rss": Allowed(0.10, 8e6),
    "threads": Allowed(0.10, 2), "files": Allowed(0.10, 4),
}  # fmt: skip
"""By the end of a column's name."""


def main() -> int:
    p = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    p.add_argument("--minutes", type=float, default=60.0)
    p.add_argument("--rate", type=float, default=3.0, help="runs a second (default: %(default)s)")
    p.add_argument("--scheduler", choices=SCHEDULERS, default="redis")
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--every", type=float, help="seconds between two samples (default: 10, or 60 in all)")
    p.add_argument("--csv", type=Path, default=Path("build/soak.csv"), help="(default: %(default)s)")
    given = p.parse_args()
    every = given.every or min(10.0, given.minutes)
    with own_folder(keep=lambda: False) as folder:
        stage = Stage(folder, given.scheduler, lease=LEASE, retention=RETENTION, rate=0.0)
        try:
            stage.open()
            wrong = asyncio.run(_soak(stage, given, every))
        finally:
            stage.close()
    say(f"soak {given.scheduler}: {'; '.join(wrong) if wrong else 'nothing grew, nothing failed'}")
    return 1 if wrong else 0


async def _soak(stage: Stage, given: argparse.Namespace, every: float) -> list[str]:
    for _ in range(given.workers):
        await stage.start_worker()
    await stage.ready()
    seconds = given.minutes * 60
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            connect(stage.store, scheduler=stage.scheduler, execute=False)
        )
        load = Load(client, Path("/dev/null"), chooser(shapes(WIDTH), 1), 1)
        await load.publish()
        loading = asyncio.create_task(load.steady(given.rate, seconds, PATIENCE))
        samples = await _sample(stage, load, given.csv, seconds, every)
        await loading
    wrong = await stage.end_workers()
    failed = [run.id for run in load.ended_otherwise]
    if failed:
        wrong.append(f"{len(failed)} runs ended otherwise than they must: {', '.join(failed[:5])}")
    say(f"{load.ended} runs in {given.minutes:g} minutes; samples in {given.csv}")
    return wrong + _verdict(samples)


async def _sample(
    stage: Stage, load: Load, file: Path, seconds: float, every: float
) -> list[dict[str, float]]:
    """One line every so often, in the file at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    processes = {w.name: psutil.Process(w.pid) for w in stage.workers}
    samples: list[dict[str, float]] = []
    began = time.monotonic()
    with file.open("w", newline="") as output, contextlib.closing(_cpu(stage.workers)) as cpu:
        writer: Any = None
        while (now := time.monotonic() - began) < seconds or len(samples) < FEWEST:
            row = {"seconds": round(now, 1), "runs": float(load.ended), **_of_redis(stage.store)}
            for name, process in processes.items():
                row |= _of_worker(name, process)
            row["workers_cpu_percent"] = next(cpu)
            if writer is None:
                writer = csv.DictWriter(output, list(row))
                writer.writeheader()
            writer.writerow(row)
            output.flush()
            samples.append(row)
            await asyncio.sleep(every)
    return samples


def _of_redis(address: str) -> dict[str, float]:
    told = redis_says(address, "INFO memory")
    used = next(line for line in told.split("\r\n") if line.startswith("used_memory:"))
    return {
        "redis_memory": float(used.partition(":")[2]),
        "redis_keys": float(redis_says(address, "DBSIZE").split("\r\n")[0].removeprefix(":")),
    }


def _of_worker(name: str, process: psutil.Process) -> dict[str, float]:
    with process.oneshot():
        return {
            f"{name}_rss": float(process.memory_info().rss),
            f"{name}_threads": float(process.num_threads()),
            f"{name}_files": float(process.num_fds()),
        }


def _cpu(workers: Sequence[Worker]) -> Iterator[float]:
    """Percent of one core, of all workers together, since the last time it was asked for."""
    processes = [psutil.Process(w.pid) for w in workers]
    while True:
        yield round(sum(p.cpu_percent() for p in processes), 1)


def _verdict(samples: Sequence[Mapping[str, float]]) -> list[str]:
    """Prints each column; says which of them grew."""
    from_when = max(WARM_UP, samples[-1]["seconds"] / 5)
    settled = [row for row in samples if row["seconds"] >= from_when]
    is_enough = len(settled) >= ENOUGH
    if not is_enough:
        settled = list(samples)
    third = len(settled) // 3
    hours = [row["seconds"] / 3600 for row in settled]
    grew = []
    say(f"{'':>22} {'first third':>14} {'last third':>14} {'change':>8} {'per hour':>14}")
    for column in samples[0]:
        if column in ("seconds", "runs"):
            continue
        values = [row[column] for row in settled]
        before, after = median(values[:third]), median(values[-third:])
        slope = linear_regression(hours, values).slope
        change = after / before - 1 if before else 0.0
        say(f"{column:>22} {before:14,.0f} {after:14,.0f} {change:8.1%} {slope:14,.0f}")
        allowed = next((a for end, a in ALLOWED.items() if column.endswith(end)), None)
        if is_enough and allowed and after - before > max(allowed.share * before, allowed.least):
            grew.append(f"{column} grew by {change:.1%}")
    if not is_enough:
        say("too short to tell whether anything grows")
    return grew


if __name__ == "__main__":
    sys.exit(main())
