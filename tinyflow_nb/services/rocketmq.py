"""RocketMQ: a name server, and a proxy that embeds the broker. Clients talk to the proxy alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tinyflow_nb.errors import ServiceError
from tinyflow_nb.services import processes
from tinyflow_nb.services.places import packaged, write_config
from tinyflow_nb.services.ports import LOOPBACK, dial

VERSION = "5.3.3"
READY_WITHIN = 120.0
GRACE = 5.0
"""Seconds. It would take 45 to end by itself; what it took in is in the system's hands by then."""
FULL_DISK = 0.9
"""From here on the broker takes no more messages."""
PORTS: Mapping[str, Sequence[int]] = {"rocketmq": (), "broker": (-2, 1), "remoting": (), "metrics": ()}
"""Of the proxy; the broker listens beside its own, too."""
_HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_HTTP2_SETTINGS = 4


def mark(folder: Path, part: str) -> str:
    """The argument by which the process is known to be ours."""
    return f"-Dtinyflow.{part}={folder / 'rocketmq'}"


def logs(folder: Path, part: str) -> list[Path]:
    """Its own, and what it printed."""
    return [folder / "rocketmq" / "logs" / f"{part}.{kind}" for kind in ("log", "out")]


def prepare(folder: Path, ports: Mapping[str, int]) -> None:
    """Write what the servers read when they start.

    Raises:
        ServiceError: the disk is too full.
    """
    home = folder / "rocketmq"
    for name in ("conf", "logs", "nameserver", "store"):
        (home / name).mkdir(parents=True, exist_ok=True)
    disk = shutil.disk_usage(home)
    if disk.used / disk.total > FULL_DISK:
        raise ServiceError(
            f"the disk of {folder} is {disk.used / disk.total:.0%} full; RocketMQ takes messages only below"
            f" {FULL_DISK:.0%}: free some space or choose a folder on another disk"
        )
    values = {"run": home, "store": home / "store", **ports}
    for name in ("broker.conf", "nameserver.conf", "proxy.json", "logback.xml", "loopback.btm"):
        write_config(name, home / "conf" / name, **values)


def launch_nameserver(folder: Path, java: Path, jars: Sequence[Path]) -> int:
    conf = folder / "rocketmq" / "conf"
    main = ["org.apache.rocketmq.namesrv.NamesrvStartup", "-c", str(conf / "nameserver.conf")]
    return _launch(folder, "nameserver", java, jars, ["-Xmx128m"], main)


def launch_proxy(folder: Path, java: Path, jars: Sequence[Path], nameserver: int) -> int:
    conf = folder / "rocketmq" / "conf"
    main = ["org.apache.rocketmq.proxy.ProxyStartup", "-pm", "local", "-n", f"{LOOPBACK}:{nameserver}",
            "-pc", str(conf / "proxy.json"), "-bc", str(conf / "broker.conf")]  # fmt: skip
    return _launch(folder, "rocketmq", java, jars, ["-Xmx512m", "-XX:MaxDirectMemorySize=512m"], main)


def _launch(
    folder: Path, part: str, java: Path, jars: Sequence[Path], limits: list[str], main: list[str]
) -> int:
    home = folder / "rocketmq"
    agent = next(jar for jar in jars if jar.name.startswith("byteman-"))
    log, output = logs(folder, part)
    options = [
        mark(folder, part),
        f"-javaagent:{agent}=script:{home / 'conf' / 'loopback.btm'},boot:{agent}",
        f"-Duser.home={home}",
        f"-Drocketmq.client.logRoot={home / 'logs'}",
        f"-Drmq.logback.configurationFile={(home / 'conf' / 'logback.xml').as_uri()}",
        f"-Drmq.log.file={log}",
    ]
    classes = ["-cp", os.pathsep.join(map(str, jars))]
    command = [str(java), *packaged("jvm.flags").split(), *limits, *options, *classes, *main]
    return processes.start(command, output, home, {**os.environ, "ROCKETMQ_HOME": str(home)})


def accepts(port: int) -> bool:
    """Whether somebody listens at the port."""
    try:
        with dial(port):
            return True
    except OSError:
        return False


def answers(port: int) -> bool:
    """Whether a gRPC server at the port says hello."""
    try:
        with dial(port) as connection:
            connection.sendall(_HTTP2_HELLO)
            frame = connection.recv(9)
    except OSError:
        return False
    return len(frame) == 9 and frame[3] == _HTTP2_SETTINGS
