"""`tinyflow-nb doctor`: what is reachable, what lags, what is missing, and what to do."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from tinyflow_nb.doctor import Finding, examine

out = Console(soft_wrap=True)

STYLES = {"ok": "green", "warning": "yellow", "error": "red"}


def doctor(
    store: Annotated[str, typer.Option(help="By default the settings' store.", metavar="ADDRESS")] = "",
    scheduler: Annotated[
        str, typer.Option(help="By default the settings', else the store's own.", metavar="ADDRESS")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document for machines.")] = False,
) -> None:
    """Look at everything a chain depends on, and say how to mend what is wrong; changes no run.

    Exit code 0: all is well, 1: there are warnings, 2: there are errors.
    """
    report = asyncio.run(examine(store, scheduler))
    if as_json:
        typer.echo(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        for finding in report.findings:
            out.print(_line(finding))
    raise typer.Exit(report.exit_code)


def _line(finding: Finding) -> Text:
    line = Text(finding.told())
    line.stylize(f"bold {STYLES[finding.level]}", 0, 1)
    return line
