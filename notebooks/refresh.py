"""Run every notebook of this folder anew and keep what it shows.

The live views are left out of the saved outputs: their pictures and texts open anywhere.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
BEFORE = {"user": ["publisher"]}
"""What is run before in the same store: it publishes what the notebook uses."""
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


async def execute(path: Path, *, timeout: int = 300) -> nbformat.NotebookNode:
    """The notebook with fresh outputs; the file is not changed.

    Args:
        timeout: seconds a cell may take.

    Raises:
        CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=timeout,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    await client.async_execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # when it ran
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(WIDGET_MIME, None)
    return notebook


def main(names: list[str]) -> None:
    paths = [HERE / f"{name.removesuffix('.ipynb')}.ipynb" for name in names] or sorted(HERE.glob("*.ipynb"))
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TINYFLOW_STORE"] = f"sqlite:///{folder}/runs.db"  # the kernel inherits it
            for name in BEFORE.get(path.stem, ()):
                asyncio.run(execute(HERE / f"{name}.ipynb"))
            nbformat.write(asyncio.run(execute(path)), path)
            print(path.name)


if __name__ == "__main__":
    main(sys.argv[1:])
