"""What the commands share: options, the open executor, output, exit codes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from tinyflow_nb.engine.connect import connect, is_shared
from tinyflow_nb.engine.executor import ChainExecutor
from tinyflow_nb.errors import DefinitionError, NotTrusted, Problem, TinyflowError

T = TypeVar("T")

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

FAILED, MISUSED, SUSPENDED = 1, 2, 3
"""Exit codes besides 0: the chain failed; nothing was run; it waits for a person."""

Store = Annotated[
    str, typer.Option(help="Address of the store; by default your own file.", metavar="ADDRESS")
]
Scheduler = Annotated[
    str, typer.Option(help="Of a fleet: `redis` (the default), or rocketmq://host:port.", metavar="ADDRESS")
]
Execute = Annotated[
    bool, typer.Option("--execute", help="Execute a fleet's runs here, too; other stores' always are.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines, one document or one a line.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id.")]


def with_executor(
    store: str, action: Callable[[ChainExecutor], Awaitable[T]], *, scheduler: str = "",
    execute: bool = False,
) -> T:  # fmt: skip
    """Open the store, act, close; our own errors become one message and an exit code."""

    async def act() -> T:
        async with connect(store, scheduler=scheduler, execute=execute) as executor:
            return await action(executor)

    try:
        return asyncio.run(act())
    except DefinitionError as e:
        show_problems(e.name, list(e.problems))
        raise typer.Exit(MISUSED) from None
    except TinyflowError as e:
        err.print(Text(f"{type(e).__name__}: {e}", style="red"))
        if isinstance(e, NotTrusted) and e.diff:
            err.print(Text(e.diff))
        raise typer.Exit(FAILED if type(e).__name__.startswith("Chain") else MISUSED) from None


def executes(store: str, asked: bool) -> bool:
    """A fleet's runs are its workers' to execute, unless a person wants it otherwise."""
    return asked or not is_shared(store)


def say(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, default=str))


def show_problems(where: str, problems: list[Problem]) -> None:
    for p in problems:
        line = Text(f"{where}:{p.line}:{p.column}: ", style="bold")
        line.append(p.message, style="red" if p.severity == "error" else "yellow")
        err.print(line)
        if p.hint:
            err.print(Text(f"    {p.hint}", style="dim"))
