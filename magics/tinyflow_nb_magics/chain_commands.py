"""`%tinyflow` commands about published chains."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinyflow_nb.engine.chain_card import card_of
from tinyflow_nb.engine.chain_tables import CHAINS_HEAD, HISTORY_HEAD, chain_row, history_rows
from tinyflow_nb_magics import notebook
from tinyflow_nb_magics.arguments import did_you_mean
from tinyflow_nb_magics.called import Called
from tinyflow_nb_magics.chain_handle import ChainHandle
from tinyflow_nb_magics.magic_line import MagicError
from tinyflow_nb_magics.published_chain import PublishedChain
from tinyflow_nb_magics.registry_picture import RegistryPicture
from tinyflow_nb_magics.run_handle import RunHandle
from tinyflow_nb_magics.tables import Table, moment


def _by() -> dict[str, str]:
    """Who does it, and from where."""
    return {"who": getpass.getuser(), "origin": notebook.path()}


def _chains(called: Called) -> Table | RegistryPicture:
    name = called.word("a name") if called.arguments.words else ""
    executor = called.session.executor
    if name:
        called.session.call(executor.registry.version(name))  # refuses an unknown one
    if "--graph" in called.arguments.switches:
        return RegistryPicture(called.session.call(executor.registry_index()), name)
    found = called.session.call(executor.chains(name.partition("@")[0] or None))
    rows = [chain_row(version, moment) for version in found]
    if not name:  # each is its name's current one
        rows = [(*row[:-1], row[-1].removeprefix("current").removeprefix("; ")) for row in rows]
    return Table(CHAINS_HEAD, rows, "No chain is published: %tinyflow publish NAME")


def _show(called: Called) -> RunHandle | ChainHandle:
    word = called.word("a run's id, or a chain: NAME, NAME@2 or NAME@label")
    handle = called.handle(word)
    if handle is not None:
        return handle
    executor = called.session.executor
    if "@" in word or called.session.call(executor.chains(word)):
        return PublishedChain(called.session, called.session.call(card_of(executor, word)), word)
    return called.run(word)


def _history(called: Called) -> Table:
    name = called.word("a published chain's name")
    executor = called.session.executor
    entries = called.session.call(executor.history(name))
    if not entries:
        called.session.call(executor.registry.version(name))  # says what is near
    return Table(HISTORY_HEAD, history_rows(entries, moment), f"{name} is not published.")


def _diff(called: Called) -> None:
    old, new = called.texts("two versions: NAME@1 NAME@2", "a second version: NAME@1 NAME@2")
    changed = called.session.call(called.session.executor.diff(old, new))
    print(changed.rstrip() or f"{old} and {new} are the same.")


def _publish(called: Called) -> None:
    name = called.word("the name of a cell's chain")
    handle = called.handle(name)
    if handle is None:
        known = [n for n in called.variables if called.handle(n)]
        hint = did_you_mean(name, known) or "run its %%tinyflow cell first, --no-run is enough"
        raise MagicError(f"this notebook has no chain {name!r}; {hint}")
    print(f"Published {handle.publish()}")


def _label(called: Called) -> None:
    ref, label = called.texts("a version and a label: NAME@2 prod", "a label: NAME@2 prod")
    executor = called.session.executor
    version = called.session.call(executor.registry.version(ref))
    called.session.call(executor.label(ref, label, **_by()))
    print(f"{version.name}@{label} is {version.ref}")


def _unlabel(called: Called) -> None:
    name, _, label = called.word("a label: NAME@prod").partition("@")
    if not label:
        raise MagicError(f"%tinyflow unlabel needs the label, too: {name}@prod")
    called.session.call(called.session.executor.unlabel(name, label, **_by()))
    print(f"{name} has no label {label} any more")


def _deprecate(called: Called) -> None:
    if "--undo" in called.arguments.switches:
        ref, reason = called.word("a version: NAME@2"), ""
    else:
        ref, reason = called.texts(
            'a version and why: NAME@2 "use NAME@3"', 'why: NAME@2 "use NAME@3"; --undo takes it back'
        )
    executor = called.session.executor
    version = called.session.call(executor.registry.version(ref))
    called.session.call(executor.deprecate(version.ref, reason, **_by()))
    print(f"{version.ref} is deprecated: {reason}" if reason else f"{version.ref} is not deprecated any more")


def _unpublish(called: Called) -> None:
    ref = called.word("a version: NAME@2")
    if "@" not in ref:
        raise MagicError(f"%tinyflow unpublish needs the version, too: {ref}@2")
    executor = called.session.executor
    version = called.session.call(executor.registry.version(ref))
    called.session.call(executor.unpublish(ref, **_by()))
    print(f"{version.ref} is deleted; its number is not used again")


def _export(called: Called) -> None:
    words = [called.text_of(word) for word in called.arguments.words]
    if len(words) < 2:
        raise MagicError("%tinyflow export needs chains and a file: %tinyflow export NAME NAME@2 chains.json")
    *refs, file = words
    text = called.session.call(called.session.executor.export_chains(*refs))
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise MagicError(f"%tinyflow export: {error}") from None
    print(f"Wrote {', '.join(refs)} and all they call to {file}")


def _import(called: Called) -> None:
    file = called.word("a file that %tinyflow export wrote")
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise MagicError(f"%tinyflow import: {error}") from None
    here = called.session.call(called.session.executor.import_chains(text, **_by()))
    print(f"Imported {', '.join(here)}; %tinyflow trust NAME says whose they are")


CHAIN_COMMANDS: dict[str, Callable[[Called], Any]] = {
    "chains": _chains, "show": _show, "history": _history, "diff": _diff, "publish": _publish,
    "label": _label, "unlabel": _unlabel, "deprecate": _deprecate, "unpublish": _unpublish,
    "export": _export, "import": _import,
}  # fmt: skip
