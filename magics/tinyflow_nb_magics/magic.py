"""`%%tinyflow` and `%tinyflow`. Loading this loads nothing heavy: the rest comes with the first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.core.completer import context_matcher
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

MATCHER_NAME = "tinyflow_nb"


@magics_class
class TinyflowMagics(Magics):
    """One per kernel."""

    @no_var_expand
    @line_cell_magic
    def tinyflow(self, line: str, cell: str | None = None) -> Any:
        """A notebook cell as a durable chain.

        %%tinyflow NAME -i question="..."    the cell below is a chain; run it and watch it
        %%tinyflow NAME -h                   its flags
        %tinyflow                            what else there is: run, attach, resume, runs, waiting ...
        """
        if cell is None:
            from tinyflow_nb_magics.commands import run_command

            return run_command(self.shell, line)
        from tinyflow_nb_magics.cell_magic import run_cell

        return run_cell(self.shell, line, cell)


def with_a_body(lines: list[str]) -> list[str]:
    """For IPython's `input_transformers_cleanup`: without a body it would refuse even `%%tinyflow NAME -h`,
    and by a UsageError, which stops no "Run All"."""
    alone = len(lines) == 1 and lines[0].split()[:1] == ["%%tinyflow"]
    return [*lines, "\n"] if alone else lines


def matcher_of(magics: TinyflowMagics) -> Callable[..., Any]:
    """Completion on the magics' lines, for IPython's `custom_matchers`."""

    def match(context: Any) -> Any:
        from tinyflow_nb_magics.completion import complete

        return complete(magics.shell, context)

    mark: Any = context_matcher  # untyped in IPython
    matcher: Callable[..., Any] = mark(identifier=MATCHER_NAME)(match)
    return matcher


def with_its_graph(asked: Any) -> str | None:
    """For IPython's `mime_hooks`: what `NAME?` shows of a chain with its graph; of other things nothing."""
    from tinyflow_nb_magics.chain_handle import ChainHandle
    from tinyflow_nb_magics.chain_help import in_markdown

    return in_markdown(asked.obj.definition) if isinstance(asked.obj, ChainHandle) else None
