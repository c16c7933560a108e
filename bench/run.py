"""`make bench`: our figures against the floor and the engines that are set up, and the targets.

    python bench/run.py [--repeat 5] [--rounds 1] [--peers floor,langgraph,...]

The harness and the other engines live beside the repository, in ../shared/bench.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from targets import JUDGES, REDIS_JUDGES, Records, Row

HERE = Path(__file__).resolve().parent
HARNESS = HERE.parent.parent / "shared" / "bench"
OUT = HERE.parent / "build" / "bench.json"
VENVS = Path(os.environ.get("BENCH_VENVS") or Path(tempfile.gettempdir()) / "bench-venvs")
EMBEDDED = ("memory", "sqlite", "sqlite_full")
MEMORY_ENGINES = (
    "langgraph:memory", "pydantic_graph:memory", "hamilton:memory", "haystack:memory", "burr:memory",
    "llama_index:memory",
)  # fmt: skip


def floor_interpreter() -> None:
    """The floor's memory and SQLite variants need the standard library only: a bare venv does."""
    if not (VENVS / "limits" / "bin" / "python").exists():
        print(f"Making {VENVS / 'limits'} for the floor")
        subprocess.run([sys.executable, "-m", "venv", str(VENVS / "limits")], check=True)


def engines(asked: str) -> list[str]:
    ready = [name for name in MEMORY_ENGINES if (VENVS / name.partition(":")[0] / "bin" / "python").exists()]
    missing = [name for name in MEMORY_ENGINES if name not in ready]
    if asked:
        return asked.split(",")
    if missing:
        print(f"Not set up, so not compared: {', '.join(missing)} (see bench/README.md)")
    return ready


def harness(peers: list[str], workloads: str, arguments: argparse.Namespace, *, first: bool) -> None:
    subprocess.run(
        [
            sys.executable, "run.py", "--peers", ",".join(peers), "--workloads", workloads,
            "--repeat", str(arguments.repeat), "--rounds", str(arguments.rounds), "--out", str(OUT),
            *([] if first else ["--append"]),
        ],
        cwd=HARNESS, check=True,
        env=os.environ | {
            "BENCH_PEER_DIR": str(HERE / "peers"), "BENCH_PYTHON": sys.executable,
            "BENCH_VENVS": str(VENVS), "PYTHONDONTWRITEBYTECODE": "1",
        },
    )  # fmt: skip


def own(what: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(HERE / "own.py"), what], check=True, stdout=subprocess.PIPE, text=True
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def own_rows() -> list[Row]:
    imports, history, registry = own("imports"), own("history"), own("registry")
    slower = history["full_us"] / history["empty_us"]
    return [
        Row("import tinyflow_nb", f"{imports['import_ms']:.0f} ms", "bare Python", "", "< 120 ms more",
            imports["import_ms"] < 120),
        Row("%load_ext tinyflow_nb", f"{imports['load_ext_ms']:.0f} ms", "bare IPython", "", "< 200 ms more",
            imports["load_ext_ms"] < 200),
        Row("a run beside 10,000 finished ones", f"{history['full_us']:.0f} us",
            f"{history['empty_us']:.0f} us", f"{slower:.2f} x", "within 20 %", slower <= 1.2),
        Row("memory of 8,000 more runs", f"{history['grown_mb']:+.1f} MB", "", "", "flat (< 5 MB)",
            history["grown_mb"] < 5),
        Row("publishing beside 10,000 chains", f"{registry['publish_ms']:.0f} ms", "50,000 references", "",
            "< 100 ms of CPU", registry["publish_ms"] < 100),
    ]  # fmt: skip


def table(rows: list[Row]) -> str:
    said = {True: "met", False: "MISSED", None: "?"}
    cells = [("what", "ours", "against", "figure", "target", "")]
    cells += [(r.what, r.ours, r.against, r.figure, r.target, said[r.met]) for r in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(6)]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=5, help="measured runs of each workload")
    parser.add_argument("--rounds", type=int, default=1, help="interleaved passes; samples are pooled")
    parser.add_argument("--peers", default="", help="engines to compare with; default: all that are set up")
    arguments = parser.parse_args()
    if not (HARNESS / "run.py").exists():
        sys.exit(f"The benchmark harness is not beside this repository (expected {HARNESS})")
    OUT.parent.mkdir(exist_ok=True)
    floor_interpreter()
    rows = own_rows()
    embedded = [f"{peer}:{kind}" for peer in ("floor", "tinyflow_nb") for kind in EMBEDDED]
    everyone = [*embedded, *engines(arguments.peers)]
    harness(everyone, "W1,W2,W3,W4", arguments, first=True)
    harness(["floor:sqlite", "tinyflow_nb:sqlite"], "W5", arguments, first=False)
    harness(["floor:memory", "tinyflow_nb:memory"], "W6,W8", arguments, first=False)
    on_redis = "BENCH_REDIS_URL" in os.environ
    if on_redis:
        burr = ["burr:redis"] if (VENVS / "burr" / "bin" / "python").exists() else []
        peers = ["floor:redis_1rt", "tinyflow_nb:redis", *burr]
        harness(peers, "W1,W2,W3,W4,W5", arguments, first=False)
    judges = [*JUDGES, *REDIS_JUDGES] if on_redis else JUDGES
    measured = json.loads(OUT.read_text())
    records: Records = {
        (f"{r['peer']}:{r['variant']}", r["workload"], r.get("nodes") if r["workload"] == "W8" else None): r
        for r in measured["results"]
    }
    print(f"\n{measured['meta']['cpu']}, Python {measured['meta']['python']}\n")
    print(table([*(judge(records) for judge in judges), *rows]))
    failures = {
        record["error"]: f"{peer} {workload}"
        for (peer, workload, _), record in records.items()
        if peer.startswith("tinyflow_nb") and "error" in record
    }
    for error, where in failures.items():
        print(f"\nFailed, {where} among others: {error}")


if __name__ == "__main__":
    main()
