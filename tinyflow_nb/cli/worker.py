"""`tinyflow-nb worker`: executes the runs of a shared store until it is told to end."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import signal
import sys
from typing import Annotated, Any

import typer

from tinyflow_nb.engine.connect import connect
from tinyflow_nb.errors import SettingsError, TinyflowError
from tinyflow_nb.settings import get_settings

log = logging.getLogger("tinyflow_nb.worker")

REFUSED = 2
"""Exit code if it could not start."""
TRUST = "it runs the code of whoever may write to this Redis: definitions are not signed yet"


def worker(
    store: Annotated[str, typer.Option(help="The fleet's Redis; by default the settings' store.")] = "",
    scheduler: Annotated[
        str, typer.Option(help="`redis` (the default), or rocketmq://host:port.", metavar="ADDRESS")
    ] = "",
    concurrency: Annotated[int, typer.Option(min=1, help="Nodes at work at once.")] = 32,
    drain: Annotated[
        float, typer.Option(min=0, help="Seconds for what is at work to finish, once told to end.")
    ] = 10.0,
) -> None:
    """Execute the runs of a fleet until SIGTERM or SIGINT; logs JSON lines.

    What has not finished by then is handed back, and others take it up at once.
    """
    _log_json_lines()
    try:
        asyncio.run(_serve(store, scheduler, concurrency, drain))
    except TinyflowError as e:
        log.error("%s", e, extra={"facts": {"action": "worker.refused", "error": type(e).__name__}})
        raise typer.Exit(REFUSED) from None


async def _serve(store: str, scheduler: str, concurrency: int, drain: float) -> None:
    settings = get_settings().model_copy(update={"max_concurrent_nodes": concurrency})
    if not (store or settings.store).startswith("redis"):
        raise SettingsError("a worker needs a store that is shared: --store redis://host:6379/0")
    if scheduler == "local":
        raise SettingsError("a worker takes up what others start; the local scheduler brings it none of that")
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    async with connect(store, scheduler=scheduler, settings=settings) as executor:
        _say("worker.started", TRUST, worker=executor.name, concurrency=concurrency)
        await told.wait()
        for number in (signal.SIGTERM, signal.SIGINT):  # a second one ends it at once
            loop.remove_signal_handler(number)
        _say("worker.draining", f"{drain:g} s for what is at work")
        await executor.drain(drain)
    _say("worker.stopped", "nothing is held here any more")


def _say(action: str, message: str, **facts: Any) -> None:
    log.info(message, extra={"facts": {"action": action, **facts}})


def _log_json_lines() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("tinyflow_nb").setLevel(logging.INFO)


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"at": at, "level": record.levelname.lower()}
        line |= getattr(record, "facts", {"action": "log", "logger": record.name})
        line["message"] = record.getMessage()
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
