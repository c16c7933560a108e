"""Start and stop the services. Everything is recorded at once: a killed command leaves no mystery."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tinyflow_nb.errors import ServiceError
from tinyflow_nb.schedulers.rocketmq_names import PROBE
from tinyflow_nb.services import processes, redis_server, rocketmq
from tinyflow_nb.services.jars import fetch_jars
from tinyflow_nb.services.java import find_java
from tinyflow_nb.services.parts import NAMESERVER, REDIS, ROCKETMQ, SERVICES, Part, runs
from tinyflow_nb.services.places import (
    DATA,
    Record,
    downloads_folder,
    locked,
    read_record,
    services_folder,
    write_record,
)
from tinyflow_nb.services.ports import LOOPBACK, choose_port
from tinyflow_nb.services.processes import TAIL
from tinyflow_nb.services.progress import Progress, Silent
from tinyflow_nb.services.topics import GROUPS, TOPICS, create

NAMES = tuple(SERVICES)
THROUGH_WITHIN = 60.0
PATIENCE = 30.0
"""Seconds for an answer of what another command started."""


class Addresses(NamedTuple):
    """What `connect(redis, scheduler=rocketmq)` takes; "" for a service that was not asked for."""

    redis: str
    rocketmq: str


def addresses(ports: Mapping[str, int], names: Iterable[str] = NAMES) -> Addresses:
    wanted = [name for name in names if name in ports]
    return Addresses(
        f"redis://{LOOPBACK}:{ports['redis']}/0" if "redis" in wanted else "",
        f"rocketmq://{LOOPBACK}:{ports['rocketmq']}" if "rocketmq" in wanted else "",
    )


def up(
    names: Sequence[str] = NAMES,
    *,
    folder: Path | None = None,
    redis_port: int | None = None,
    rocketmq_port: int | None = None,
    topics: Mapping[str, str] = TOPICS,
    groups: Sequence[str] = GROUPS,
    progress: Progress | None = None,
) -> Addresses:
    """Start what does not run yet, and wait until it answers. Ports stay as they were the last time.

    `topics` (name: NORMAL, DELAY, FIFO or TRANSACTION) and `groups` are created if they are missing.

    Raises:
        ServiceError: a port is in use, a download failed, or a service does not start; the message has
            the end of its log.
        MissingExtra: no Java, or nothing to download with.
    """
    _check(names)
    shown = progress or Silent()
    home = services_folder(folder)
    with locked(home):
        record = read_record(home)
        if "redis" in names:
            _redis_up(home, record, redis_port, shown)
        if "rocketmq" in names:
            _rocketmq_up(home, record, rocketmq_port, topics, groups, shown)
        return addresses(record.ports, names)


def down(
    names: Sequence[str] = NAMES, *, folder: Path | None = None, progress: Progress | None = None
) -> list[str]:
    """Stop them and keep their data; returns the names of those that ran.

    Raises:
        ServiceError: one does not end.
    """
    _check(names)
    home = services_folder(folder)
    with locked(home):
        return _down(names, home, progress or Silent())


def crash(names: Sequence[str] = NAMES, *, folder: Path | None = None) -> None:
    """Kill them without a warning, for tests of what happens then; returns when they are gone.

    Raises:
        ServiceError: one does not end.
    """
    _check(names)
    home = services_folder(folder)
    with locked(home):
        record = read_record(home)
        for name in names:
            for part in SERVICES[name]:
                if runs(part, home, record):
                    processes.kill(record.pids[part.name], part.mark(home))


def reset(*, folder: Path | None = None, progress: Progress | None = None) -> None:
    """Stop both and delete their data, topics and ports; downloads are kept.

    Raises:
        ServiceError: one does not end, or its data can't be deleted.
    """
    home = services_folder(folder)
    with locked(home):
        _down(NAMES, home, progress or Silent())
        try:
            for name in DATA:
                if (home / name).exists():
                    shutil.rmtree(home / name)
        except OSError as e:
            raise ServiceError(f"can't delete {e.filename}: {e.strerror}") from None
        (home / "services.json").unlink(missing_ok=True)


def _redis_up(home: Path, record: Record, wanted: int | None, shown: Progress) -> None:
    if _keeps_running(REDIS, home, record, wanted):
        return
    server = redis_server.find_redis()
    record.ports["redis"] = choose_port("Redis", wanted, record.ports.get("redis"))
    record.versions["redis"] = server.version
    shown.step(f"starting Redis {server.version}")
    _started(REDIS, redis_server.launch(home, server.program, record.ports["redis"]), home, record)


def _rocketmq_up(
    home: Path, record: Record, wanted: int | None, topics: Mapping[str, str], groups: Sequence[str],
    shown: Progress,
) -> None:  # fmt: skip
    running = _keeps_running(ROCKETMQ, home, record, wanted) and _keeps_running(
        NAMESERVER, home, record, None
    )
    if not running:
        _start_rocketmq(home, record, wanted, shown)
    create(record.ports["broker"], record.ports["nameserver"], topics, (*groups, PROBE))
    if not running:
        shown.step("sending a first message through each topic")
        _get_through(addresses(record.ports).rocketmq, topics)


def _get_through(address: str, topics: Mapping[str, str]) -> None:
    """A server that answers may still refuse messages for a while.

    Raises:
        ServiceError
    """
    probed = [f"{topic}={type}" for topic, type in topics.items() if type in ("NORMAL", "DELAY")]
    command = [sys.executable, "-P", "-m", "tinyflow_nb.services.probe", address, *probed]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=THROUGH_WITHIN, check=False
        )
    except subprocess.TimeoutExpired as e:
        said = (e.stderr or b"").decode("utf-8", "replace")
        why = f"within {THROUGH_WITHIN:g} s"
    else:
        if done.returncode == 0:
            return
        said, why = done.stderr, "at all"
    last = "\n  ".join(said.strip().splitlines()[-TAIL:])
    raise ServiceError(f"RocketMQ answers, but lets no messages through {why}\n  {last}".rstrip())


def _start_rocketmq(home: Path, record: Record, wanted: int | None, shown: Progress) -> None:
    java = find_java()
    jars = fetch_jars(downloads_folder(), shown)
    ports = record.ports
    if not runs(NAMESERVER, home, record):
        known = ports.get("nameserver")
        fixed = known if runs(ROCKETMQ, home, record) else None  # the broker knows it by this port
        ports["nameserver"] = choose_port("RocketMQ's name server", fixed, known)
    if not runs(ROCKETMQ, home, record):
        for name, neighbours in rocketmq.PORTS.items():
            asked = wanted if name == "rocketmq" else None
            title = "RocketMQ" if name == "rocketmq" else f"RocketMQ's {name}"
            ports[name] = choose_port(title, asked, ports.get(name), neighbours, ports.values())
        rocketmq.prepare(home, ports)
    record.versions |= {"rocketmq": rocketmq.VERSION, "java": java.version}
    shown.step(f"starting RocketMQ {rocketmq.VERSION} (Java {java.version})")
    if not runs(NAMESERVER, home, record):
        _started(NAMESERVER, rocketmq.launch_nameserver(home, java.program, jars), home, record)
    if not runs(ROCKETMQ, home, record):
        pid = rocketmq.launch_proxy(home, java.program, jars, ports["nameserver"])
        _started(ROCKETMQ, pid, home, record)


def _started(part: Part, pid: int, home: Path, record: Record) -> None:
    """Record it first, then wait; what does not get ready is stopped again."""
    record.pids[part.name] = pid
    write_record(home, record)
    try:
        processes.wait_ready(
            part.title, pid, part.mark(home), lambda: part.answers(record), part.logs(home), part.ready_within
        )
        if exposed := processes.open_listeners(pid):
            raise ServiceError(f"{part.title} would be open to the network at {', '.join(exposed)}; stopped")
    except BaseException:
        processes.kill(pid, part.mark(home))
        raise


def _keeps_running(part: Part, home: Path, record: Record, wanted: int | None) -> bool:
    """
    Raises:
        ServiceError: it runs at another port than the one wanted, or does not answer.
    """
    if not runs(part, home, record):
        return False
    port = record.ports[part.name]
    if wanted not in (None, port):
        raise ServiceError(f"{part.title} runs at port {port} already; `tinyflow-nb services down` first")
    if not processes.within(PATIENCE, lambda: part.answers(record)):
        raise ServiceError(
            f"{part.title} runs (process {record.pids[part.name]}) but does not answer;"
            " `tinyflow-nb services down`, then `up`"
        )
    return True


def _down(names: Sequence[str], home: Path, shown: Progress) -> list[str]:
    record = read_record(home)
    stopped = []
    for name in reversed(NAMES):
        running = [part for part in reversed(SERVICES[name]) if name in names and runs(part, home, record)]
        if running:
            shown.step(f"stopping {running[0].title}")
            stopped.append(name)
        for part in running:
            processes.stop(record.pids[part.name], part.mark(home), part.grace)
            del record.pids[part.name]
            write_record(home, record)
    return stopped


def _check(names: Sequence[str]) -> None:
    for name in names:
        if name not in NAMES:
            raise ServiceError(f"there is no service {name!r}; there are {' and '.join(NAMES)}")
