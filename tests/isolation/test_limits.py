"""SEMANTICS B 18, 19: what a node does to its process ends that process, and not the worker."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.isolation.conftest import define, ends
from tinyflow_nb import ChainFailed
from tinyflow_nb.clock import ManualClock
from tinyflow_nb.errors import DefinitionError

SLOW = """
import os
import time
from pathlib import Path
from tinyflow_nb import node

folder: str

def busy(folder: str) -> int:
    Path(folder, "pid").write_text(str(os.getpid()))
    while True:
        pass

def after(busy: int) -> int:
    return busy
"""

FINE = """
import os

def fine() -> int:
    return os.getpid()
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def read_pid(folder: Path, wait_until: Any) -> int:
    file = folder / "pid"
    return int(await wait_until(lambda: file.exists() and file.read_text()))


@pytest.mark.parametrize(
    ("body", "type", "told"),
    [
        ("return len(bytearray(2 * 1024**3))", "MemoryLimit", "more memory than the 192 MB"),
        ("return len([' ' * 1024**2 for _ in range(4096)])", "MemoryLimit", "isolate.memory"),
        ("os._exit(3)", "ProcessDied", "ended with exit code 3"),
        ("os.kill(os.getpid(), 11)", "ProcessDied", "was ended by SIGSEGV"),
        (
            "ctypes.string_at(0)",
            "ProcessDied",
            "SIGSEGV: Fatal Python error: Segmentation fault",
        ),
        ("sys.exit(4)", "SystemExit", "4"),
    ],
)
async def test_b18_a_node_that_ruins_its_process_fails_and_the_worker_lives(
    isolated: Any, body: str, type: str, told: str
) -> None:
    executor = await isolated()
    state = await ends(executor, f"import ctypes\nimport os\nimport sys\ndef a() -> int:\n    {body}\n")
    error = state.nodes["a"].error
    assert error is not None
    assert (error["type"], state.status) == (type, "FAILED")
    assert told in error["message"]
    assert (await ends(executor, FINE)).status == "SUCCEEDED"


async def test_b10_retry_and_on_error_apply_to_a_process_that_died(isolated: Any, tmp_path: Path) -> None:
    source = f"""
    import os
    from pathlib import Path
    from tinyflow_nb import Retry, default, node

    ONCE = Path({str(tmp_path / "once")!r})

    @node(retry=Retry(max=1, wait=0, on="ProcessDied"))
    def again() -> int:
        if not ONCE.exists():
            ONCE.touch()
            os._exit(1)
        return 7

    @node(on_error=default(-1))
    def never(again: int) -> int:
        os.abort()
    """
    state = await ends(await isolated(), source)
    assert (state.nodes["again"].output, state.nodes["again"].attempts) == (7, 2)
    assert state.result == -1
    assert state.nodes["never"].error["type"] == "ProcessDied"  # type: ignore[index]


async def test_b19_a_node_that_never_ends_is_killed_at_its_timeout(
    isolated: Any, tmp_path: Path, wait_until: Any
) -> None:
    clock = ManualClock()
    executor = await isolated(clock=clock)
    source = SLOW.replace("def busy", "@node(timeout=0.5)\ndef busy")
    run = await executor.execute_async(define(source), {"folder": str(tmp_path)})
    pid = await read_pid(tmp_path, wait_until)
    clock.advance(0.5)
    with pytest.raises(ChainFailed, match=r"its timeout of 0\.5 s"):
        await executor.wait(run, timeout=60)
    await wait_until(lambda: not is_alive(pid))


async def test_b19_a_stop_kills_the_process_at_once_with_what_it_started(
    isolated: Any, tmp_path: Path, wait_until: Any
) -> None:
    source = SLOW.replace(
        "    while True:\n        pass\n",
        "    import subprocess\n    subprocess.run(['sleep', '600'])\n    return 1\n",
    )
    executor = await isolated()
    run = await executor.execute_async(define(source), {"folder": str(tmp_path)})
    pid = await read_pid(tmp_path, wait_until)
    await executor.stop(run)
    await wait_until(lambda: not is_alive(pid))
    await wait_until(lambda: not [p for p in Path("/proc").glob("[0-9]*") if started_by(p, pid)])
    assert (await executor.state(run)).status == "CANCELLED"


def started_by(process: Path, session: int) -> bool:
    """Whether a live process is of that session."""
    try:
        state, _, _, found, *_ = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return found == str(session) and state != "Z"


async def test_b19_closing_leaves_no_process_behind(isolated: Any, tmp_path: Path, wait_until: Any) -> None:
    executor = await isolated()
    idle = (await ends(executor, FINE)).result
    await executor.execute_async(define(SLOW), {"folder": str(tmp_path)})
    busy = await read_pid(tmp_path, wait_until)
    assert is_alive(idle)
    await executor.__aexit__(None, None, None)
    await wait_until(lambda: not (is_alive(idle) or is_alive(busy)))


@pytest.mark.parametrize(
    ("top", "told"),
    [
        ("import no_such_package", "the package 'no_such_package' is not installed here"),
        ("BIG = bytearray(2 * 1024**3)", "running the cell failed: it took more memory"),
        ("GONE = os._exit(5)", "running the cell failed: its process ended with exit code 5"),
    ],
)
async def test_b23_a_cell_whose_top_level_can_not_run_is_refused(isolated: Any, top: str, told: str) -> None:
    executor = await isolated()
    definition = define(FINE).model_copy(update={"source": f"{FINE}{top}\n", "hash": "0" * 64})
    with pytest.raises(DefinitionError, match=told):
        await executor.execute(definition, timeout=60)
    assert (await ends(executor, FINE)).status == "SUCCEEDED"


async def test_b19_a_message_too_large_or_garbled_ends_the_child_alone(isolated: Any) -> None:
    source = """
    import os

    def a() -> int:
        for fd in range(3, 20):
            try:
                os.write(fd, b"\\xff" * 64)
            except OSError:
                continue
        return 1
    """
    executor = await isolated()
    state = await ends(executor, source)
    assert state.nodes["a"].error["type"] == "ProcessDied"  # type: ignore[index]
    assert (await ends(executor, FINE)).status == "SUCCEEDED"
