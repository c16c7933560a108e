"""`tinyflow-nb monitor`: what a fleet tells the outside of its runs, as JSON lines."""

from __future__ import annotations

from typing import Annotated

import typer

from tinyflow_nb.cli.common import Scheduler, Store, with_executor
from tinyflow_nb.engine.executor import ChainExecutor


def monitor(
    store: Store = "",
    scheduler: Scheduler = "",
    from_start: Annotated[
        bool, typer.Option("--from-start", help="With Redis: what is still kept comes first.")
    ] = False,
) -> None:
    """Print a fleet's monitor messages as they come, a JSON document each, until Ctrl-C."""

    async def act(executor: ChainExecutor) -> None:
        async for message in executor.monitored(from_start=from_start):
            typer.echo(message.model_dump_json(exclude_defaults=True))

    try:
        with_executor(store, act, scheduler=scheduler)
    except KeyboardInterrupt:
        raise typer.Exit from None
