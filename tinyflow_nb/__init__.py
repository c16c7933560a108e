"""tinyflow_nb: one notebook cell is a durable LLM chain.

Importing this loads nothing heavy: each name is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyflow_nb.decorators import (
        Chain as Chain,
        Input as Input,
        Retry as Retry,
        chain as chain,
        confirm as confirm,
        default as default,
        llm as llm,
        node as node,
        tool as tool,
    )
    from tinyflow_nb.engine.connect import connect as connect
    from tinyflow_nb.engine.executor import ChainExecutor as ChainExecutor
    from tinyflow_nb.errors import (
        ChainCancelled as ChainCancelled,
        ChainFailed as ChainFailed,
        ChainSuspended as ChainSuspended,
        ChainTimeout as ChainTimeout,
        DefinitionError as DefinitionError,
        InputError as InputError,
        ResumeError as ResumeError,
        TinyflowError as TinyflowError,
        UnknownChain as UnknownChain,
        UnknownRun as UnknownRun,
    )
    from tinyflow_nb.model.context import ExecutionContext as ExecutionContext
    from tinyflow_nb.model.definition import ChainDefinition as ChainDefinition
    from tinyflow_nb.model.events import Event as Event, EventType as EventType
    from tinyflow_nb.model.state import ChainState as ChainState, NodeState as NodeState
    from tinyflow_nb.model.status import Status as Status
    from tinyflow_nb.prompts import (
        Output as Output,
        Prompt as Prompt,
        assistant as assistant,
        prompt as prompt,
        user as user,
    )
    from tinyflow_nb.secrets import secret as secret

__version__ = "0.1.0"

_HOMES = {
    "tinyflow_nb.decorators": ("Chain", "Input", "Retry", "chain", "confirm", "default", "llm", "node", "tool"),
    "tinyflow_nb.engine.connect": ("connect",),
    "tinyflow_nb.engine.executor": ("ChainExecutor",),
    "tinyflow_nb.errors": (
        "ChainCancelled", "ChainFailed", "ChainSuspended", "ChainTimeout", "DefinitionError", "InputError",
        "ResumeError", "TinyflowError", "UnknownChain", "UnknownRun",
    ),
    "tinyflow_nb.model.context": ("ExecutionContext",),
    "tinyflow_nb.model.definition": ("ChainDefinition",),
    "tinyflow_nb.model.events": ("Event", "EventType"),
    "tinyflow_nb.model.state": ("ChainState", "NodeState"),
    "tinyflow_nb.model.status": ("Status",),
    "tinyflow_nb.prompts": ("Output", "Prompt", "assistant", "prompt", "user"),
    "tinyflow_nb.secrets": ("secret",),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


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
