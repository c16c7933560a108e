"""`tinyflow-nb delete` and `cleanup`: forget runs that have ended."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from tinyflow_nb.cli.common import Store, out, with_executor
from tinyflow_nb.cli.given import seconds_of
from tinyflow_nb.engine.executor import ChainExecutor
from tinyflow_nb.model.status import Status


def delete(
    run_ids: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids of runs that have ended.")],
    store: Store = "",
) -> None:
    """Forget runs that have ended, before their time is over."""

    async def act(executor: ChainExecutor) -> None:
        for run_id in run_ids:
            await executor.delete(run_id)
            out.print(Text(f"forgot {run_id}"))

    with_executor(store, act)


def cleanup(
    older: Annotated[str, typer.Option(help='Ended so long ago: seconds, or "12h", "7d".')],
    chain: Annotated[str, typer.Option(help="Only of this chain, name[@version].")] = "",
    status: Annotated[Status | None, typer.Option(help="Only of this status.", case_sensitive=False)] = None,
    store: Store = "",
) -> None:
    """Forget the runs that ended long ago. Each goes by itself once `retention` is over: 7 days."""

    async def act(executor: ChainExecutor) -> None:
        forgotten = await executor.cleanup(
            seconds_of(older, "--older") or 0.0, chain=chain, status=status or ""
        )
        out.print(Text("1 run was forgotten" if forgotten == 1 else f"{forgotten:,} runs were forgotten"))

    with_executor(store, act)
