"""`tinyflow-nb`: its commands. What they show is in `tree`, what they read in `given`."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from tinyflow_nb.cli.chains import chains
from tinyflow_nb.cli.cleanup import cleanup, delete
from tinyflow_nb.cli.common import (
    FAILED,
    SUSPENDED,
    AsJson,
    Execute,
    RunId,
    Scheduler,
    Store,
    err,
    executes,
    out,
    say,
    show_problems,
    with_executor,
)
from tinyflow_nb.cli.dead import dead
from tinyflow_nb.cli.doctor import doctor
from tinyflow_nb.cli.given import answer_of, ask_form, chain_of, inputs_of, seconds_of
from tinyflow_nb.cli.monitor import monitor
from tinyflow_nb.cli.services import services
from tinyflow_nb.cli.tree import RunTree, columns, open_forms, since, told_error
from tinyflow_nb.cli.trust import trust
from tinyflow_nb.cli.worker import worker
from tinyflow_nb.engine.executor import ChainExecutor
from tinyflow_nb.errors import (
    ChainSuspended,
    DefinitionError,
    Problem,
    ResumeError,
    SettingsError,
    StoreError,
)
from tinyflow_nb.language import parse
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.status import Status

app = typer.Typer(
    help="Durable LLM chains: run, check, watch and answer them without Jupyter.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(services, name="services")
app.add_typer(trust, name="trust")
app.add_typer(chains, name="chains")
app.command()(worker)
app.command()(doctor)
app.command()(monitor)
app.command()(delete)
app.command()(cleanup)
app.command()(dead)

WHY_SECONDS = 3.0
"""Between looks at whether a run waits for a worker."""


@app.command()
def run(
    chain: Annotated[
        str, typer.Argument(metavar="FILE|NAME", help="A chain's Python file, or name[@version].")
    ],
    given: Annotated[list[str], typer.Option("--input", "-i", help="name=value, or name=@file.json")] = [],  # noqa: B006
    deadline: Annotated[str, typer.Option(help='What the run may take in all: seconds, or "3m".')] = "",
    detach: Annotated[
        bool, typer.Option("--detach", help="Print the run's id and leave the run to the fleet.")
    ] = False,
    execute: Execute = False,
    scheduler: Scheduler = "",
    store: Store = "",
    as_json: AsJson = False,
) -> None:
    """Run a chain and show it live; on a fleet its workers execute it.

    With --json each event is a line, and the last line is the result. Exit code 1: the chain failed,
    2: nothing was run, 3: it waits for an answer (`tinyflow-nb resume`).
    """

    here = executes(store, execute)

    async def act(executor: ChainExecutor) -> int:
        if here and detach:
            raise SettingsError("--detach leaves the run to the workers of a fleet: --store redis://...")
        what = chain_of(chain)
        definition = await executor.definition(what)
        inputs = inputs_of(definition, given)
        run_id = await executor.execute_async(what, inputs, deadline=seconds_of(deadline))
        if detach:
            say({"run": run_id}) if as_json else out.print(Text(run_id))
            return 0
        return await _follow(executor, definition, run_id, as_json)

    raise typer.Exit(with_executor(store, act, scheduler=scheduler, execute=here))


@app.command()
def attach(
    run_id: RunId, execute: Execute = False, scheduler: Scheduler = "", store: Store = "",
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Show a run from its start and follow it; go on with it here, if its process left it."""

    async def act(executor: ChainExecutor) -> int:
        state = await executor.state(run_id)
        definition = await executor.registry.get(state.definition_hash)
        await executor.attach(run_id)
        return await _follow(executor, definition, run_id, as_json)

    here = executes(store, execute)
    raise typer.Exit(with_executor(store, act, scheduler=scheduler, execute=here))


async def _follow(executor: ChainExecutor, definition: ChainDefinition, run_id: str, as_json: bool) -> int:
    """Show the run until it ends, or until only people are awaited and nobody sits here."""
    try:
        return await _shown(executor, definition, run_id, as_json)
    except asyncio.CancelledError:  # an interrupt ends the showing, not the run
        err.print(Text(f"{run_id} has not ended: tinyflow-nb attach {run_id} follows it again"))
        raise


async def _shown(executor: ChainExecutor, definition: ChainDefinition, run_id: str, as_json: bool) -> int:
    asks = sys.stdin.isatty() and not as_json
    tree = RunTree(definition, run_id, None if as_json else out)
    asking = asyncio.create_task(_say_why_it_waits(executor, run_id, tree))
    with tree, ExitStack() as stack:
        stack.callback(asking.cancel)
        async for event in executor.events(run_id):
            if as_json:
                say(event.to_dict())
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
            say({"run": run_id, "status": "SUSPENDED", "forms": e.forms})
        else:
            out.print(open_forms(run_id, e.forms))
        return SUSPENDED
    if as_json:
        say({"run": run_id, "status": "SUCCEEDED", "result": result})
    else:
        text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, indent=2)
        out.print(Text(text, style="bold"))
    return 0


async def _say_why_it_waits(executor: ChainExecutor, run_id: str, tree: RunTree) -> None:
    """Of a fleet's run that no worker takes (SEMANTICS 23)."""
    while True:
        await asyncio.sleep(WHY_SECONDS)
        try:
            tree.waits((await executor.state(run_id)).stalled())
        except StoreError:
            return  # who follows the run is told


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
        say([{f: getattr(p, f) for f in fields} for p in (*problems, *warnings)])
    else:
        show_problems(str(file), [*problems, *warnings])
        if not problems and definition is not None:
            nodes = len(definition.nodes)
            out.print(Text(f"{file}: {nodes} node{'s' * (nodes != 1)}, no mistakes (#{definition.hash[:8]})"))
    raise typer.Exit(FAILED if problems else 0)


@app.command()
def show(run_id: RunId, store: Store = "", as_json: AsJson = False) -> None:
    """One run: its nodes, errors, open forms and result."""

    async def act(executor: ChainExecutor) -> None:
        state = await executor.state(run_id)
        if as_json:
            say(state.to_dict())
            return
        definition = await executor.registry.get(state.definition_hash)
        tree = RunTree(definition, run_id, None)
        for event in await executor.recorded(run_id):
            tree.apply(event)
        tree.waits(state.stalled())
        out.print(tree.render())
        if state.error is not None:
            out.print(told_error(state.error))
        if waits := state.waiting():
            out.print(open_forms(run_id, {unit: n.waiting_for or {} for unit, n in waits.items()}))
        if state.result is not None:
            out.print_json(data=state.result)

    with_executor(store, act)


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
                say({f: getattr(summary, f) for f in summary.__slots__})
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

    with_executor(store, act)


@app.command()
def waiting(store: Store = "", as_json: AsJson = False) -> None:
    """Every form that waits for an answer."""

    async def act(executor: ChainExecutor) -> None:
        for state, node in await executor.waiting():
            form = node.waiting_for or {}
            if as_json:
                say({"run": state.id, "chain": state.chain, "node": node.id, "form": form})
            else:
                out.print(
                    Text(f"{state.id}  {state.chain}  {node.id}: ", style="bold") + Text(form["message"])
                )

    with_executor(store, act)


@app.command()
def resume(
    run_id: RunId,
    answer: Annotated[list[str] | None, typer.Argument(help="field=value ..., or one value.")] = None,
    node: Annotated[str, typer.Option(help="Which node, if several wait.")] = "",
    execute: Execute = False,
    scheduler: Scheduler = "",
    store: Store = "",
    as_json: AsJson = False,
) -> None:
    """Answer a waiting node and follow the run; on a fleet its workers go on with it."""

    async def act(executor: ChainExecutor) -> int:
        state = await executor.state(run_id)
        await executor.resume_async(
            run_id, answer_of(state, node, answer or []), node=node, who="command line"
        )
        definition = await executor.registry.get(state.definition_hash)
        return await _follow(executor, definition, run_id, as_json)

    here = executes(store, execute)
    raise typer.Exit(with_executor(store, act, scheduler=scheduler, execute=here))


@app.command()
def stop(run_id: RunId, store: Store = "") -> None:
    """Cancel a run."""

    async def act(executor: ChainExecutor) -> None:
        await executor.stop(run_id)
        out.print(Text(f"{run_id} is {(await executor.state(run_id)).status}"))

    with_executor(store, act)


@app.command()
def retry(
    run_id: RunId, execute: Execute = False, scheduler: Scheduler = "", store: Store = "",
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Take up a failed or stopped run again; what succeeded stays."""

    async def act(executor: ChainExecutor) -> int:
        await executor.retry(run_id)
        state = await executor.state(run_id)
        definition = await executor.registry.get(state.definition_hash)
        return await _follow(executor, definition, run_id, as_json)

    here = executes(store, execute)
    raise typer.Exit(with_executor(store, act, scheduler=scheduler, execute=here))


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A chain's Python file.")],
    store: Store = "",
) -> None:
    """Make a chain the current version of its name."""

    async def act(executor: ChainExecutor) -> None:
        definition = await executor.definition(chain_of(str(file)))
        out.print(Text(await executor.publish(definition, who=getpass.getuser(), origin=str(file.resolve()))))

    with_executor(store, act)
