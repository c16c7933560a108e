"""`%tinyflow COMMAND ...`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinyflow_nb.model.trigger import node_of
from tinyflow_nb.trust import is_signer
from tinyflow_nb_magics.arguments import add_pair, did_you_mean, read_arguments
from tinyflow_nb_magics.called import Called
from tinyflow_nb_magics.chain_commands import CHAIN_COMMANDS
from tinyflow_nb_magics.chain_handle import ChainHandle, seconds_of
from tinyflow_nb_magics.connection import connection, examined
from tinyflow_nb_magics.help import (
    CHEAT_SHEET,
    COMMAND_FLAGS,
    COMMANDS,
    HELP,
    LONG_HELP,
    NOT_YET,
    command_help,
)
from tinyflow_nb_magics.inbox import inbox
from tinyflow_nb_magics.inputs import read_inputs, read_value
from tinyflow_nb_magics.magic_line import MagicError, Word
from tinyflow_nb_magics.metrics_view import MetricsView
from tinyflow_nb_magics.run_handle import RunHandle
from tinyflow_nb_magics.runs_board import runs_board
from tinyflow_nb_magics.session import get_session
from tinyflow_nb_magics.tables import Table
from tinyflow_nb_magics.trusting import trust_chain, trust_signer

if TYPE_CHECKING:
    pass

LISTED = 20


def run_command(shell: Any, line: str) -> Any:
    """What the command gives, for the cell to show.

    Raises:
        MagicError: the line is wrong.
        TinyflowError: what the command itself refuses.
    """
    name, _, rest = line.strip().partition(" ")
    if name in ("", "-h", "--help", "help"):
        print(CHEAT_SHEET)
        return None
    if name in NOT_YET:
        raise MagicError(f"%tinyflow {name} is not there yet")
    command = _COMMANDS.get(name)
    if command is None:
        hint = did_you_mean(name, COMMANDS) or "%tinyflow alone lists the commands"
        raise MagicError(f"%tinyflow has no command {name!r}; {hint}")
    flags = (*COMMAND_FLAGS.get(name, ()), HELP, LONG_HELP)
    arguments = read_arguments(rest, flags, f"%tinyflow {name}")
    if arguments.switches & {"-h", "--help"}:
        print(command_help(name))
        return None
    return command(Called(get_session(), shell.user_ns, name, arguments))


# ------------------------------------------------------------------ the commands


def _connect(called: Called) -> None:
    scheduler, execute = called.arguments.value("--scheduler"), "--execute" in called.arguments.switches
    if called.arguments.words:
        called.session.connect(called.word("an address"), scheduler, execute=execute)
    elif scheduler or execute:
        raise MagicError("%tinyflow connect needs an address: redis://host:6379/0 for a fleet")
    for line in connection(called.session):
        print(line)


def _doctor(called: Called) -> None:
    called.nothing()
    for finding in examined(called.session).findings:
        print(finding.told())


def _run(called: Called) -> Any:
    name = called.word("a chain: NAME, or NAME@3 for a published version")
    handle = called.handle(name)
    if handle is None:
        definition = called.published(name)
        reference = name if "@" in name else ""
        handle = ChainHandle(called.session, definition, reference=reference or name)
    inputs = read_inputs(handle.definition, called.arguments.pairs, called.variables)
    run = handle.start(inputs, deadline=seconds_of(called.arguments.value("--deadline") or None))
    if "--wait" in called.arguments.switches:
        return run.result()
    return run


def _attach(called: Called) -> RunHandle:
    run = called.run(called.word("a run's id"))
    called.session.call(called.session.executor.attach(run.id))
    definition = run.definition
    if definition.name not in called.variables:
        called.variables[definition.name] = ChainHandle(called.session, definition, newest=run)
    return run


def _runs(called: Called) -> Table:
    words = called.arguments.words
    chain = called.word("a name") if words else ""
    limit = called.arguments.value("-n") or str(LISTED)
    if not limit.isdecimal() or not int(limit):
        raise MagicError(f"-n takes a number from 1, not {limit!r}")
    status = _status(called.arguments.value("--status"))
    return runs_board(called.session, chain, status, int(limit))


def _status(text: str) -> str:
    from tinyflow_nb.model.status import Status

    known = [status.value for status in Status if status is not Status.SKIPPED]
    if text and text.upper() not in known:
        hint = did_you_mean(text.upper(), known) or f"one of {', '.join(known)}"
        raise MagicError(f"a run has no status {text!r}; {hint}")
    return text


def _waiting(called: Called) -> Table:
    called.nothing()
    return inbox(called.session)


def _metrics(called: Called) -> MetricsView:
    called.nothing()
    return MetricsView(called.session.call(called.session.executor.metrics()))


def _resume(called: Called) -> None:
    words = list(called.arguments.words)
    if not words or words[0].is_pair:
        raise MagicError(
            "%tinyflow resume needs a run's id, then the answer: %tinyflow resume ID approved=true"
        )
    run = called.run(called.text_of(words.pop(0)))
    waiting = run.state.waiting()
    unit = called.arguments.value("--node") or next(iter(waiting), "")
    form = waiting[unit].waiting_for if unit in waiting else None
    schema = (form or {}).get("schema") or {}
    answer = _answer(schema, words, called)
    run.resume(answer, node=called.arguments.value("--node"))
    print(f"Answered {unit or node_of(unit)} of run {run.id}.")


def _answer(schema: dict[str, Any], words: list[Word], called: Called) -> Any:
    """One value for a form of one value, else its fields."""
    pairs = dict(called.arguments.pairs)
    fields = schema.get("properties") if schema.get("type") == "object" else None
    if fields is None and len(words) == 1 and not pairs:
        word = words[0]
        return read_value(schema, Word(word.text, "answer", word.text, word.quoted), called.variables)
    for word in words:
        if not word.is_pair:
            names = ", ".join(f"{name}=..." for name in fields or ())
            raise MagicError(f"unexpected {word.text!r}; the form takes {names or 'one value'}")
        add_pair(pairs, word)
    if not pairs:
        return None
    rest = {key: value for key, value in schema.items() if key == "$defs"}
    known = fields or {}
    return {
        name: read_value({**known.get(name, {}), **rest}, word, called.variables)
        for name, word in pairs.items()
    }


def _stop(called: Called) -> None:
    run = called.run(called.word("a run's id"))
    run.stop()
    print(f"Run {run.id} is {run.status}.")


def _retry(called: Called) -> RunHandle:
    run = called.run(called.word("a run's id"))
    run.retry()
    return run


def _trust(called: Called) -> None:
    what = called.word("a chain's name, a run's id, or a signer's SHA256:... fingerprint")
    yes, name = "--yes" in called.arguments.switches, called.arguments.value("--name")
    if is_signer(what):
        print(trust_signer(called.session, what, name, yes=yes))
        return
    handle = called.handle(what)
    if handle is not None:
        what = handle.reference if "@#" not in handle.reference else handle.last.id
    print(trust_chain(called.session, what, yes=yes))


_COMMANDS: dict[str, Callable[[Called], Any]] = {
    "connect": _connect, "doctor": _doctor,
    "run": _run, "attach": _attach, "runs": _runs, "waiting": _waiting, "metrics": _metrics,
    "resume": _resume, "stop": _stop, "retry": _retry, "trust": _trust, **CHAIN_COMMANDS,
}  # fmt: skip
