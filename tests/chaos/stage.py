"""Servers and workers of one performance, in a folder of its own; all of it ends with this process."""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.meddling import CLOCK_VARIABLE, RATE_VARIABLE
from tinyflow_nb import services

AS_USERS_DO = "from tinyflow_nb.cli import app; app()"
MEDDLED_WITH = f"from tests.chaos.meddling import install; install(); {AS_USERS_DO}"
ENDS_WITHIN = 60.0
"""Seconds a worker has to end in once it is told to."""
STARTS_WITHIN = 120.0


class NotReady(Exception):
    """There is nothing to try things out on."""


class Worker:
    """One `tinyflow-nb worker`."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, clock: Path) -> None:
        self.name = name
        self.log = log
        self.pid = process.pid
        self.process = process
        self.clock = clock
        self.was_killed = False

    @property
    def is_ready(self) -> bool:
        return '"worker.started"' in self.log.read_text("utf-8")

    @property
    def died(self) -> bool:
        """By itself."""
        return not self.was_killed and self.process.poll() is not None

    def kill(self) -> None:
        self.was_killed = True
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def move_clock(self, seconds: float) -> None:
        """Only if it was started to be meddled with."""
        self.clock.write_text(str(seconds))
        self.process.send_signal(signal.SIGUSR1)


class Stage:
    def __init__(self, folder: Path, scheduler: str, *, lease: float, retention: float, rate: float) -> None:
        """
        Args:
            scheduler: `redis` or `rocketmq`.
            lease, retention: seconds; settings of the workers.
            rate: share of wake-ups that something happens to; with 0 the workers are the plain command.
        """
        self.folder = folder
        self.ledger = folder / "ledger"
        self.services = ("redis", "rocketmq") if scheduler == "rocketmq" else ("redis",)
        self.store = ""
        self.scheduler = scheduler
        self.workers: list[Worker] = []
        """Those of now."""
        self.all_workers: list[Worker] = []
        self._rate = rate
        self._numbers = itertools.count(1)
        self._environment = {
            "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config"),
            "TINYFLOW_LEASE": str(lease), "TINYFLOW_RETENTION": str(retention),
        }  # fmt: skip

    def open(self) -> None:
        """Blocks until the servers answer."""
        os.environ.update(self._environment)
        for service in self.services:
            (self.folder / service).mkdir()
        for service in self.services:
            self.up(service)

    def crash(self, service: str) -> None:
        services.crash([service], folder=self.folder / service)

    def up(self, service: str) -> None:
        """Blocks until it answers, at its old address."""
        addresses = services.up([service], folder=self.folder / service)
        self.store = addresses.redis or self.store
        self.scheduler = addresses.rocketmq or self.scheduler

    async def start_worker(self) -> Worker:
        """Returns at once."""
        name = f"w{next(self._numbers)}"
        log, clock = self.folder / f"{name}.log", self.folder / f"{name}.clock"
        code = MEDDLED_WITH if self._rate else AS_USERS_DO
        command = [sys.executable, "-c", code, "worker", "--store", self.store]
        command += ["--scheduler", self.scheduler, "--drain", "5"]
        env = {
            **os.environ, "PYTHONPATH": os.pathsep.join(sys.path),
            RATE_VARIABLE: str(self._rate), CLOCK_VARIABLE: str(clock),
        }  # fmt: skip
        with log.open("wb") as file:
            process = subprocess.Popen(  # noqa: ASYNC220  it takes no time
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, env=env,
                cwd=self.folder, preexec_fn=_die_with_parent,
            )  # fmt: skip
        worker = Worker(name, process, log, clock)
        self.workers.append(worker)
        self.all_workers.append(worker)
        return worker

    async def ready(self) -> None:
        """Until each worker takes work.

        Raises:
            NotReady: one ended, or takes too long.
        """
        await until(lambda: all(w.is_ready or w.died for w in self.workers), STARTS_WITHIN)
        for worker in self.workers:
            if worker.died or not worker.is_ready:
                raise NotReady(f"worker {worker.name} does not start:\n{worker.log.read_text('utf-8')}")

    def kill(self, worker: Worker) -> None:
        self.workers.remove(worker)
        worker.kill()

    async def end_workers(self) -> list[str]:
        """Tell them to end, as an operator would; what was wrong with how they did, or that they had."""
        wrong = [f"worker {w.name} died by itself: {w.process.returncode}" for w in self.workers if w.died]
        self.workers = [w for w in self.workers if not w.died]
        for worker in self.workers:
            worker.process.terminate()
        await until(lambda: all(w.process.poll() is not None for w in self.workers), ENDS_WITHIN)
        for worker in self.workers:
            if worker.process.poll() is None:
                wrong.append(f"worker {worker.name} did not end within {ENDS_WITHIN:g} s of SIGTERM")
            elif worker.process.returncode:
                wrong.append(f"worker {worker.name} ended with {worker.process.returncode}")
        return wrong

    def close(self) -> None:
        for worker in self.all_workers:
            if worker.process.poll() is None:
                worker.kill()
        for service in self.services:
            self.crash(service)


@contextmanager
def own_folder(*, keep: Callable[[], bool]) -> Iterator[Path]:
    """A new folder, and somebody who sees to its services if this process is killed."""
    folder = Path(tempfile.mkdtemp(prefix="tinyflow-chaos-"))
    guard = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.guard", folder], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield folder
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait()
        if not keep():
            shutil.rmtree(folder)


async def until(true: Callable[[], bool], timeout: float) -> bool:
    """Whether it came true within `timeout` seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    while not true():
        if loop.time() > end:
            return False
        await asyncio.sleep(0.05)
    return True


_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
