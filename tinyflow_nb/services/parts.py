"""The processes that make up the services, and how each is known and reached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tinyflow_nb.services import processes, redis_server, rocketmq
from tinyflow_nb.services.places import Record


class Part(NamedTuple):
    name: str
    title: str
    mark: Callable[[Path], str]
    logs: Callable[[Path], list[Path]]
    answers: Callable[[Record], bool]
    ready_within: float
    grace: float


REDIS = Part(
    "redis", "Redis", redis_server.mark, redis_server.logs,
    lambda r: redis_server.answers(r.ports["redis"], r.pids["redis"]),
    redis_server.READY_WITHIN, redis_server.GRACE,
)  # fmt: skip
NAMESERVER = Part(
    "nameserver", "RocketMQ's name server", lambda f: rocketmq.mark(f, "nameserver"),
    lambda f: rocketmq.logs(f, "nameserver"), lambda r: rocketmq.accepts(r.ports["nameserver"]),
    rocketmq.READY_WITHIN, rocketmq.GRACE,
)  # fmt: skip
ROCKETMQ = Part(
    "rocketmq", "RocketMQ", lambda f: rocketmq.mark(f, "rocketmq"),
    lambda f: rocketmq.logs(f, "rocketmq"), lambda r: rocketmq.answers(r.ports["rocketmq"]),
    rocketmq.READY_WITHIN, rocketmq.GRACE,
)  # fmt: skip
SERVICES: dict[str, tuple[Part, ...]] = {"redis": (REDIS,), "rocketmq": (NAMESERVER, ROCKETMQ)}
"""By name; parts in the order in which they start."""


def runs(part: Part, folder: Path, record: Record) -> bool:
    return processes.is_ours(record.pids.get(part.name), part.mark(folder))
