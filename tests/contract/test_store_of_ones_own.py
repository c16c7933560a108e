"""docs/testing.md shows how a store of one's own is tested; this is that example, run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)  # each is a session of pytest's own

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"
SETTINGS = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"


def example() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return str(code)


def run(folder: Path, code: str, only: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text(SETTINGS)
    (folder / "test_my_store.py").write_text(code)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", only],
        cwd=folder, capture_output=True, text=True, timeout=280, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip


def test_the_example_passes(tmp_path: Path) -> None:
    done = run(tmp_path, example(), "b20")
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 5


def test_a_store_that_breaks_the_contract_is_found_out_with_the_values(tmp_path: Path) -> None:
    kept = "return getattr(self._store, name)"
    assert kept in example()
    broken = example().replace(kept, f"{kept} if name != 'renew' else lambda *_: []")
    done = run(tmp_path, broken, "b20")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "assert [] == [('demo-" in done.stdout, "assertions are rewritten"
