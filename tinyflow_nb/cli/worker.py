"""`tinyflow-nb worker`: executes the runs of a shared store until it is told to end."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import signal
from contextlib import AsyncExitStack
from typing import Annotated, Any

import typer

from tinyflow_nb.engine.connect import connect
from tinyflow_nb.errors import SettingsError, TinyflowError
from tinyflow_nb.settings import get_settings
from tinyflow_nb.telemetry.http import Endpoints
from tinyflow_nb.telemetry.json_logs import JsonLines, log_json_lines

log = logging.getLogger("tinyflow_nb.worker")

REFUSED = 2
"""Exit code if it could not start."""
TRUST = "it executes what its own user and the signers it trusts have signed: tinyflow-nb trust list"


def worker(
    store: Annotated[str, typer.Option(help="The fleet's Redis; by default the settings' store.")] = "",
    scheduler: Annotated[
        str, typer.Option(help="`redis` (the default), or rocketmq://host:port.", metavar="ADDRESS")
    ] = "",
    concurrency: Annotated[int, typer.Option(min=1, help="Nodes at work at once.")] = 32,
    tags: Annotated[
        str, typer.Option(help="What it carries: nodes with tags= run where all are.", metavar="A,B")
    ] = "",
    isolate: Annotated[
        bool, typer.Option("--isolate", help="Run the functions of cells in processes of their own.")
    ] = False,
    drain: Annotated[
        float, typer.Option(min=0, help="Seconds for what is at work to finish, once told to end.")
    ] = 10.0,
    http: Annotated[
        str,
        typer.Option(help="Where /healthz, /readyz and /metrics are served, or off.", metavar="HOST:PORT"),
    ] = "127.0.0.1:0",
) -> None:
    """Execute the runs of a fleet until SIGTERM or SIGINT; logs JSON lines.

    What has not finished by then is handed back, and others take it up at once.
    """
    lines = log_json_lines()
    try:
        asyncio.run(_serve(store, scheduler, concurrency, tags, isolate, drain, http, lines))
    except TinyflowError as e:
        log.error("%s", e, extra={"facts": {"action": "worker.refused", "error": type(e).__name__}})
        raise typer.Exit(REFUSED) from None


async def _serve(
    store: str, scheduler: str, concurrency: int, tags: str, isolate: bool, drain: float, http: str,
    lines: JsonLines,
) -> None:  # fmt: skip
    settings = get_settings().model_copy(update={"max_concurrent_nodes": concurrency})
    if isolate:
        update = {"isolate": settings.isolate.model_copy(update={"on": True})}
        settings = settings.model_copy(update=update)
    carried = [tag.strip() for tag in tags.split(",") if tag.strip()]
    if not (store or settings.store).startswith("redis"):
        raise SettingsError("a worker needs a store that is shared: --store redis://host:6379/0")
    if scheduler == "local":
        raise SettingsError("a worker takes up what others start; the local scheduler brings it none of that")
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    executor = connect(store, scheduler=scheduler, settings=settings, tags=carried)
    lines.worker = executor.name
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(executor)
        url = ""
        if http != "off":
            endpoints = Endpoints(http, executor)
            stack.push_async_callback(endpoints.close)
            url = endpoints.url
        facts = {"concurrency": concurrency, "tags": carried, "isolate": settings.isolate.on, "http": url}
        _say("worker.started", TRUST, **facts)
        _give_memory_back()
        await told.wait()
        for number in (signal.SIGTERM, signal.SIGINT):  # a second one ends it at once
            loop.remove_signal_handler(number)
        _say("worker.draining", f"{drain:g} s for what is at work")
        await executor.drain(drain)
    _say("worker.stopped", "nothing is held here any more")


def _give_memory_back() -> None:
    """What loading the code needed and does no more, a sixth of an idle worker, goes back to the system;
    glibc keeps it otherwise."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _say(action: str, message: str, **facts: Any) -> None:
    log.info(message, extra={"facts": {"action": action, **facts}})
