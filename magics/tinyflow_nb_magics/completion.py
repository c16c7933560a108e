"""Completion on the magics' lines - flags, commands, chains, runs, inputs - and inside the quotes of names: a
cell's `@chain("`, a handle's `.prompt("`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion

from tinyflow_nb.errors import TinyflowError
from tinyflow_nb.model.status import Status
from tinyflow_nb_magics.chain_handle import ChainHandle
from tinyflow_nb_magics.help import CELL_FLAGS, COMMAND_FLAGS, COMMANDS
from tinyflow_nb_magics.session import get_session

if TYPE_CHECKING:
    from tinyflow_nb.model.state import NodeState

_LINE = re.compile(r"^(?:[\w., ]+=\s*)?\s*(%%?)tinyflow[ \t]+(.*)$")
_TOP_LEVEL = re.compile(r"^([A-Za-z_]\w*)\s*:", re.MULTILINE)
_OF_RUNS = ("attach", "show", "resume", "stop", "retry", "trust")
_CHAIN = re.compile(r"""@chain\(\s*["']([\w@-]*)$""")
_NODE = re.compile(r"""\b([A-Za-z_]\w*)\.(last\[|prompt\(|call\()\s*["'](\w*)$""")
_OF_CELLS = ("run", "show", "publish", "runs", "trust")
_OF_CHAINS = (
    "run",
    "show",
    "chains",
    "history",
    "label",
    "unlabel",
    "deprecate",
    "unpublish",
    "runs",
    "trust",
)
_OF_SEVERAL = ("diff", "export")
RUNS_OFFERED = 50
CHAINS_OFFERED = 200


def complete(shell: Any, context: Any) -> dict[str, Any]:
    """What fits at the cursor; on other lines nothing."""
    called = _CHAIN.search(context.text_until_cursor)
    if called is not None and context.full_text.startswith("%%tinyflow"):
        return _offer(context, called[1], [*_handles(shell), *_published(called[1])])
    named = _NODE.search(context.text_until_cursor)
    handle = shell.user_ns.get(named[1]) if named is not None else None
    if named is not None and isinstance(handle, ChainHandle):
        only = ("llm",) if named[2] == "prompt(" else ()
        return _offer(context, named[3], _nodes(handle, only))
    found = _LINE.match(context.text_until_cursor)
    if found is None:
        return {"completions": []}
    words = found[2].split()
    typed = "" if not words or found[2][-1:].isspace() else words.pop()
    on_cell = found[1] == "%%"
    return _offer(
        context, typed, _on_cell(shell, context, words) if on_cell else _on_line(shell, words, typed)
    )


def _offer(context: Any, typed: str, offered: Iterable[str]) -> dict[str, Any]:
    # IPython replaces its own token, which may be the end of the word only: `-i no` in `--no`.
    behind = len(typed) - len(context.token) if typed.endswith(context.token) else 0
    completions = [
        SimpleCompletion(text=text[behind:], type="tinyflow")
        for text in dict.fromkeys(offered)
        if text.startswith(typed)
    ]
    return {"completions": completions, "suppress": True, "ordered": True}


def _on_cell(shell: Any, context: Any, words: list[str]) -> list[str]:
    if context.cursor_line != 0 or not words:
        return sorted(_handles(shell))
    flags = [flag.name for flag in CELL_FLAGS]
    if not _expects_inputs(words):
        return flags
    declared = _TOP_LEVEL.findall(context.full_text.partition("\n")[2])
    inputs = [f"{name}=" for name in dict.fromkeys(declared) or _inputs(shell, words[0])]
    return inputs if words[-1] == "-i" else [*inputs, *flags]


def _on_line(shell: Any, words: list[str], typed: str) -> list[str]:
    if not words:
        return list(COMMANDS)
    command, rest = words[0], words[1:]
    if rest and rest[-1] == "--status":
        return [status.value for status in Status if status is not Status.SKIPPED]
    if rest and rest[-1] == "--node":
        return list(_forms(shell, rest[0]))
    flags = [flag.name for flag in COMMAND_FLAGS.get(command, ())]
    if command == "run" and rest and _expects_inputs(rest):
        return [f"{name}=" for name in _inputs(shell, rest[0])] + flags
    if command == "resume" and rest:
        return [*(f"{name}=" for name in _form_fields(shell, rest[0])), *flags]
    names: list[str] = []
    if command in _OF_CELLS:
        names += _handles(shell)
    if command in (*_OF_CHAINS, *_OF_SEVERAL):
        names += _published(typed)
    if command in _OF_RUNS:
        names += [*_handles(shell), *_runs(command)]
    return [*names, *flags] if not rest or command in _OF_SEVERAL else flags


def _expects_inputs(words: list[str]) -> bool:
    """Behind `-i` and its pairs."""
    for word in reversed(words):
        if word.startswith("-"):
            return word == "-i"
    return False


def _handles(shell: Any) -> list[str]:
    return [name for name, value in shell.user_ns.items() if isinstance(value, ChainHandle)]


def _nodes(handle: ChainHandle, types: tuple[str, ...]) -> list[str]:
    """Of these types; () means all."""
    return [node.id for node in handle.definition.nodes if not types or node.type in types]


def _inputs(shell: Any, name: str) -> Iterable[str]:
    handle = shell.user_ns.get(name)
    return [i.name for i in handle.definition.inputs] if isinstance(handle, ChainHandle) else []


def _published(typed: str) -> list[str]:
    """Names; behind `name@` its labels and versions."""
    session = get_session()
    try:
        names = session.call(session.executor.registry_index()).names
    except TinyflowError:
        return []  # a store that can't be read is said when a command uses it
    name, at, _ = typed.partition("@")
    if not at:
        fitting = sorted(n for n, found in names.items() if found.current and n.startswith(typed))
        return fitting[:CHAINS_OFFERED]
    if name not in names:
        return []
    found = names[name]
    return [f"{name}@{one}" for one in (*sorted(found.labels), *sorted(found.versions, reverse=True))]


def _runs(command: str) -> list[str]:
    session = get_session()
    try:
        page = session.call(session.executor.runs(limit=RUNS_OFFERED, waiting=command == "resume"))
    except TinyflowError:
        return []
    return [run.id for run in page.runs]


def _forms(shell: Any, word: str) -> dict[str, NodeState]:
    """The open forms of a run, or of the newest of a chain's name."""
    session = get_session()
    handle = shell.user_ns.get(word)
    try:
        run_id = handle.last.id if isinstance(handle, ChainHandle) else word
        return session.call(session.executor.state(run_id)).waiting()
    except TinyflowError:
        return {}


def _form_fields(shell: Any, word: str) -> list[str]:
    forms = [node.waiting_for or {} for node in _forms(shell, word).values()]
    return [name for form in forms for name in (form.get("schema") or {}).get("properties") or ()]
