"""What runs, and whether it answers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from tinyflow_nb.services import processes, rocketmq
from tinyflow_nb.services.manage import NAMES, addresses
from tinyflow_nb.services.parts import SERVICES, runs
from tinyflow_nb.services.places import Record, read_record, services_folder


class Service(NamedTuple):
    """One service of one folder. `memory` is resident bytes; ports and pids are by the part's name."""

    name: str
    state: Literal["running", "not answering", "stopped"]
    address: str
    version: str
    pids: dict[str, int]
    ports: dict[str, int]
    memory: int


_PORTS = {"redis": ("redis",), "rocketmq": (*rocketmq.PORTS, "nameserver")}


def status(folder: Path | None = None) -> list[Service]:
    """Both services, whether they were ever started or not; changes nothing.

    Raises:
        ServiceError: the record of what was started is damaged.
    """
    home = services_folder(folder)
    record = read_record(home)
    return [_service(name, home, record) for name in NAMES]


def _service(name: str, home: Path, record: Record) -> Service:
    parts = SERVICES[name]
    alive = [part for part in parts if runs(part, home, record)]
    if not alive:
        state: Literal["running", "not answering", "stopped"] = "stopped"
    elif len(alive) == len(parts) and all(part.answers(record) for part in parts):
        state = "running"
    else:
        state = "not answering"
    pids = {part.name: record.pids[part.name] for part in alive}
    version = record.versions.get(name, "")
    if name == "rocketmq" and version:
        version += f" (Java {record.versions['java']})"
    return Service(
        name,
        state,
        "".join(addresses(record.ports, [name])),
        version,
        pids,
        {p: record.ports[p] for p in _PORTS[name] if p in record.ports},
        sum(processes.memory(pid) for pid in pids.values()),
    )
