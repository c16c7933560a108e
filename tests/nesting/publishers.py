"""Many processes change one registry at once: `python -m tests.nesting.publishers ADDRESS`.

Each publishes versions of a chain of its own, which call the others' by name or by label, and moves its
label: together they would make circles all the time. Afterwards the log is read again, entry by entry.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import signal
import sys
import time
import traceback
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import networkx as nx

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.engine.registry_index import RegistryIndex
from tinyflow_nb.errors import CycleError, TinyflowError
from tinyflow_nb.model.registry import RegistryEntry


class Refusal(NamedTuple):
    """A change that would have closed a circle."""

    entry: dict[str, Any]
    before: int
    """Entries of the registry when it was asked for."""
    after: int
    """And when it was refused."""


def define(number: int, refs: list[str], content: int) -> ChainDefinition:
    calls = "".join(f'@chain("{ref}")\ndef n{i}(): ...\n' for i, ref in enumerate(refs))
    return ChainDefinition.from_source(f"{calls}\ndef own() -> int:\n    return {content}\n", f"c{number}")


async def change(
    address: str, number: int, processes: int, rounds: int, seed: int, abreast: Barrier
) -> list[Refusal]:
    """What one process does. Its last change is one that nothing speaks against.

    Args:
        abreast: all wait there before each change: whoever came alone would have nobody to make circles with.
    """
    chance = random.Random(f"{seed} {number}")
    refused = []
    async with connect(address, execute=False) as executor:
        versions = 1
        for turn in range(rounds):
            await asyncio.to_thread(abreast.wait)
            before = (await executor.registry.index()).epoch
            others = [f"c{n}" for n in range(processes) if n != number]
            meant = chance.sample([*others, *(f"{name}@prod" for name in others)], chance.choice((1, 1, 2)))
            entry: dict[str, Any] = {"name": f"c{number}", "refs": meant}
            try:
                if turn % 3 == 2:
                    entry["label"] = chance.randint(1, versions)
                    await executor.label(f"c{number}@{entry['label']}", "prod")
                else:
                    ref = await executor.publish(define(number, meant, number * 10_000 + turn))
                    versions = int(ref.partition("@")[2])
            except CycleError:
                after = (await executor.registry.index()).epoch
                refused.append(Refusal(entry, before, after))
        await executor.publish(define(number, [], number * 10_000 + 9_999))
    return refused


def circle(index: RegistryIndex) -> list[str]:
    """Of the versions that a name or a label means; a version that none means is called by nobody here."""
    graph = nx.DiGraph()
    for name in index.names.values():
        for number in {name.current, *name.labels.values()}:
            version = name.versions[number]
            found = (index.find(ref) for ref in version.refs)
            graph.add_edges_from((version.ref, called.ref) for called in found if called)
    return [] if nx.is_directed_acyclic_graph(graph) else [str(edge) for edge in nx.find_cycle(graph)]


def with_change(index: RegistryIndex, entry: dict[str, Any]) -> RegistryIndex:
    name = entry["name"]
    changed = index.overlaid({name})
    if "label" in entry:
        added = RegistryEntry("label", name, entry["label"], 0.0, label="prod")
    else:
        number = index.names[name].newest + 1
        added = RegistryEntry("publish", name, number, 0.0, hash="new", refs=tuple(entry["refs"]))
    changed.apply([added])
    return changed


def problems_of(log: list[RegistryEntry], refused: list[Refusal], processes: int) -> list[str]:
    """A circle after any entry; numbers that are given twice or left out; a refusal without a reason."""
    found = []
    index = RegistryIndex()
    unexplained = list(refused)
    for entry in [None, *log]:
        if entry is not None:
            name = index.names.get(entry.name)
            if entry.kind == "publish" and entry.version != (name.newest if name else 0) + 1:
                found.append(f"{entry.name}@{entry.version} comes after {name}")
            index.apply([entry])
            if path := circle(index):
                found.append(f"entry {index.epoch} closed a circle: {path}")
        unexplained = [
            r
            for r in unexplained
            if not (r.before <= index.epoch <= r.after and circle(with_change(index, r.entry)))
        ]
    found += [f"refused without a reason: {refusal}" for refusal in unexplained]
    last = [
        f"c{n}" for n in range(processes) if index.names[f"c{n}"].versions[index.names[f"c{n}"].current].refs
    ]
    found += [f"the last, valid change of {name} is missing" for name in last]
    return found


def in_processes(address: str, processes: int, rounds: int, seed: int, seconds: float) -> list[Refusal]:
    """
    Raises:
        TimeoutError: some are not through; they are ended.
    """
    with TemporaryDirectory() as folder:
        abreast = multiprocessing.get_context("fork").Barrier(processes)
        children = []
        for number in range(processes):
            pid = os.fork()
            if pid == 0:
                status = 1
                try:
                    refused = asyncio.run(change(address, number, processes, rounds, seed, abreast))
                    Path(folder, str(number)).write_text(json.dumps(refused))
                    status = 0
                except BaseException:
                    traceback.print_exc()
                    abreast.abort()
                finally:
                    sys.stderr.flush()
                    os._exit(status)
            children.append(pid)
        end, failed, waiting = time.monotonic() + seconds, 0, list(children)
        try:
            while waiting and time.monotonic() < end:
                time.sleep(0.05)
                for pid in list(waiting):
                    ended, status = os.waitpid(pid, os.WNOHANG)
                    if ended:
                        waiting.remove(pid)
                        failed += status != 0
        finally:
            for pid in waiting:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        if waiting:
            raise TimeoutError(f"{len(waiting)} of {processes} processes are not through")
        if failed:
            raise ChildProcessError(f"{failed} of {processes} processes failed")
        told = [json.loads(Path(folder, str(n)).read_text()) for n in range(processes)]
        return [Refusal(*refusal) for refusals in told for refusal in refusals]


async def prepare(address: str, processes: int) -> None:
    async with connect(address, execute=False) as executor:
        for number in range(processes):
            await executor.publish(define(number, [], number * 10_000))
            await executor.label(f"c{number}", "prod")


async def read(address: str) -> list[RegistryEntry]:
    async with connect(address, execute=False) as executor:
        return await executor.registry.log()


def main() -> int:
    p = argparse.ArgumentParser(prog="python -m tests.nesting.publishers", description=__doc__)
    p.add_argument("address", help="of a store without any of the chains c0, c1, ...")
    p.add_argument("--processes", type=int, default=16)
    p.add_argument("--rounds", type=int, default=200, help="changes of each process")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--seconds", type=float, default=600.0, help="then it counts as stuck")
    given = p.parse_args()
    try:
        asyncio.run(prepare(given.address, given.processes))
        began = time.monotonic()
        refused = in_processes(given.address, given.processes, given.rounds, given.seed, given.seconds)
        took = time.monotonic() - began
        log = asyncio.run(read(given.address))
    except (TinyflowError, TimeoutError, ChildProcessError) as e:
        print(f"{type(e).__name__}: {e}", file=sys.stderr)
        return 1
    problems = problems_of(log, refused, given.processes)
    told = {"entries": len(log), "refused": len(refused), "seconds": round(took, 1), "problems": problems}
    print(json.dumps(told))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
