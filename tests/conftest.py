"""What every test may rely on: settings and a store of its own, and a patient `wait_until`."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings

from tinyflow_nb.errors import MissingExtra, ServiceError
from tinyflow_nb.testing.contract.fixtures import wait_until

__all__ = ["wait_until"]

settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")  # the same examples each time; `--hypothesis-profile default` tries others

WHEEL_UNDER_TEST = os.environ.get("WHEEL_UNDER_TEST", "")
"""Where `make test` installed the built wheel: then nothing may come from the working tree."""


STARTED_WITHIN = 400
"""Seconds: RocketMQ is downloaded the first time."""


def package_folder() -> Path:
    spec = importlib.util.find_spec("tinyflow_nb.errors")
    if spec is None or spec.origin is None:
        raise pytest.UsageError("tinyflow_nb is not installed: `make setup` does it")
    return Path(spec.origin).parent


def pytest_configure() -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a script's background job, and so its children
        signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = package_folder()
    if WHEEL_UNDER_TEST and not folder.is_relative_to(WHEEL_UNDER_TEST):
        raise pytest.UsageError(f"tinyflow_nb comes from {folder}, not from the wheel in {WHEEL_UNDER_TEST}")


def pytest_report_header() -> str:
    return f"tinyflow_nb: {package_folder()}"


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees or changes the user's settings, runs or keys; child processes inherit this."""
    for name in list(os.environ):
        if name.startswith("TINYFLOW_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user-data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user-config"))
    monkeypatch.setenv("TINYFLOW_STORE", f"sqlite:///{tmp_path / 'runs.db'}")


chance = random.SystemRandom()
"""Of no seed that a test, or another session at the same time, may have set too."""
given_ports: set[int] = set()


def free_port() -> int:
    """Below the ports that outgoing connections take, and with room above for a cluster's own port,
    10,000 further on. Each is given once."""
    for port in chance.sample(range(15_000, 30_000), 1_000):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in given_ports:
                given_ports.add(port)
                return port
    pytest.fail("no free port between 15000 and 30000")


class RedisServer:
    """A real redis-server of the tests' own, on a free loopback port."""

    def __init__(self, folder: Path, *options: str) -> None:
        if shutil.which("redis-server") is None:
            told = "redis-server is missing: apt-get install redis-server"
            pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
        self._folder = folder
        self._options = options
        self.port = free_port()
        self.address = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        where = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._folder)]
        command = ["redis-server", *self._options, *where, "--save", ""]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if self.ask("PING").startswith(("+PONG", "-NOAUTH")):
                    return
            time.sleep(0.02)
        self.stop()
        raise pytest.fail.Exception("redis-server does not start")

    def ask(self, *command: str | bytes) -> str:
        """The first line of the answer to a command."""
        return self.ask_all(*command)[0]

    def ask_all(self, *command: str | bytes) -> list[str]:
        """The lines of the answer, as the protocol writes them."""
        words = [word.encode() if isinstance(word, str) else word for word in command]
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(b" ".join(words) + b"\r\n")
            return connection.recv(65_536).decode().split("\r\n")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """`server = own_redis(*options)`: one for this test alone, to be stopped and misconfigured."""
    servers: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        folder = tmp_path / f"redis-{len(servers)}"
        folder.mkdir()
        servers.append(RedisServer(folder, *options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


class RedisCluster:
    """Three masters that share the slots."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [self._node(folder / str(number)) for number in range(3)]
        for number, node in enumerate(self.nodes):
            first, last = number * 16_384 // 3, (number + 1) * 16_384 // 3 - 1
            assert node.ask("CLUSTER", "ADDSLOTSRANGE", str(first), str(last)) == "+OK"
            assert node.ask("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1)) == "+OK"
        for node in self.nodes[1:]:
            first_node = self.nodes[0]
            told = ("127.0.0.1", str(first_node.port), str(first_node.bus))
            assert node.ask("CLUSTER", "MEET", *told) == "+OK"
        deadline = time.monotonic() + 60
        while not all(n.is_whole() for n in self.nodes):
            assert time.monotonic() < deadline, "the cluster does not come together"
            time.sleep(0.05)
        self.address = "redis+cluster://" + ",".join(f"127.0.0.1:{n.port}" for n in self.nodes[:2])

    @staticmethod
    def _node(folder: Path) -> ClusterNode:
        folder.mkdir()
        return ClusterNode(folder)

    def ask(self, *command: str) -> None:
        for node in self.nodes:
            node.ask(*command)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


class ClusterNode(RedisServer):
    def __init__(self, folder: Path) -> None:
        self.bus = free_port()
        super().__init__(folder, "--cluster-enabled", "yes", "--cluster-port", str(self.bus))

    def is_whole(self) -> bool:
        told = self.ask_all("CLUSTER", "INFO")
        return "cluster_state:ok" in told and "cluster_slots_ok:16384" in told


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    cluster = RedisCluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()


class RealServices(NamedTuple):
    redis: str
    rocketmq: str
    folder: Path


@pytest.fixture(scope="session")
def real_services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServices]:
    """A real Redis and a real RocketMQ of this session. Where they can't be had the tests that need them are
    skipped, but fail in CI."""
    folder = tmp_path_factory.mktemp("services")
    try:
        from tinyflow_nb import services

        addresses = services.up(folder=folder)
    except (MissingExtra, ServiceError) as e:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no real Redis and RocketMQ here: {e}")
    yield RealServices(*addresses, folder)
    services.down(folder=folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first one to need the services waits for their download and start."""
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if "real_services" in getattr(item, "fixturenames", ()) or "rocketmq" in parameters.values():
            item.add_marker(pytest.mark.timeout(STARTED_WITHIN))
