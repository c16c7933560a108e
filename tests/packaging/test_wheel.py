"""The wheel holds what it must, and `import tinyflow_nb` stays light (DESIGN 6)."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HEAVY = [
    "IPython", "anywidget", "asyncio", "ipywidgets", "jinja2", "networkx", "openai", "platformdirs",
    "pydantic", "pydantic_ai", "pydantic_settings", "pyflakes", "rich", "sqlite3", "typer", "xllamacpp",
]  # fmt: skip


def run(code: str, *options: str, path: Path) -> str:
    """What a fresh interpreter prints that imports from `path` first."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, *options, "-c", f"import sys; sys.path.insert(0, {str(path)!r})\n{code}"],
        capture_output=True, text=True, env=env, cwd=path, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def metadata(wheel: zipfile.ZipFile) -> str:
    """The folder of the wheel's metadata."""
    (name,) = {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    return name


@pytest.mark.parametrize("package", ["tinyflow_nb", "tinyflow_nb_magics", "tinyflow_nb_widgets"])
def test_packages_are_typed(wheel: zipfile.ZipFile, package: str) -> None:
    assert {f"{package}/__init__.py", f"{package}/py.typed"} <= set(wheel.namelist())


def test_front_end_is_inside(wheel: zipfile.ZipFile, root: Path) -> None:
    static = root / "widgets" / "tinyflow_nb_widgets" / "static"
    wanted = {f"tinyflow_nb_widgets/static/{f.name}" for f in static.iterdir() if f.is_file()}
    assert any(name.endswith(".js") for name in wanted)
    assert wanted <= set(wheel.namelist())


def test_nothing_else_is_inside(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert tops == {"tinyflow_nb", "tinyflow_nb_magics", "tinyflow_nb_widgets", metadata(wheel)}


def test_entry_points(wheel: zipfile.ZipFile) -> None:
    parser = configparser.ConfigParser()
    parser.read_string(wheel.read(f"{metadata(wheel)}/entry_points.txt").decode())
    assert dict(parser["console_scripts"]) == {"tinyflow-nb": "tinyflow_nb.cli:app"}
    assert set(parser["tinyflow_nb.nodes"]) == {"chain", "code", "confirm", "llm"}


def test_entry_points_load(installed: Path) -> None:
    code = """
import importlib.metadata as metadata
for point in metadata.entry_points(group="tinyflow_nb.nodes"):
    loaded = point.load()
    print(point.name, hasattr(loaded, "execute"), loaded.__module__)
"""
    lines = sorted(run(code, path=installed).split("\n"))
    assert [line.split()[:2] for line in lines if line] == [
        ["chain", "True"], ["code", "True"], ["confirm", "True"], ["llm", "True"]
    ]  # fmt: skip


def test_imports_without_any_dependency(installed: Path) -> None:
    """-S hides site-packages: the bare import needs the standard library only."""
    assert run("import tinyflow_nb; print(tinyflow_nb.__file__)", "-S", path=installed).startswith(
        str(installed)
    )


def test_import_loads_nothing_heavy(installed: Path) -> None:
    code = """
import json
before = set(sys.modules)
import tinyflow_nb
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""
    loaded = json.loads(run(code, path=installed))
    assert not set(HEAVY) & set(loaded)


def test_public_names_resolve(installed: Path) -> None:
    code = """
import tinyflow_nb
missing = [name for name in tinyflow_nb.__all__ if getattr(tinyflow_nb, name, None) is None]
print(missing, set(tinyflow_nb.__all__) <= set(dir(tinyflow_nb)))
"""
    assert run(code, path=installed).split() == ["[]", "True"]


def test_command_line_starts(installed: Path) -> None:
    code = "sys.argv = ['tinyflow-nb', '--help']\nfrom tinyflow_nb.cli import app\napp()"
    shown = run(code, path=installed)
    for command in ("run", "check", "show", "runs", "waiting", "resume", "stop"):
        assert command in shown
