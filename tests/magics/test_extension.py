"""`%load_ext` registers and no more; unloading undoes it; Tab helps."""

from __future__ import annotations

import subprocess
import sys
import threading

from tests.magics.conftest import Notebook
from tinyflow_nb_magics.session import Session

CELL = "%%tinyflow chain\nquestion: str\ntone: str = Input('x')\ndef a(question, tone): return question"


def test_loading_loads_nothing_heavy() -> None:
    """What a chain needs comes with the first chain."""
    script = (
        "import sys\nfrom IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\nbefore = set(sys.modules)\n"
        "shell.run_line_magic('load_ext', 'tinyflow_nb')\n"
        "print(sorted({m.partition('.')[0] for m in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['IPython', 'tinyflow_nb', 'tinyflow_nb_magics']"


def test_unloading_undoes_loading(notebook: Notebook, session: Session) -> None:
    notebook.ok("%%tinyflow c\ndef a(): return 1")
    assert [t.name for t in threading.enumerate()].count("tinyflow") == 1
    notebook.ok("%unload_ext tinyflow_nb")
    assert "tinyflow" not in [t.name for t in threading.enumerate()]
    assert not session.is_open
    magics = notebook.shell.magics_manager.magics
    assert "tinyflow" not in magics["line"]
    assert "tinyflow" not in magics["cell"]
    assert notebook.complete("%tinyflow re") == []
    notebook.ok("%load_ext tinyflow_nb")
    assert notebook.complete("%tinyflow re") == ["%tinyflow resume", "%tinyflow retry"]


def test_the_readers_loop_is_left_alone(notebook: Notebook) -> None:
    ran = notebook.ok(
        "import asyncio\nloop = asyncio.get_running_loop()\n"
        "get_ipython().run_cell_magic('tinyflow', 'c', 'def a(): return 1')\n"
        "value = await c.last\n(value, asyncio.get_running_loop() is loop)"
    )
    assert ran.value == (1, True)


def test_flags_and_commands(notebook: Notebook) -> None:
    assert notebook.complete("%%tinyflow x --no") == ["%%tinyflow x --no-run"]
    assert notebook.complete("%tinyflow wa") == ["%tinyflow waiting"]
    assert notebook.complete("run = %tinyflow att") == ["run = %tinyflow attach"]
    assert notebook.complete("%tinyflow runs --st") == ["%tinyflow runs --status"]
    assert notebook.complete("tinyflow re") == []


def test_inputs_of_the_cell_below(notebook: Notebook) -> None:
    assert notebook.complete("%%tinyflow c -i |\nname: str\nage: int\ndef a(name, age): ...") == [
        "%%tinyflow c -i name=",
        "%%tinyflow c -i age=",
    ]
    assert notebook.complete("%%tinyflow c -i name=x a|\nname: str\nage: int") == [
        "%%tinyflow c -i name=x age="
    ]


def test_chains_runs_inputs_and_fields(notebook: Notebook) -> None:
    notebook.ok(CELL.replace("chain\n", "chain -i question=x\n"))
    notebook.ok("%tinyflow publish chain")
    run_id = notebook["chain"].last.id
    assert "%tinyflow attach " + run_id in notebook.complete("%tinyflow attach ch")
    assert notebook.complete("%tinyflow run ch") == ["%tinyflow run chain"]
    assert notebook.complete("%tinyflow run chain -i q") == ["%tinyflow run chain -i question="]
    assert notebook.complete("%%tinyflow cha") == ["%%tinyflow chain"]
    notebook.ok("%%tinyflow ask\n@confirm\ndef sure() -> dict[str, int]: 'x'\ndef b(sure): return 1")
    notebook.run("await ask.last")
    waiting = notebook["ask"].last.id
    assert notebook.complete("%tinyflow resume as") == ["%tinyflow resume ask", f"%tinyflow resume {waiting}"]
