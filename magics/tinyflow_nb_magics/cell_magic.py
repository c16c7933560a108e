"""`%%tinyflow NAME ...`: the cell becomes a chain, its name a handle, and it runs."""

from __future__ import annotations

import builtins
import keyword
from typing import TYPE_CHECKING, Any

from tinyflow_nb.errors import DefinitionError, Problem, UnknownRun
from tinyflow_nb_magics.arguments import Arguments, no_more_words, read_arguments
from tinyflow_nb_magics.cell_errors import CellDefinitionError, told
from tinyflow_nb_magics.chain_handle import ChainHandle, seconds_of
from tinyflow_nb_magics.display import publish, run_view, show_run
from tinyflow_nb_magics.help import CELL_FLAGS, CELL_HELP
from tinyflow_nb_magics.inputs import read_bindings, read_inputs
from tinyflow_nb_magics.magic_line import MagicError
from tinyflow_nb_magics.session import CellRun, Session, get_session

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition


def run_cell(shell: Any, line: str, body: str) -> Any:
    """The result with `--wait`, else None.

    Raises:
        MagicError: the line is wrong.
        CellDefinitionError: the body is, every mistake at its line.
        InputError: an input is unknown or of the wrong type.
    """
    arguments = read_arguments(line, CELL_FLAGS, "%%tinyflow")
    if arguments.switches & {"-h", "--help"}:
        print(CELL_HELP)
        return None
    name, before = _name(arguments, shell.user_ns)
    bindings = read_bindings(arguments.values.get("--bind", []), shell.user_ns)
    # The magic's own line stays as an empty one: lines count as the reader sees them in the cell.
    definition = _parse("\n" + body, name, bindings)
    session = get_session()
    newest = before.last if before is not None and before.has_run else None
    handle = ChainHandle(session, definition, bindings=bindings, newest=newest)
    _check_calls(handle, "\n" + body)
    inputs = read_inputs(definition, arguments.pairs, shell.user_ns)
    missing = _missing(definition, inputs)
    if "--publish" in arguments.switches:
        print(f"Published {handle.publish()}")
    shell.user_ns[name] = handle
    if "--no-run" in arguments.switches:
        publish(handle._repr_mimebundle_())
        return None
    _stop_earlier(session, name, keep="--keep" in arguments.switches)
    starter = _Starter(session, handle, arguments)
    if missing:
        _ask(starter, missing, inputs)
        return None
    run_id = starter.start(inputs)
    show_run(session, run_id, from_start=True)
    return handle.last.result() if "--wait" in arguments.switches else None


def _name(arguments: Arguments, variables: dict[str, Any]) -> tuple[str, ChainHandle | None]:
    """The chain's name, and the handle it is bound to, if to any."""
    if not arguments.words:
        raise MagicError("%%tinyflow needs the chain's name: %%tinyflow NAME -i question=...")
    first, *rest = arguments.words
    no_more_words(rest, "%%tinyflow")
    name = first.text
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name):
        raise MagicError(f"{name!r} can't be a chain's name: letters, digits and _ make one")
    bound = variables.get(name)
    if name in variables and not isinstance(bound, ChainHandle):
        kind = type(bound).__name__
        raise MagicError(
            f"{name} is bound to a {kind} in this notebook: choose another name, or `del {name}`"
        )
    if hasattr(builtins, name):
        raise MagicError(f"{name} is a builtin of Python: choose another name")
    return name, bound


def _parse(body: str, name: str, bindings: dict[str, Any]) -> ChainDefinition:
    from tinyflow_nb.language import parse

    warnings: list[Problem] = []
    try:
        definition = parse(body, name, bindings=bindings, warnings=warnings)
    except DefinitionError as error:
        raise CellDefinitionError(error, body) from None
    for warning in warnings:
        print("Warning:" + "\n".join(told(warning, body)))
    return definition


def _check_calls(handle: ChainHandle, body: str) -> None:
    """Raises CellDefinitionError: it calls a chain that is not there, not so, or that calls it in turn."""
    if all(node.type != "chain" for node in handle.definition.nodes):
        return
    problems = handle.call_problems()
    if problems:
        raise CellDefinitionError(DefinitionError(problems, handle.name), body)


def _missing(definition: ChainDefinition, inputs: dict[str, Any]) -> list[str]:
    """Required inputs that are not given. Raises InputError if what is given is unknown or wrong."""
    from tinyflow_nb.engine.inputs import check_inputs

    known = {i.name for i in definition.inputs}
    missing = [i.name for i in definition.inputs if i.required and i.name not in inputs]
    if not missing or not inputs.keys() <= known:
        check_inputs(definition, inputs)
    return missing


def _stop_earlier(session: Session, name: str, *, keep: bool) -> None:
    """Stop what this cell started before and has not ended; nothing else (SEMANTICS 38)."""
    earlier = session.cell_runs.pop(name, None)
    if earlier is None:
        return
    try:
        state = session.call(session.executor.state(earlier.run_id))
    except UnknownRun:
        return  # deleted meanwhile
    if state.status.terminal:
        return
    if keep or not earlier.own:
        print(
            f"This cell's earlier run {earlier.run_id} goes on: %tinyflow attach {earlier.run_id} shows it."
        )
    else:
        session.stop(earlier.run_id)
        print(f"Stopped this cell's earlier run {earlier.run_id}; --keep leaves it running.")


class _Starter:
    """Starts the cell's run: at once, or when its form is sent."""

    def __init__(self, session: Session, handle: ChainHandle, arguments: Arguments) -> None:
        self.session = session
        self.handle = handle
        self._own = "--publish" not in arguments.switches
        self._deadline = seconds_of(arguments.value("--deadline") or None)

    def start(self, inputs: dict[str, Any]) -> str:
        run = self.handle.start(inputs, deadline=self._deadline)
        self.session.cell_runs[self.handle.name] = CellRun(run.id, self._own)
        return run.id


def _ask(starter: _Starter, missing: list[str], given: dict[str, Any]) -> None:
    """Show the form of the inputs, pre-filled from the last run; nothing is started."""
    handle = starter.handle
    known = {i.name for i in handle.definition.inputs}
    last = handle.last.state.inputs if handle.has_run else {}
    view = run_view(starter.session, handle.definition, None, "", starter.start)
    view.show_form_for_inputs(missing, {name: v for name, v in {**last, **given}.items() if name in known})
    view.display()
    flags = " ".join(f"{name}=..." for name in missing)
    print(
        f"{handle.name} was not started. It needs {', '.join(missing)}: fill in the form, or add -i {flags}"
    )
