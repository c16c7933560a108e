"""`tinyflow-nb`: its commands. What they show is in `tree`, what they read in `given`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from tinyflow_nb.cli.doctor import doctor
from tinyflow_nb.cli.given import answer_of, ask_form, chain_of, inputs_of, seconds_of
from tinyflow_nb.cli.services import services
from tinyflow_nb.cli.tree import RunTree, columns, open_forms, since, told_error
from tinyflow_nb.cli.worker import worker
from tinyflow_nb.engine.connect import connect
from tinyflow_nb.engine.executor import ChainExecutor
from tinyflow_nb.errors import (
    ChainSuspended,
    DefinitionError,
    Problem,
    ResumeError,
    TinyflowError,
    UnknownChain,
)
from tinyflow_nb.language import parse
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.status import Status

T = TypeVar("T")

app = typer.Typer(
    help="Durable LLM chains: run, check, watch and answer them without Jupyter.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(services, name="services")
app.command()(worker)
app.command()(doctor)
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

FAILED, MISUSED, SUSPENDED = 1, 2, 3
"""Exit codes besides 0: the chain failed; nothing was run; it waits for a person."""

Store = Annotated[
    str, typer.Option(help="Address of the store; by default your own file.", metavar="ADDRESS")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for machines, one document or one a line.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id.")]


def _with_executor(store: str, action: Callable[[ChainExecutor], Awaitable[T]], *, execute: bool) -> T:
    """Open the store, act, close; our own errors become one message and an exit code."""

    async def act() -> T:
        async with connect(store, execute=execute) as executor:
            return await action(executor)

    try:
        return asyncio.run(act())
    except DefinitionError as e:
        _show_problems(e.name, list(e.problems))
        raise typer.Exit(MISUSED) from None
    except TinyflowError as e:
        err.print(Text(f"{type(e).__name__}: {e}", style="red"))
        raise typer.Exit(FAILED if type(e).__name__.startswith("Chain") else MISUSED) from None


def _say(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, default=str))


@app.command()
def run(
    chain: Annotated[
        str, typer.Argument(metavar="FILE|NAME", help="A chain's Python file, or name[@version].")
    ],
    given: Annotated[list[str], typer.Option("--input", "-i", help="name=value, or name=@file.json")] = [],  # noqa: B006
    deadline: Annotated[str, typer.Option(help='What the run may take in all: seconds, or "3m".')] = "",
    store: Store = "",
    as_json: AsJson = False,
) -> None:
    """Run a chain and show it live.

    With --json each event is a line, and the last line is the result. Exit code 1: the chain failed,
    2: nothing was run, 3: it waits for an answer (`tinyflow-nb resume`).
    """

    async def act(executor: ChainExecutor) -> int:
        what = chain_of(chain)
        definition = await executor.definition(what)
        inputs = inputs_of(definition, given)
        run_id = await executor.execute_async(what, inputs, deadline=seconds_of(deadline))
        return await _follow(executor, definition, run_id, as_json)

    raise typer.Exit(_with_executor(store, act, execute=True))


@app.command()
def attach(run_id: RunId, store: Store = "", as_json: AsJson = False) -> None:
    """Go on with a run here, from where its process left it."""

    async def act(executor: ChainExecutor) -> int:
        state = await executor.state(run_id)
        definition = await executor.registry.get(state.definition_hash)
        await executor.attach(run_id)
        return await _follow(executor, definition, run_id, as_json)

    raise typer.Exit(_with_executor(store, act, execute=True))


async def _follow(executor: ChainExecutor, definition: ChainDefinition, run_id: str, as_json: bool) -> int:
    """Show the run until it ends, or until only people are awaited and nobody sits here."""
    asks = sys.stdin.isatty() and not as_json
    tree = RunTree(definition, run_id, None if as_json else out)
    with tree:
        async for event in executor.events(run_id):
            if as_json:
                _say(event.to_dict())
            tree.apply(event)
            if event.type is EventType.CHAIN_SUSPENDED:
                state = await executor.state(run_id)
                if not state.waiting():
                    continue  # it was answered since
                if not asks:
                    break
                with tree.paused():
                    for unit, node in state.waiting().items():
                        await _ask(executor, run_id, unit, node.waiting_for or {})
    try:
        result = await executor.wait(run_id, people=False)
    except ChainSuspended as e:
        if as_json:
            _say({"run": run_id, "status": "SUSPENDED", "forms": e.forms})
        else:
            out.print(open_forms(run_id, e.forms))
        return SUSPENDED
    if as_json:
        _say({"run": run_id, "status": "SUCCEEDED", "result": result})
    else:
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, indent=2)
        out.print(Text(text, style="bold"))
    return 0


async def _ask(executor: ChainExecutor, run_id: str, unit: str, form: dict[str, Any]) -> None:
    while True:
        answer = await asyncio.to_thread(ask_form, out, unit, form)
        try:
            await executor.resume_async(run_id, answer, node=unit)
            return
        except ResumeError as e:
            out.print(Text(str(e), style="red"))


@app.command()
def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A chain's Python file.")],
    as_json: AsJson = False,
) -> None:
    """Look for mistakes without running a node. Exit code 1 if there are any."""
    warnings: list[Problem] = []
    problems: list[Problem] = []
    definition = None
    try:
        definition = parse(file.read_text(), file.stem, warnings=warnings)
    except DefinitionError as e:
        problems = list(e.problems)
    if as_json:
        fields = ("line", "column", "severity", "message", "hint")
        _say([{f: getattr(p, f) for f in fields} for p in (*problems, *warnings)])
    else:
        _show_problems(str(file), [*problems, *warnings])
        if not problems and definition is not None:
            nodes = len(definition.nodes)
            out.print(Text(f"{file}: {nodes} node{'s' * (nodes != 1)}, no mistakes (#{definition.hash[:8]})"))
    raise typer.Exit(FAILED if problems else 0)


def _show_problems(where: str, problems: list[Problem]) -> None:
    for p in problems:
        line = Text(f"{where}:{p.line}:{p.column}: ", style="bold")
        line.append(p.message, style="red" if p.severity == "error" else "yellow")
        err.print(line)
        if p.hint:
            err.print(Text(f"    {p.hint}", style="dim"))


@app.command()
def show(run_id: RunId, store: Store = "", as_json: AsJson = False) -> None:
    """One run: its nodes, errors, open forms and result."""

    async def act(executor: ChainExecutor) -> None:
        state = await executor.state(run_id)
        if as_json:
            _say(state.to_dict())
            return
        definition = await executor.registry.get(state.definition_hash)
        tree = RunTree(definition, run_id, None)
        for event in await executor.recorded(run_id):
            tree.apply(event)
        out.print(tree.render())
        if state.error is not None:
            out.print(told_error(state.error))
        if waits := state.waiting():
            out.print(open_forms(run_id, {unit: n.waiting_for or {} for unit, n in waits.items()}))
        if state.result is not None:
            out.print_json(data=state.result)

    _with_executor(store, act, execute=False)


@app.command()
def runs(
    chain: Annotated[str, typer.Option(help="Only of this chain, name[@version].")] = "",
    status: Annotated[Status | None, typer.Option(help="Only of this status.", case_sensitive=False)] = None,
    limit: Annotated[int, typer.Option(min=1)] = 20,
    store: Store = "",
    as_json: AsJson = False,
) -> None:
    """The newest runs."""

    async def act(executor: ChainExecutor) -> None:
        page = await executor.runs(chain=chain, status=status or "", limit=limit)
        if as_json:
            for summary in page.runs:
                _say({f: getattr(summary, f) for f in summary.__slots__})
            return
        rows = [("run", "chain", "status", "started", "took", "")]
        for s in page.runs:
            took = since(s.created_at, s.finished_at) if s.finished_at else ""
            note = (
                "orphaned: attach to continue"
                if s.orphaned
                else "waits for an answer"
                if s.waiting
                else s.error.partition("\n")[0][:60]
            )
            rows.append((s.id, s.chain, s.status, f"{since(s.created_at, None)} ago", took, note))
        out.print(columns(rows))

    _with_executor(store, act, execute=False)


@app.command()
def waiting(store: Store = "", as_json: AsJson = False) -> None:
    """Every form that waits for an answer."""

    async def act(executor: ChainExecutor) -> None:
        for state, node in await executor.waiting():
            form = node.waiting_for or {}
            if as_json:
                _say({"run": state.id, "chain": state.chain, "node": node.id, "form": form})
            else:
                out.print(
                    Text(f"{state.id}  {state.chain}  {node.id}: ", style="bold") + Text(form["message"])
                )

    _with_executor(store, act, execute=False)


@app.command()
def resume(
    run_id: RunId,
    answer: Annotated[list[str] | None, typer.Argument(help="field=value ..., or one value.")] = None,
    node: Annotated[str, typer.Option(help="Which node, if several wait.")] = "",
    store: Store = "",
    as_json: AsJson = False,
) -> None:
    """Answer a waiting node and go on with the run here."""

    async def act(executor: ChainExecutor) -> int:
        state = await executor.state(run_id)
        await executor.resume_async(
            run_id, answer_of(state, node, answer or []), node=node, who="command line"
        )
        definition = await executor.registry.get(state.definition_hash)
        return await _follow(executor, definition, run_id, as_json)

    raise typer.Exit(_with_executor(store, act, execute=True))


@app.command()
def stop(run_id: RunId, store: Store = "") -> None:
    """Cancel a run."""

    async def act(executor: ChainExecutor) -> None:
        await executor.stop(run_id)
        out.print(Text(f"{run_id} is {(await executor.state(run_id)).status}"))

    _with_executor(store, act, execute=False)


@app.command()
def retry(run_id: RunId, store: Store = "", as_json: AsJson = False) -> None:
    """Take up a failed or stopped run again; what succeeded stays."""

    async def act(executor: ChainExecutor) -> int:
        await executor.retry(run_id)
        state = await executor.state(run_id)
        definition = await executor.registry.get(state.definition_hash)
        return await _follow(executor, definition, run_id, as_json)

    raise typer.Exit(_with_executor(store, act, execute=True))


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A chain's Python file.")],
    store: Store = "",
) -> None:
    """Make a chain the current version of its name."""

    async def act(executor: ChainExecutor) -> None:
        definition = await executor.definition(chain_of(str(file)))
        out.print(Text(await executor.publish(definition)))

    _with_executor(store, act, execute=False)


@app.command()
def chains(
    name: Annotated[str, typer.Argument(help="Every version of this one.")] = "",
    store: Store = "",
    as_json: AsJson = False,
) -> None:
    """The published chains, or the versions of one."""

    async def act(executor: ChainExecutor) -> None:
        found = await executor.chains(name or None)
        if name and not found:
            raise UnknownChain(f"no chain {name!r} is published here; `chains` lists those there are")
        for p in found:
            if as_json:
                _say(p._asdict())
            else:
                mark = " (current)" if name and p.current else ""
                out.print(Text(f"{p.name}@{p.version}  #{p.hash[:8]}  {since(p.at, None)} ago{mark}"))

    _with_executor(store, act, execute=False)
