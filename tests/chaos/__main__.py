"""`python -m tests.chaos`: a fleet that everything happens to. See docs/testing.md."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from tests.chaos.faults import KINDS
from tests.chaos.performance import SCHEDULERS, Terms, perform


def main() -> int:
    p = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    p.add_argument("--seed", type=int, help="brings the same faults and the same chains again")
    p.add_argument("--minutes", type=float, default=2.0, help="of all schedulers together")
    p.add_argument("--runs", type=int, help="with each scheduler, instead of --minutes")
    p.add_argument("--workers", type=int, default=4)
    p.add_argument("--scheduler", choices=[*SCHEDULERS, "both"], default="redis")
    p.add_argument("--faults", default=",".join(KINDS), help="some of: %(default)s")
    p.add_argument("--at-once", type=int, default=24, help="runs on their way at once")
    p.add_argument("--width", type=int, default=100, help="of the widest chain")
    p.add_argument("--keep", action="store_true", help="the logs and the ledger, also if all was well")
    given = p.parse_args()
    kinds = tuple(given.faults.split(","))
    if unknown := set(kinds) - set(KINDS):
        p.error(f"no such faults: {', '.join(sorted(unknown))}")
    seed = int.from_bytes(os.urandom(3)) if given.seed is None else given.seed
    schedulers = SCHEDULERS if given.scheduler == "both" else (given.scheduler,)
    is_well = True
    for scheduler in schedulers:
        terms = Terms(
            scheduler=scheduler, seed=seed, seconds=given.minutes * 60 / len(schedulers), runs=given.runs,
            workers=given.workers, kinds=kinds, at_once=given.at_once, width=given.width, is_kept=given.keep,
        )  # fmt: skip
        is_well &= asyncio.run(perform(terms))
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
