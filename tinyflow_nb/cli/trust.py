"""`tinyflow-nb trust`: who signs here, and whose chains are executed."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from tinyflow_nb.cli.common import MISUSED, AsJson, Store, err, out, say, with_executor
from tinyflow_nb.cli.tree import columns
from tinyflow_nb.engine.executor import ChainExecutor
from tinyflow_nb.errors import TinyflowError
from tinyflow_nb.trust import UserTrust, is_signer

trust = typer.Typer(help="Who signs here, and whose chains are executed.", no_args_is_help=True)

NOT_TRUSTED = 1
"""Exit code of `show`."""

What = Annotated[str, typer.Argument(metavar="NAME[@N]|RUN", help="A published chain, or a run's id.")]
Name = Annotated[str, typer.Option(help="What you call the signer.")]


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except TinyflowError as e:
        err.print(Text(f"{type(e).__name__}: {e}", style="red"))
        raise typer.Exit(MISUSED) from None


@trust.command("list")
def list_(as_json: AsJson = False) -> None:
    """Your own key, the signers you trust, and those you revoked."""
    with _told():
        signers = UserTrust().signers()
    if as_json:
        say([s._asdict() for s in signers])
        return
    if not signers:
        out.print("Nobody yet: your own key is made when you first submit a chain.")
        return
    rows = [
        ("name", "", "fingerprint", "from"),
        *((s.name, s.state, s.fingerprint, s.source) for s in signers),
    ]
    out.print(columns(rows))


@trust.command()
def show(what: What, store: Store = "") -> None:
    """A chain's author, nodes, and source, or what changed since the version you trust; runs nothing.

    Exit code 1: it is not trusted here.
    """

    async def act(executor: ChainExecutor) -> bool:
        review = await executor.review(what)
        out.print(Text(review.told()))
        return not review.reason

    raise typer.Exit(0 if with_executor(store, act) else NOT_TRUSTED)


@trust.command()
def add(
    what: Annotated[
        str,
        typer.Argument(
            metavar="KEY|FINGERPRINT|NAME[@N]|RUN",
            help="A signer; or a published chain or run, which is shown, then signed with your own key.",
        ),
    ],
    name: Name = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: Store = "",
) -> None:
    """Trust a signer, or one chain as it is now."""
    if is_signer(what):
        _confirm(f"Execute here whatever {what} signs?", yes=yes)
        with _told():
            signer = UserTrust().add(what, name)
        out.print(Text(f"Trusted: {signer.name or 'no name'} {signer.fingerprint}"))
        return

    async def act(executor: ChainExecutor) -> None:
        review = await executor.review(what)
        out.print(Text(review.told()))
        if review.reason:
            _confirm("Sign exactly this with your own key?", yes=yes)
            await executor.vouch(review)
            out.print(Text(f"Signed: {review.definition.short_ref}"))

    with_executor(store, act)


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        err.print(Text("Nothing was trusted: add --yes once you have read it.", style="red"))
        raise typer.Exit(MISUSED)
    if not typer.confirm(question):
        raise typer.Exit(MISUSED)


@trust.command()
def revoke(
    who: Annotated[
        str, typer.Argument(metavar="KEY|FINGERPRINT|NAME", help="A signer, or its name in `list`.")
    ],
    name: Name = "",
) -> None:
    """Execute nothing more that a signer signed, not even if it is your own key; for good."""
    with _told():
        signer = UserTrust().revoke(who, name)
    out.print(Text(f"Revoked: {signer.name or 'no name'} {signer.fingerprint}"))


@trust.command()
def key(
    new: Annotated[bool, typer.Option("--new", help="Make another; the old one stays trusted here.")] = False,
    as_json: AsJson = False,
) -> None:
    """Your public key: the line that others add to trust you."""
    with _told():
        mine = UserTrust()
        if new:
            mine.renew_key()
        line, fingerprint = mine.own_line(), mine.own_fingerprint()
    if as_json:
        say({"key": line, "fingerprint": fingerprint, "author": mine.author})
        return
    typer.echo(line)
    typer.echo(fingerprint)
