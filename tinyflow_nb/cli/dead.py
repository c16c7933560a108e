"""`tinyflow-nb dead`: triggers that nobody could accept."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer
from rich.text import Text

from tinyflow_nb.cli.common import AsJson, Scheduler, Store, out, say, with_executor
from tinyflow_nb.engine.executor import ChainExecutor
from tinyflow_nb.errors import UnknownRun


def dead(
    requeue: Annotated[str, typer.Option(metavar="RUN", help="Have those of this run tried again.")] = "",
    store: Store = "",
    scheduler: Scheduler = "",
    as_json: AsJson = False,
) -> None:
    """Dead letters: what no worker could take up, of runs whose data is damaged."""

    async def act(executor: ChainExecutor) -> None:
        if requeue:
            if not (tried := await executor.requeue(requeue)):
                raise UnknownRun(f"run {requeue!r} has no dead letters; `tinyflow-nb dead` lists them")
            out.print(Text(f"{tried} of {requeue} will be tried again"))
            return
        letters = await executor.dead_letters()
        if as_json:
            say([letter._asdict() | {"trigger": letter.trigger._asdict()} for letter in letters])
            return
        for letter in letters:
            at = dt.datetime.fromtimestamp(letter.at).astimezone().isoformat(" ", "seconds")
            trigger = letter.trigger
            out.print(Text(f"{at}  {trigger.run}  {trigger.unit or '-'}  {trigger.kind}  {letter.why}"))
        if not letters:
            out.print(Text("no dead letters"))

    with_executor(store, act, scheduler=scheduler)
