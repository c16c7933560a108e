"""The notebook's part: `%%tinyflow`, `%tinyflow`, handles and completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyflow_nb_magics.chain_handle import ChainHandle
    from tinyflow_nb_magics.node_view import NodeView
    from tinyflow_nb_magics.run_handle import RunHandle

__all__ = ["ChainHandle", "NodeView", "RunHandle", "load_ipython_extension", "unload_ipython_extension"]

HELP_MIME = "text/markdown"
_HOMES = {"ChainHandle": "chain_handle", "NodeView": "node_view", "RunHandle": "run_handle"}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def load_ipython_extension(ipython: Any) -> None:
    """Registers the magics and their completion; nothing is opened or started."""
    from tinyflow_nb_magics.deprecations import tell_in_one_line
    from tinyflow_nb_magics.magic import TinyflowMagics, matcher_of, with_a_body, with_its_graph

    magics = TinyflowMagics(ipython)
    ipython.register_magics(magics)
    ipython.Completer.custom_matchers.append(matcher_of(magics))
    ipython.input_transformers_cleanup.insert(0, with_a_body)
    ipython.inspector.mime_hooks[HELP_MIME] = with_its_graph
    tell_in_one_line()


def unload_ipython_extension(ipython: Any) -> None:
    """Undoes it, and closes what was opened since. Runs go on where they are attached next."""
    from tinyflow_nb_magics.deprecations import tell_as_before
    from tinyflow_nb_magics.magic import MATCHER_NAME, with_a_body
    from tinyflow_nb_magics.session import close_session

    for kind in ("line", "cell"):
        ipython.magics_manager.magics[kind].pop("tinyflow", None)
    ipython.magics_manager.registry.pop("TinyflowMagics", None)
    matchers = ipython.Completer.custom_matchers
    matchers[:] = [m for m in matchers if getattr(m, "matcher_identifier", "") != MATCHER_NAME]
    ipython.input_transformers_cleanup.remove(with_a_body)
    ipython.inspector.mime_hooks.pop(HELP_MIME, None)
    tell_as_before()
    close_session()
