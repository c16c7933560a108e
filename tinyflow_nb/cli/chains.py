"""`tinyflow-nb chains`: the published chains, their labels and histories, moving them between stores."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from tinyflow_nb.cli.common import AsJson, Store, out, say, with_executor
from tinyflow_nb.cli.tree import columns, since
from tinyflow_nb.engine.chain_card import card_of
from tinyflow_nb.engine.chain_tables import CHAINS_HEAD, HISTORY_HEAD, chain_row, history_rows
from tinyflow_nb.engine.executor import ChainExecutor
from tinyflow_nb.errors import InvalidOperation, SettingsError


class _ListsByDefault(TyperGroup):
    """`chains` and `chains NAME` are `chains list` and `chains list NAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


chains = typer.Typer(cls=_ListsByDefault, help="The published chains; alone it lists them.")

Name = Annotated[str, typer.Argument(metavar="NAME")]
Ref = Annotated[str, typer.Argument(metavar="NAME[@N|@LABEL]", help="A published chain, or a version of it.")]


def _ago(at: float) -> str:
    return f"{since(at, None)} ago"


@chains.command("list")
def list_(
    name: Annotated[str, typer.Argument(help="Every version of this one.")] = "",
    store: Store = "",
    as_json: AsJson = False,
) -> None:
    """The published chains, or the versions of one."""

    async def act(executor: ChainExecutor) -> None:
        found = await executor.chains(name or None)
        if name and not found:
            await executor.registry.version(name)  # says what is near
        if as_json:
            for version in found:
                say(version._asdict())
        elif found:
            rows = [
                chain_row(version if name else version._replace(current=False), _ago) for version in found
            ]
            out.print(columns([CHAINS_HEAD, *rows]))

    with_executor(store, act)


@chains.command()
def show(ref: Ref, store: Store = "", as_json: AsJson = False) -> None:
    """One version: its facts, who uses it, and its source; executes nothing."""

    async def act(executor: ChainExecutor) -> None:
        card = await card_of(executor, ref)
        if as_json:
            definition = card.definition.model_dump(mode="json")
            versions = [version._asdict() for version in card.versions]
            say({**card.version._asdict(), "versions": versions, "callers": card.callers,
                 "definition": definition})  # fmt: skip
            return
        out.print(columns(card.facts(_ago)))
        out.print(Text("\n" + card.definition.source.strip("\n")))

    with_executor(store, act)


@chains.command()
def history(name: Name, store: Store = "", as_json: AsJson = False) -> None:
    """What happened to a name: who published, moved and withdrew what, and when."""

    async def act(executor: ChainExecutor) -> None:
        entries = await executor.history(name)
        if not entries:
            await executor.registry.version(name)
        if as_json:
            for entry in entries:
                say(entry._asdict())
        else:
            out.print(columns([HISTORY_HEAD, *history_rows(entries, _ago)]))

    with_executor(store, act)


@chains.command()
def diff(old: Ref, new: Ref, store: Store = "") -> None:
    """What changed from one version to another, in the graph and in the source."""

    async def act(executor: ChainExecutor) -> None:
        out.print(Text((await executor.diff(old, new)).rstrip() or f"{old} and {new} are the same"))

    with_executor(store, act)


@chains.command()
def callers(ref: Ref, store: Store = "", as_json: AsJson = False) -> None:
    """The published versions that refer to a chain: whom a change of it reaches."""

    async def act(executor: ChainExecutor) -> None:
        found = await executor.callers(ref)
        if as_json:
            say(found)
        else:
            out.print(Text("\n".join(found) or f"no published chain refers to {ref}"))

    with_executor(store, act)


@chains.command()
def label(ref: Ref, label: Annotated[str, typer.Argument(metavar="LABEL")], store: Store = "") -> None:
    """Have NAME@LABEL mean the version that is named."""

    async def act(executor: ChainExecutor) -> None:
        version = await executor.registry.version(ref)
        await executor.label(ref, label, who=getpass.getuser())
        out.print(Text(f"{version.name}@{label} is {version.ref}"))

    with_executor(store, act)


@chains.command()
def unlabel(ref: Annotated[str, typer.Argument(metavar="NAME@LABEL")], store: Store = "") -> None:
    """Take a label away."""

    async def act(executor: ChainExecutor) -> None:
        name, _, text = ref.partition("@")
        if not text:
            raise InvalidOperation(f"name the label, too: {name}@prod")
        await executor.unlabel(name, text, who=getpass.getuser())
        out.print(Text(f"{name} has no label {text} any more"))

    with_executor(store, act)


@chains.command()
def deprecate(
    ref: Ref,
    why: Annotated[str, typer.Argument(help="What those who use it are told.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="It is not deprecated any more.")] = False,
    store: Store = "",
) -> None:
    """Warn who uses a version."""

    async def act(executor: ChainExecutor) -> None:
        if undo == bool(why):
            raise InvalidOperation("say why, or --undo")
        version = await executor.registry.version(ref)
        await executor.deprecate(version.ref, why, who=getpass.getuser())
        out.print(
            Text(
                f"{version.ref} is deprecated: {why}" if why else f"{version.ref} is not deprecated any more"
            )
        )

    with_executor(store, act)


@chains.command()
def unpublish(ref: Annotated[str, typer.Argument(metavar="NAME@N")], store: Store = "") -> None:
    """Delete a version that nobody uses; its number is not used again."""

    async def act(executor: ChainExecutor) -> None:
        if "@" not in ref:
            raise InvalidOperation(f"name the version, too: {ref}@2")
        version = await executor.registry.version(ref)
        await executor.unpublish(ref, who=getpass.getuser())
        out.print(Text(f"{version.ref} is deleted"))

    with_executor(store, act)


@chains.command()
def export(
    refs: Annotated[list[str], typer.Argument(metavar="NAME[@N] ...", help="What is wanted.")],
    file: Annotated[Path, typer.Argument(help="Where to write it; - is the standard output.")],
    store: Store = "",
) -> None:
    """Chains with all they call, and their signatures, as one JSON document."""

    async def act(executor: ChainExecutor) -> None:
        text = await executor.export_chains(*refs)
        if file == Path("-"):
            typer.echo(text)
            return
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"{file} can't be written: {error}") from None
        out.print(Text(f"Wrote {', '.join(refs)} and all they call to {file}"))

    with_executor(store, act)


@chains.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What `export` wrote.")],
    store: Store = "",
) -> None:
    """Publish what was exported elsewhere, all of it or nothing. It trusts nobody."""

    async def act(executor: ChainExecutor) -> None:
        try:
            text = file.read_text(encoding="utf-8")
        except ValueError as error:
            raise SettingsError(f"{file} is no text: {error}") from None
        here = await executor.import_chains(text, who=getpass.getuser(), origin=str(file.resolve()))
        out.print(Text("\n".join(here)))

    with_executor(store, act)
