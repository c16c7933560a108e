"""`tinyflow-nb services`: a real Redis and a real RocketMQ on this machine."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.status import Status
from rich.text import Text

from tinyflow_nb.errors import TinyflowError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from tinyflow_nb.services import Service

services = typer.Typer(
    help="A real Redis and a real RocketMQ on this machine, for development: loopback only.",
    no_args_is_help=True,
)
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

NOT_RUNNING, REFUSED = 1, 2
"""Exit codes besides 0: of `status`, if something does not run; of the others, if it could not be done."""

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[redis] [rocketmq]", help="Which; by default both.")
]
Folder = Annotated[
    Path | None,
    typer.Option(
        help="Where their data is; by default in your data folder, or TINYFLOW_SERVICES_FOLDER.",
        file_okay=False,
    ),
]
Port = Annotated[
    int | None,
    typer.Option(min=1, max=65_535, help="By default the one used last time, or a free one."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines.")]


@services.command()
def up(
    names: Names = None,
    redis_port: Port = None,
    rocketmq_port: Port = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Start what does not run yet, and print the addresses. The first time downloads RocketMQ, 90 MB."""
    with _told(), _Shown() as shown:
        from tinyflow_nb.services import NAMES, up

        addresses = up(
            names or NAMES,
            folder=folder,
            redis_port=redis_port,
            rocketmq_port=rocketmq_port,
            progress=shown,
        )
    if as_json:
        _say(addresses._asdict())
        return
    for address in filter(None, addresses):
        out.print(Text(address))
    if all(addresses):
        hint = f"%tinyflow connect {addresses.redis} --scheduler {addresses.rocketmq}"
        err.print(Text(f"in a notebook: {hint}", style="dim"))


@services.command()
def down(names: Names = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Stop them; their data stays."""
    with _told(), _Shown() as shown:
        from tinyflow_nb.services import NAMES, down

        stopped = down(names or NAMES, folder=folder, progress=shown)
    if as_json:
        _say({"stopped": stopped})
    else:
        out.print(Text(f"stopped {' and '.join(stopped)}" if stopped else "nothing was running"))


@services.command()
def status(folder: Folder = None, as_json: AsJson = False) -> None:
    """What runs, where, which version, and whether it answers. Exit code 1 unless both do."""
    with _told():
        from tinyflow_nb.services import services_folder, status

        found = status(folder)
    if as_json:
        for service in found:
            _say(service._asdict())
    else:
        for service in found:
            _show_service(service)
        out.print(Text(f"data: {services_folder(folder)}", style="dim"))
    if any(service.state != "running" for service in found):
        raise typer.Exit(NOT_RUNNING)


@services.command()
def reset(
    folder: Folder = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop both and delete their data. Downloads are kept."""
    with _told():
        from tinyflow_nb.services import reset, services_folder

        home = services_folder(folder)
        if not yes:
            typer.confirm(f"Delete everything that Redis and RocketMQ keep in {home}?", abort=True)
        with _Shown() as shown:
            reset(folder=folder, progress=shown)
    out.print(Text(f"deleted the data in {home}"))


def _show_service(s: Service) -> None:
    line = Text(f"{s.name:<10}", style="bold")
    line.append(s.state, style={"running": "green", "stopped": "dim"}.get(s.state, "red"))
    if s.pids:
        line.append(f"  {s.address}  {s.version}  {s.memory / 1e6:.0f} MB")
    out.print(line)
    for part, pid in s.pids.items():
        out.print(Text(f"{'':<10}{part}: process {pid}", style="dim"))
    if s.pids:
        ports = ", ".join(f"{part} {port}" for part, port in s.ports.items())
        out.print(Text(f"{'':<10}ports: {ports}", style="dim"))


def _say(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False))


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Our own errors become one message and an exit code."""
    try:
        yield
    except TinyflowError as e:
        err.print(Text(f"{type(e).__name__}: {e}", style="red"))
        raise typer.Exit(REFUSED) from None


class _Shown:
    """A spinner with the current step, then a bar while something is downloaded; plain lines without a
    terminal."""

    def __init__(self) -> None:
        self._live: Status | Progress | None = None
        self._bar: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._show(None)

    def step(self, what: str) -> None:
        self._bar = None
        if err.is_terminal:
            self._show(Status(what, console=err))
        else:
            err.print(Text(what))

    def downloaded(self, done: int, total: int) -> None:
        if not err.is_terminal:
            return
        if self._bar is None:
            bar = Progress(
                TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
                console=err, transient=True,
            )  # fmt: skip
            self._bar = bar.add_task("downloading RocketMQ", total=total)
            self._show(bar)
        if isinstance(self._live, Progress):
            self._live.update(self._bar, completed=done)

    def _show(self, live: Status | Progress | None) -> None:
        if self._live is not None:
            self._live.stop()
        self._live = live
        if live is not None:
            live.start()
