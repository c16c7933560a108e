"""Start, stop and reset with Redis alone, which is fast."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.services.talk import redis_says
from tinyflow_nb import services
from tinyflow_nb.cli import app
from tinyflow_nb.errors import ServiceError
from tinyflow_nb.services import manage, ports


def call(folder: Path, *arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, ["services", *arguments, "--folder", str(folder)], input=answer)


def document(result: Result) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(result.stdout.splitlines()[0])
    return told


def test_redis_keeps_everything_and_evicts_nothing(folder: Path) -> None:
    """SEMANTICS 28: nothing is lost when the process dies."""
    address = services.up(["redis"], folder=folder).redis
    for option, value in (
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("maxmemory-policy", "noeviction"),
        ("bind", "127.0.0.1"),
    ):
        assert f"\r\n{value}\r\n" in redis_says(address, f"CONFIG GET {option}"), option


def test_down_keeps_data_and_address(folder: Path) -> None:
    address = services.up(["redis"], folder=folder).redis
    redis_says(address, "SET kept yes")
    assert services.down(folder=folder) == ["redis"]
    assert [s.state for s in services.status(folder)] == ["stopped", "stopped"]
    assert services.down(folder=folder) == []
    assert services.up(["redis"], folder=folder).redis == address
    assert "yes" in redis_says(address, "GET kept")


def test_the_command_line_for_machines(folder: Path) -> None:
    started = call(folder, "up", "redis", "--json")
    assert started.exit_code == 0
    address = document(started)["redis"]
    status = call(folder, "status", "--json")
    assert status.exit_code == 1, "RocketMQ does not run"
    redis, rocketmq = map(json.loads, status.stdout.splitlines())
    assert (redis["state"], redis["address"]) == ("running", address)
    assert rocketmq["state"] == "stopped"
    assert document(call(folder, "down", "--json")) == {"stopped": ["redis"]}


def test_the_command_line_for_people(folder: Path) -> None:
    assert call(folder, "up", "redis").stdout.startswith("redis://127.0.0.1:")
    shown = call(folder, "status").stdout
    assert "running" in shown
    assert f"data: {folder}" in shown
    assert call(folder, "down").stdout == "stopped redis\n"
    assert call(folder, "down").stdout == "nothing was running\n"


def test_a_port_in_use_is_named_with_its_holder(folder: Path, taken: int) -> None:
    refused = call(folder, "up", "redis", "--redis-port", str(taken))
    assert refused.exit_code == 2
    assert f"port {taken} for Redis is in use by" in refused.stderr
    assert f"(process {os.getpid()})" in refused.stderr
    assert "Traceback" not in refused.output


def test_a_port_may_be_chosen_but_not_changed_while_it_runs(folder: Path) -> None:
    port = ports.choose_port("Redis", None, None)
    assert services.up(["redis"], folder=folder, redis_port=port).redis == f"redis://127.0.0.1:{port}/0"
    with pytest.raises(ServiceError, match=f"Redis runs at port {port} already"):
        services.up(["redis"], folder=folder, redis_port=port + 1)


def test_a_port_lost_to_somebody_else_is_replaced(folder: Path, taken: int) -> None:
    services.up(["redis"], folder=folder)
    services.down(folder=folder)
    file = folder / "services.json"
    record = json.loads(file.read_text())
    record["ports"]["redis"] = taken
    file.write_text(json.dumps(record))
    assert not services.up(["redis"], folder=folder).redis.endswith(f":{taken}/0")


def test_reset_asks_then_deletes_its_own_data_only(folder: Path) -> None:
    address = services.up(["redis"], folder=folder).redis
    redis_says(address, "SET kept yes")
    mine = folder / "mine.txt"
    mine.write_text("not theirs")
    assert call(folder, "reset", answer="n\n").exit_code == 1
    assert "yes" in redis_says(address, "GET kept")
    assert call(folder, "reset", "--yes").exit_code == 0
    assert mine.exists()
    assert not (folder / "redis").exists()
    assert services.status(folder)[0].address == ""


def test_another_process_with_the_recorded_id_is_left_alone(folder: Path) -> None:
    """Ids are used again: this very process stands in for one that got Redis's."""
    folder.mkdir()
    record = {"pids": {"redis": os.getpid()}, "ports": {"redis": 1}, "versions": {"redis": "7"}}
    (folder / "services.json").write_text(json.dumps(record))
    assert services.status(folder)[0].state == "stopped"
    assert services.down(folder=folder) == []


def test_one_that_hangs_is_told_and_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services.up(["redis"], folder=folder)
    monkeypatch.setattr(manage, "PATIENCE", 0.1)
    monkeypatch.setattr(manage.REDIS.__class__, "grace", 0.1)
    monkeypatch.setattr(ports, "ANSWER_SECONDS", 0.1)
    pid = services.status(folder)[0].pids["redis"]
    os.kill(pid, signal.SIGSTOP)
    assert services.status(folder)[0].state == "not answering"
    with pytest.raises(ServiceError, match=r"does not answer; `tinyflow-nb services down`"):
        services.up(["redis"], folder=folder)
    assert services.down(folder=folder) == ["redis"]


def test_two_at_once_start_one(folder: Path) -> None:
    found: list[str] = []
    starts = [
        threading.Thread(target=lambda: found.append(services.up(["redis"], folder=folder).redis))
        for _ in "ab"
    ]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert len(found) == 2
    assert len(set(found)) == 1


def test_one_that_does_not_start_shows_its_log_and_leaves_nothing_behind(folder: Path) -> None:
    (folder / "redis" / "appendonlydir").mkdir(parents=True)
    (folder / "redis" / "appendonlydir" / "appendonly.aof.manifest").write_text("rubbish\n")
    with pytest.raises(ServiceError, match=r"(?s)Redis ended at once.*redis\.log ends with:.*manifest"):
        services.up(["redis"], folder=folder)
    assert services.status(folder)[0].state == "stopped"


def test_a_damaged_record_is_named(folder: Path) -> None:
    services.up(["redis"], folder=folder)
    file = folder / "services.json"
    kept = file.read_text()
    file.write_text("{")
    result = call(folder, "status")
    assert result.exit_code == 2
    assert f"{file} is damaged" in result.stderr
    file.write_text(kept)


def test_an_unknown_service_is_refused(folder: Path) -> None:
    refused = call(folder, "up", "kafka")
    assert refused.exit_code == 2
    assert "there is no service 'kafka'; there are redis and rocketmq" in refused.stderr


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = call(tmp_path / "file" / "below", "up", "redis")
    assert refused.exit_code == 2
    assert "choose another folder" in refused.stderr


def test_the_variable_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYFLOW_SERVICES_FOLDER", str(tmp_path / "here"))
    assert services.services_folder() == tmp_path / "here"


def test_without_the_extra_the_command_names_it() -> None:
    without = "import sys; sys.modules['psutil'] = None; from tinyflow_nb.cli import app; app(sys.argv[1:])"
    command = [sys.executable, "-c", without, "services", "status"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert result.returncode == 2
    assert "pip install 'tinyflow-nb[services]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_services_outlive_the_command_that_started_them(folder: Path) -> None:
    start = "import sys; from tinyflow_nb.cli import app; app(sys.argv[1:])"
    command = [sys.executable, "-c", start, "services", "up", "redis", "--folder", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=110)
    service = services.status(folder)[0]
    assert service.state == "running"
    assert result.stdout == f"{service.address}\n"
    assert os.getsid(service.pids["redis"]) == service.pids["redis"], "Ctrl-C of a terminal does not reach it"
