"""What the magics take, and how their help says it."""

from __future__ import annotations

from collections.abc import Iterable

from tinyflow_nb_magics.arguments import Flag

INPUT = Flag("-i", "pairs", "inputs; k=@name copies the notebook's variable, quotes are literal", "k=v")
DEADLINE = Flag("--deadline", "value", "the time the run may take, people included", "3m")
WAIT = Flag("--wait", "switch", "wait for the result in this cell")
HELP = Flag("-h", "switch", "this help")
LONG_HELP = Flag("--help", "switch", "this help")

CELL_FLAGS = (
    INPUT,
    Flag("--publish", "switch", "publish the chain first; the run is of that version"),
    WAIT,
    Flag("--no-run", "switch", "check the cell and bind its name, start nothing"),
    DEADLINE,
    Flag("--bind", "value", "give the cell a value of the notebook, by copy", "x"),
    Flag("--keep", "switch", "leave this cell's earlier unfinished run running"),
    HELP,
    LONG_HELP,
)

COMMANDS = {
    "connect": ("[ADDRESS] [--scheduler A]", "use another store, or say which"),
    "run": ("NAME[@N] -i k=v", "start a run of a cell's or a published chain"),
    "attach": ("ID", "show a run live, and go on with it here"),
    "show": ("ID | NAME[@N|@label]", "show a run or a chain; executes nothing"),
    "runs": ("[NAME] [--status S] [-n 20]", "the runs; each opens to its live view"),
    "waiting": ("", "the open forms of all runs, to be answered there"),
    "metrics": ("", "success, times, tokens and backlog of the runs"),
    "resume": ("ID k=v ...", "answer a run; --node N if several nodes wait"),
    "stop": ("ID", "end a run"),
    "retry": ("ID", "go on with a failed or stopped run"),
    "publish": ("NAME", "make a cell's chain the current version of its name"),
    "chains": ("[NAME] [--graph]", "the published chains; --graph: who calls whom"),
    "history": ("NAME", "what happened to a published chain"),
    "diff": ("NAME@N NAME@N", "what changed between two versions"),
    "label": ("NAME@N LABEL", "have NAME@LABEL mean this version"),
    "unlabel": ("NAME@LABEL", "take a label away"),
    "deprecate": ("NAME@N WHY | --undo", "warn who uses a version"),
    "unpublish": ("NAME@N", "delete a version that nobody uses"),
    "export": ("NAME ... FILE", "write chains with all they call"),
    "import": ("FILE", "publish what export wrote, elsewhere"),
    "trust": ("NAME | ID | FINGERPRINT", "who signed a chain and what it does; --yes trusts it"),
    "doctor": ("", "what is reachable, lags or is missing, and what to do"),
}
"""Each with what it takes, and what it does."""

COMMAND_FLAGS = {
    "connect": (
        Flag("--scheduler", "value", "how a fleet's workers hear of work", "rocketmq://host:8081"),
        Flag("--execute", "switch", "execute a fleet's runs in this notebook, too"),
    ),
    "run": (INPUT, DEADLINE, WAIT),
    "chains": (Flag("--graph", "switch", "a picture of which chain calls which"),),
    "deprecate": (Flag("--undo", "switch", "it is not deprecated any more"),),
    "trust": (
        Flag("--yes", "switch", "trust it: a chain is signed with your key, a signer put on your list"),
        Flag("--name", "value", "what you call a signer", "alice"),
    ),
    "resume": (INPUT, Flag("--node", "value", "which node is answered", "NAME")),
    "runs": (
        Flag("--status", "value", "only runs of this status", "FAILED"),
        Flag("-n", "value", "how many at most", "20"),
    ),
}

NOT_YET = ("fork", "map")


def _flags(flags: Iterable[Flag]) -> list[str]:
    return [f"  {f'{flag.name} {flag.takes}':<16} {flag.help}" for flag in flags]


CELL_HELP = "\n".join(
    [
        "%%tinyflow NAME [flags]",
        "The cell below is a chain: functions are its nodes, their parameters its edges and inputs.",
        "NAME is bound to its handle: await NAME.last, NAME.start(k=v), NAME.prompt(node, ...).",
        "",
        *_flags(flag for flag in CELL_FLAGS if flag is not LONG_HELP),
    ]
)


def command_help(name: str) -> str:
    """What `%tinyflow COMMAND -h` prints."""
    takes, does = COMMANDS[name]
    flags = _flags(COMMAND_FLAGS.get(name, ()))
    return "\n".join([f"%tinyflow {name} {takes}".rstrip(), does, *([""] if flags else []), *flags])


_RUNS = ("run", "attach", "show", "runs", "waiting", "metrics", "resume", "stop", "retry")
_STORE = ("connect", "doctor")


def _group(title: str, names: Iterable[str]) -> list[str]:
    takes = [(f"{name} {COMMANDS[name][0]}".rstrip(), COMMANDS[name][1]) for name in names]
    return ["", title, *(f"  {line:<33} {does}" for line, does in takes)]


CHEAT_SHEET = "\n".join(
    [
        "%%tinyflow NAME -i k=v              define and run a chain in this cell",
        "%%tinyflow NAME -h                  its flags",
        "%tinyflow COMMAND ...               as below; COMMAND -h lists its flags",
        *_group("Runs", _RUNS),
        *_group("Published chains", [name for name in COMMANDS if name not in (*_RUNS, *_STORE)]),
        *_group("Where they are kept", _STORE),
        "",
        "ID is a run's id, @x for the id in the variable x, or a chain's NAME for its newest run.",
    ]
)
