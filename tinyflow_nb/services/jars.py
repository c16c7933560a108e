"""RocketMQ's server: pinned jars, fetched by their Maven coordinates and checked by hash."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tinyflow_nb.errors import MissingExtra, ServiceError
from tinyflow_nb.services.places import packaged
from tinyflow_nb.services.progress import Progress

TRIES = 3
THREADS = 8
_NATIVE = re.compile(r"(linux|osx|windows)-(.+)")


class Jar(NamedTuple):
    group: str
    artifact: str
    version: str
    classifier: str
    sha256: str
    size: int

    @property
    def path(self) -> Path:
        """Where a Maven repository keeps it."""
        suffix = f"-{self.classifier}" if self.classifier else ""
        folder = Path(*self.group.split("."), self.artifact, self.version)
        return folder / f"{self.artifact}-{self.version}{suffix}.jar"


def pinned_jars() -> list[Jar]:
    """Those this machine needs; native libraries of other systems are left out."""
    jars = []
    for line in packaged("jars.txt").splitlines():
        coordinates, sha256, size = line.split()
        group, artifact, version, classifier = f"{coordinates}:".split(":")[:4]
        jar = Jar(group, artifact, version, classifier, sha256.removeprefix("sha256:"), int(size))
        if not _NATIVE.fullmatch(jar.classifier) or jar.classifier == _this_platform():
            jars.append(jar)
    return jars


def _this_platform() -> str:
    system = {"linux": "linux", "darwin": "osx"}.get(sys.platform, sys.platform)
    machine = {"amd64": "x86_64", "arm64": "aarch_64", "aarch64": "aarch_64"}
    name = platform.machine().lower()
    return f"{system}-{machine.get(name, name)}"


def fetch_jars(repository: Path, progress: Progress) -> list[Path]:
    """Paths of all jars, downloaded if they are missing or not what was pinned.

    Raises:
        MissingExtra: the Maven client is not installed.
        ServiceError: a download failed; what was fetched before is kept.
    """
    jars = pinned_jars()
    missing = [jar for jar in jars if not _is_genuine(repository / jar.path, jar)]
    if missing:
        progress.step("downloading RocketMQ")
        _download(missing, repository, progress)
    return [repository / jar.path for jar in jars]


def _download(jars: list[Jar], repository: Path, progress: Progress) -> None:
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ModuleNotFoundError:
        raise MissingExtra("Downloading RocketMQ", "services") from None
    count = _Count(sum(jar.size for jar in jars), progress)
    context = MavenContext(
        resolver=PythonResolver(progress_callback=count.of_one), repo_cache=repository, timeout=60
    )

    def fetch(jar: Jar) -> None:
        file = repository / jar.path
        reason = ""
        for _ in range(TRIES):
            file.unlink(missing_ok=True)
            artifact = (
                context.project(jar.group, jar.artifact).at_version(jar.version).artifact(jar.classifier)
            )
            try:
                artifact.resolve()
            except (OSError, RuntimeError) as e:  # what the client raises for network and repository
                reason = f"{type(e).__name__}: {e}"
                continue
            if _is_genuine(file, jar):
                return
            reason = "its content is not what was pinned"
        file.unlink(missing_ok=True)
        raise ServiceError(
            f"could not download {jar.group}:{jar.artifact}:{jar.version}: {reason}\n"
            "Check the network and try again; what was fetched so far is kept."
        )

    with ThreadPoolExecutor(THREADS) as pool:
        tasks = [pool.submit(fetch, jar) for jar in jars]
        try:
            for task in tasks:
                task.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Count:
    """Adds up what the threads fetch."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._done, self._progress = total, 0, progress
        self._lock = threading.Lock()

    @contextmanager
    def of_one(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        yield self._add

    def _add(self, size: int) -> None:
        with self._lock:
            self._done = min(self._total, self._done + size)
            self._progress.downloaded(self._done, self._total)


def _is_genuine(file: Path, jar: Jar) -> bool:
    if not file.is_file() or file.stat().st_size != jar.size:
        return False
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == jar.sha256
