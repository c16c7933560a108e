"""One performance: the stage, the load, the faults, and the verdict."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from typing import NamedTuple

from tests.chaos.checks import Checks, left_in_redis, logged
from tests.chaos.faults import Done, Faults, plan
from tests.chaos.ledger import Ledger
from tests.chaos.load import Load
from tests.chaos.recovery import Recovered, recovered
from tests.chaos.shapes import chooser, shapes
from tests.chaos.stage import Stage, own_folder, until
from tinyflow_nb import connect

SCHEDULERS = ("redis", "rocketmq")
LEASE = 3.0
RETENTION = 3_600.0
RATE = 0.1
PATIENCE = 90.0
"""Seconds a run may take until it counts as stuck: the longest faults and then some."""
SETTLES_WITHIN = 60.0
"""Seconds for the last traces to go, after the last run has ended."""
SHOWN = 20


class Terms(NamedTuple):
    scheduler: str
    seed: int
    seconds: float
    runs: int | None
    """Instead of the seconds."""
    workers: int
    kinds: tuple[str, ...]
    at_once: int
    width: int
    is_kept: bool
    """The folder, also if all was well."""


async def perform(terms: Terms) -> bool:
    """Whether all was well; it prints what was not, and one line of figures last."""
    kinds = tuple(k for k in terms.kinds if k != "broker" or terms.scheduler == "rocketmq")
    wrong: list[str] = [""]  # until the verdict, the folder is to be kept
    _interrupted_by_sigterm()
    with own_folder(keep=lambda: bool(wrong) or terms.is_kept) as folder:
        is_meddled = bool({"messages", "clock"} & set(kinds))
        rate = (RATE if "messages" in kinds else 1e-9) if is_meddled else 0.0
        stage = Stage(folder, terms.scheduler, lease=LEASE, retention=RETENTION, rate=rate)
        try:
            say(f"{terms.scheduler}: seed {terms.seed}, in {folder}")
            logging.basicConfig(filename=folder / "client.log", level=logging.WARNING, force=True)
            await asyncio.to_thread(stage.open)
            wrong, figures = await _perform(stage, terms, kinds)
        finally:
            stage.close()
    for told in wrong[:SHOWN]:
        say(f"WRONG: {told}")
    if wrong:
        say(f"{len(wrong)} wrong in all; the logs and the ledger are in {folder}")
    say(f"chaos {terms.scheduler}: {figures}: {'NOT WELL' if wrong else 'all well'}")
    return not wrong


async def _perform(stage: Stage, terms: Terms, kinds: tuple[str, ...]) -> tuple[list[str], str]:
    for _ in range(terms.workers):
        await stage.start_worker()
    await stage.ready()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            connect(stage.store, scheduler=stage.scheduler, execute=False)
        )
        load = Load(client, stage.ledger, chooser(shapes(terms.width), terms.seed), terms.seed)
        await load.publish()
        faults = Faults(stage, client._scheduler, LEASE)
        began = time.monotonic()
        told = asyncio.create_task(_tell(load, faults, stage, began))
        over = asyncio.Event()
        trouble = asyncio.create_task(faults.bring(plan(terms.seed, kinds), over))

        def enough(started: int) -> bool:
            if trouble.done() or any(w.died for w in stage.workers):
                return True
            seconds = time.monotonic() - began
            is_enough = started >= terms.runs if terms.runs is not None else seconds >= terms.seconds
            if is_enough:
                over.set()
            return is_enough

        await load.keep_up(terms.at_once, enough, PATIENCE)
        seconds = time.monotonic() - began
        over.set()
        await trouble
        told.cancel()
        ledger = Ledger(stage.ledger)
        checks = Checks(client, ledger, _harmed(faults.done))
        wrong = [problem for run in load.runs for problem in await checks.of(run)]
        await until(lambda: not left_in_redis(stage.store), SETTLES_WITHIN)
        wrong += left_in_redis(stage.store)
    wrong += await stage.end_workers()
    wrong += [problem for worker in stage.all_workers for problem in logged(worker)]
    lost = sum(not checks.events.get(run.id) for run in load.runs)
    stuck = sum(not run.status for run in load.runs)
    kinds_done = Counter(fault.kind for fault in faults.done)
    figures = [
        f"seed {terms.seed}", f"{seconds:.0f} s", f"{len(load.runs)} runs",
        f"{lost} lost", f"{checks.twice} committed twice", f"{stuck} stuck", f"{checks.given_up} given up",
        f"{checks.committed} units committed", f"{checks.again} executed again",
        "faults " + " ".join(f"{kind} {times}" for kind, times in sorted(kinds_done.items())),
    ]  # fmt: skip
    times = sorted(recovered(faults.done, load.runs, checks.events, ledger).items())
    for kind, time_taken in times:
        say(f"  slowest after {kind}: {time_taken.what}, {time_taken.worst:.1f} s")
    figures.append("recovery median/worst s " + " ".join(f"{kind} {_short(t)}" for kind, t in times))
    return wrong, ", ".join(figures)


def _short(times: Recovered) -> str:
    return f"{times.median:.1f}/{times.worst:.1f}"


def _harmed(faults: list[Done]) -> dict[int, list[float]]:
    harmed: dict[int, list[float]] = defaultdict(list)
    for fault in faults:
        for pid in fault.pids if fault.kind in ("kill", "pause") else ():
            harmed[pid].append(fault.at)
    return harmed


async def _tell(load: Load, faults: Faults, stage: Stage, began: float) -> None:
    """How it goes, every ten seconds."""
    while True:
        await asyncio.sleep(10)
        ended = sum(bool(run.status) for run in load.runs)
        say(
            f"  {time.monotonic() - began:4.0f} s: {ended} of {len(load.runs)} runs ended,"
            f" {len(faults.done)} faults, {len(stage.workers)} workers"
        )


def _interrupted_by_sigterm() -> None:
    """So that everything is closed then, too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def say(text: str) -> None:
    """At once, also into a pipe."""
    print(text, flush=True)
