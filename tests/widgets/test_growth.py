"""What a run leaves in the saved notebook."""

from __future__ import annotations

import json
from types import SimpleNamespace

from tinyflow_nb_widgets import RunView


def test_a_run_of_few_nodes_adds_less_than_60_kb_to_the_notebook(make: SimpleNamespace) -> None:
    """Six nodes, with what one of them streamed; by what a notebook keeps of an output."""
    view = RunView(make.triage(), make.finished("We are sorry. " * 40), on_action=lambda _: {"ok": True})
    view.apply([make.text("We are sorry. " * 100, 0)])
    view.flush()
    data = view.mimebundle(final=True)
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    assert "We are sorry." in data["text/html"]
    assert len(json.dumps(output, indent=1).encode()) < 60_000
