"""A notebook without Jupyter: IPython's shell, the extension loaded, what its cells show caught."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from tinyflow_nb_magics import session as session_module
from tinyflow_nb_magics.session import Session, get_session


@dataclass
class Ran:
    """What one cell did."""

    value: Any
    error: BaseException | None
    printed: str
    shown: list[dict[str, Any]]
    """Displayed outputs, by mime type."""

    @property
    def told(self) -> str:
        """The error as the reader sees it."""
        assert self.error is not None, "the cell raised nothing"
        render = self.error._render_traceback_  # type: ignore[attr-defined]
        return "\n".join(render())


class Notebook:
    """`run(cell)` runs a cell as Jupyter would."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell

    def run(self, cell: str) -> Ran:
        self.shell.display_pub.outputs.clear()
        with capture_output(display=False) as caught:
            result = self.shell.run_cell(cell, store_history=True)
        shown = [output["data"] for output in self.shell.display_pub.outputs]
        return Ran(result.result, result.error_in_exec or result.error_before_exec, caught.stdout, shown)

    def ok(self, cell: str) -> Ran:
        """Run a cell that must not fail."""
        ran = self.run(cell)
        if ran.error is not None:
            raise ran.error
        return ran

    def __getitem__(self, name: str) -> Any:
        return self.shell.user_ns[name]

    def complete(self, text: str) -> list[str]:
        """The texts Tab makes of `text` up to the cursor, which is at `|`, or at the end."""
        before, _, after = text.partition("|")
        with provisionalcompleter():
            found = list(self.shell.Completer.completions(before + after, len(before)))
        return [before[: one.start] + one.text for one in found if one.type == "tinyflow"]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Notebook]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setattr(session_module, "CLOSING_SECONDS", 60.0)
    InteractiveShell.clear_instance()
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = InteractiveShell.instance(config=config, display_pub_class=CapturingDisplayPublisher)
    shell.run_line_magic("load_ext", "tinyflow_nb")
    yield Notebook(shell)
    shell.run_line_magic("unload_ext", "tinyflow_nb")
    shell.restore_sys_module_state()
    InteractiveShell.clear_instance()


@pytest.fixture
def session(notebook: Notebook) -> Session:
    return get_session()
