"""The example notebooks show what they say: nbval-strict, and headless through nbclient (rule 42)."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

HERE = str(Path(__file__).parent)
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = ["quickstart", "branches_and_joins", "confirm_and_resume", "streaming_and_tools", "publisher", "user"]
BEFORE = {"user": ["publisher"]}
CELL_SECONDS = 200


def test_every_notebook_is_tested() -> None:
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == sorted(NAMES)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_as_saved(name: str, tmp_path: Path) -> None:
    """nbval, strict: every output is compared, but for those the notebook marks itself.

    One that uses what another publishes runs behind it, in the same store.
    """
    notebooks = [str(NOTEBOOKS / f"{one}.ipynb") for one in (*BEFORE.get(name, ()), name)]
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", *notebooks,
            "--nbval", "--nbval-current-env",
            "--nbval-sanitize-with", str(Path(__file__).with_name("sanitize.cfg")),
            f"--nbval-cell-timeout={CELL_SECONDS}", f"--nbval-kernel-startup-timeout={CELL_SECONDS}",
            "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "patience",
            "--timeout=0", "--rootdir", str(tmp_path), "-c", "/dev/null",
        ],
        capture_output=True, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (HERE, os.environ.get("PYTHONPATH"))))},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["branches_and_joins", "confirm_and_resume"])
async def test_a_headless_run_keeps_pictures_that_open_anywhere(name: str) -> None:
    """Rule 42: without a front end the first picture stays, as SVG and text."""
    spec = importlib.util.spec_from_file_location("refresh", NOTEBOOKS / "refresh.py")
    assert spec is not None
    assert spec.loader is not None
    refresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(refresh)
    fresh = await refresh.execute(NOTEBOOKS / f"{name}.ipynb")
    saved = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    shown = 0
    for now, before in zip(fresh.cells, saved.cells, strict=True):
        if not now.source.startswith("%%tinyflow") or "raises-exception" in now.metadata.get("tags", ()):
            continue
        shown += 1
        data = now.outputs[0].data
        assert data["image/svg+xml"] == before.outputs[0].data["image/svg+xml"]
        assert data["image/svg+xml"].startswith("<svg ")
        assert re.fullmatch(r"\w+: \d+ nodes?", data["text/plain"])
    assert shown >= 2
