"""The figures that need no other engine: import times, stores that already hold many runs or chains.

    python bench/own.py imports | history | registry        (bench/run.py calls both)

Prints one JSON object as its last line.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HISTORY = 10_000
CHAINS = 10_000
CELL = "def double(x: int) -> int:\n    return x * 2\n"


def process_ms(code: str, repeat: int = 9) -> float:
    """Median wall time of a new interpreter that runs `code`, after one run to warm the caches."""
    laps = []
    for _ in range(repeat + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        laps.append((time.perf_counter() - began) * 1e3)
    return statistics.median(laps[1:])


def imports() -> dict[str, float]:
    shell = "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance()"
    bare, plain = process_ms("pass"), process_ms(shell)
    return {
        "import_ms": process_ms("import tinyflow_nb") - bare,
        "load_ext_ms": process_ms(f"{shell}; s.run_line_magic('load_ext', 'tinyflow_nb')") - plain,
    }


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


async def history() -> dict[str, float]:
    """Start-to-result of a one-node run in an empty store and beside HISTORY finished runs."""
    from tinyflow_nb import ChainDefinition, connect

    definition = ChainDefinition.from_source(CELL, name="double")
    with tempfile.TemporaryDirectory() as folder:
        async with connect(f"sqlite:///{folder}/runs.db") as executor:

            async def lap() -> float:
                began = time.perf_counter()
                await executor.execute(definition, {"x": 1})
                return (time.perf_counter() - began) * 1e6

            for _ in range(100):
                await lap()
            empty = statistics.median([await lap() for _ in range(300)])
            before = 0.0
            for number in range(HISTORY):
                await lap()
                if number == HISTORY // 5:  # by then every cache that is meant to fill has filled
                    before = resident_mb()
            full = statistics.median([await lap() for _ in range(300)])
            return {"empty_us": empty, "full_us": full, "grown_mb": resident_mb() - before}


async def registry() -> dict[str, float]:
    """First look at a registry of CHAINS chains, each of which calls five others, and publishing one more
    that calls five of them."""
    from tinyflow_nb import ChainDefinition, connect
    from tinyflow_nb.model.registry import RegistryEntry

    chance = random.Random(1)
    calls = "".join(f'@chain("c{CHAINS - 7 * n}")\ndef n{n}(): ...\n' for n in range(1, 6))
    with tempfile.TemporaryDirectory() as folder:
        address = f"sqlite:///{folder}/chains.db"
        definition = ChainDefinition.from_source(CELL.replace("x: int", "x: int = 1"), name="c0")
        async with connect(address) as executor:
            await executor.publish(definition)
            entries = [
                RegistryEntry(
                    "publish", f"c{n}", 1, 0.0, hash=definition.hash,
                    refs=tuple({f"c{chance.randrange(max(0, n - 400), n)}" for _ in range(5)}),
                )
                for n in range(1, CHAINS)
            ]  # fmt: skip
            await executor.registry.append(entries, 1)
        async with connect(address) as executor:
            began = time.process_time()
            await executor.registry.index()
            load_ms = (time.process_time() - began) * 1e3
            laps = []
            for number in range(9):
                source = f"{calls}\ndef own() -> int:\n    return {number}\n"
                definition = ChainDefinition.from_source(source, name="new")
                began = time.process_time()
                await executor.publish(definition)
                laps.append((time.process_time() - began) * 1e3)
            return {"load_ms": load_ms, "publish_ms": statistics.median(laps)}


OWN = {"history": history, "registry": registry}

if __name__ == "__main__":
    print(json.dumps(imports() if sys.argv[1] == "imports" else asyncio.run(OWN[sys.argv[1]]())))
