"""`make demo` as a user runs it: a real kernel, the real local model, the page it writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(600)
def test_demo_runs_the_quickstart_and_draws_it(root: Path, tmp_path: Path) -> None:
    page = tmp_path / "quickstart.html"
    done = subprocess.run(
        [sys.executable, str(root / "scripts" / "demo.py"), "--out", str(page)],
        cwd=tmp_path, capture_output=True, text=True, timeout=580,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "streams" in done.stdout
    assert "succeeded the chain" in " ".join(done.stdout.split())
    shown = page.read_text(encoding="utf-8")
    assert "<svg" in shown
    assert "<script" not in shown
    assert "src=" not in shown
    assert 'rel="stylesheet"' not in shown
