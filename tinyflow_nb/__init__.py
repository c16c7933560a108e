"""tinyflow_nb: one notebook cell is a durable LLM chain.

Importing this loads nothing heavy: each name is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyflow_nb.attachments import Attachment
    from tinyflow_nb.decorators import (
        Chain,
        Input,
        Retry,
        chain,
        confirm,
        default,
        llm,
        node,
        tool,
    )
    from tinyflow_nb.engine.connect import connect
    from tinyflow_nb.engine.executor import ChainExecutor
    from tinyflow_nb.errors import (
        ChainCancelled,
        ChainFailed,
        ChainSuspended,
        ChainTimeout,
        DefinitionError,
        InputError,
        NotTrusted,
        ResumeError,
        TinyflowError,
        UnknownChain,
        UnknownRun,
    )
    from tinyflow_nb.model.context import ExecutionContext
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.events import Event, EventType
    from tinyflow_nb.model.state import ChainState, NodeState
    from tinyflow_nb.model.status import Status
    from tinyflow_nb.prompts import (
        Output,
        Prompt,
        assistant,
        prompt,
        user,
    )
    from tinyflow_nb.secrets import secret

__version__ = "0.1.0"

__all__ = [
    "Attachment",
    "Chain",
    "ChainCancelled",
    "ChainDefinition",
    "ChainExecutor",
    "ChainFailed",
    "ChainState",
    "ChainSuspended",
    "ChainTimeout",
    "DefinitionError",
    "Event",
    "EventType",
    "ExecutionContext",
    "Input",
    "InputError",
    "NodeState",
    "NotTrusted",
    "Output",
    "Prompt",
    "ResumeError",
    "Retry",
    "Status",
    "TinyflowError",
    "UnknownChain",
    "UnknownRun",
    "assistant",
    "chain",
    "confirm",
    "connect",
    "default",
    "llm",
    "node",
    "prompt",
    "secret",
    "tool",
    "user",
]

_HOMES = {
    "tinyflow_nb.attachments": "Attachment",
    "tinyflow_nb.decorators": "Chain Input Retry chain confirm default llm node tool",
    "tinyflow_nb.engine.connect": "connect",
    "tinyflow_nb.engine.executor": "ChainExecutor",
    "tinyflow_nb.errors": "ChainCancelled ChainFailed ChainSuspended ChainTimeout DefinitionError"
    " InputError NotTrusted ResumeError TinyflowError UnknownChain UnknownRun",
    "tinyflow_nb.model.context": "ExecutionContext",
    "tinyflow_nb.model.definition": "ChainDefinition",
    "tinyflow_nb.model.events": "Event EventType",
    "tinyflow_nb.model.state": "ChainState NodeState",
    "tinyflow_nb.model.status": "Status",
    "tinyflow_nb.prompts": "Output Prompt assistant prompt user",
    "tinyflow_nb.secrets": "secret",
}
"""The names each module is the home of."""

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'tinyflow_nb' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext tinyflow_nb`: registers the magics, and only that."""
    from tinyflow_nb_magics import load_ipython_extension as load

    load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Undoes `load_ipython_extension`."""
    from tinyflow_nb_magics import unload_ipython_extension as unload

    unload(ipython)
