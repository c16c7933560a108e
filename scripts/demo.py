"""`make demo`: the quickstart notebook, run headless, followed from a second process.

The notebook's kernel executes the chain; this process only watches the same store, prints what
happens node by node, and writes build/quickstart.html at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tinyflow_nb import connect
from tinyflow_nb_widgets import render_html

if TYPE_CHECKING:
    from tinyflow_nb.engine.executor import ChainExecutor
    from tinyflow_nb.model.events import Event

ROOT = Path(__file__).resolve().parent.parent
VERB_WIDTH = 10


class Follower:
    """Prints one run as it goes, and keeps its events and what its nodes streamed."""

    def __init__(self, executor: ChainExecutor, run: str) -> None:
        self.executor, self.run = executor, run
        self.streams: dict[str, str] = {}
        self.events: list[Event] = []
        self.streaming = ""
        """The node whose text the cursor stands behind."""

    async def follow(self) -> None:
        async for event in self.executor.events(self.run):
            self.events.append(event)
            if event.type != "node.output":
                self.tell(event)
            elif event.data.get("kind") == "text":
                self.add_text(event)

    def add_text(self, event: Event) -> None:
        node, text = event.node, event.data["text"]
        if event.data.get("offset") == 0:  # a further attempt says it all again
            self.end_line()
            self.streams[node] = ""
        if self.streaming != node:
            self.end_line()
            print(f"  {'streams':{VERB_WIDTH}}{node}: ", end="")
            self.streaming = node
        self.streams[node] = self.streams.get(node, "") + text
        print(text.replace("\n", "\n" + " " * (VERB_WIDTH + 4)), end="", flush=True)

    def tell(self, event: Event) -> None:
        subject, _, verb = event.type.partition(".")
        if subject == "stream" or verb == "log":
            return
        self.end_line()
        verb = event.data.get("status", verb).lower()
        error = event.data.get("error") or {}
        detail = error.get("message") or event.data.get("reason") or ""
        name = event.node or "the chain"
        print(f"  {verb:{VERB_WIDTH}}{name}{': ' if detail else ''}{detail}", flush=True)

    def end_line(self) -> None:
        if self.streaming:
            print()
            self.streaming = ""


async def follow_all(executor: ChainExecutor, notebook: asyncio.Task[None]) -> list[Follower]:
    """Follow each run of the notebook in turn, until the notebook has ended and all were told."""
    followers: dict[str, Follower] = {}
    while True:
        ended = notebook.done()
        page = await executor.runs()
        new = [run for run in reversed(page.runs) if run.id not in followers and not run.parent]
        for run in new:
            print(f"\n{run.chain}, run {run.id}", flush=True)
            followers[run.id] = Follower(executor, run.id)
            following = asyncio.create_task(followers[run.id].follow())
            await asyncio.wait({following, notebook}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():  # the notebook left this run unfinished, or we are a little behind
                over = (await executor.state(run.id)).status.terminal
                await asyncio.wait({following}, timeout=None if over else 2)
                following.cancel()
            if following.done() and not following.cancelled():
                following.result()
        if ended and not new:
            return list(followers.values())
        await asyncio.wait({notebook}, timeout=0.1)


async def write_page(executor: ChainExecutor, follower: Follower, page: Path) -> None:
    state = await executor.state(follower.run)
    definition = await executor.registry.get(state.definition_hash)
    text = render_html(definition, state, streams=follower.streams, events=follower.events)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")
    print(f"\nResult: {state.result}\nPicture: {page}")


async def demo(notebook: Path, page: Path) -> str:
    """Run it and write the page; returns what went wrong, or ""."""
    cells = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        cells, timeout=600, resources={"metadata": {"path": str(notebook.parent)}},
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors: its warnings would stand in the story
    )  # fmt: skip
    print(f"Running {notebook.name} with the local model", flush=True)
    async with connect(os.environ["TINYFLOW_STORE"], execute=False) as executor:
        running: asyncio.Task[None] = asyncio.create_task(client.async_execute())
        followers = await follow_all(executor, running)
        try:
            await running
        except CellExecutionError as error:
            return f"The notebook stopped: {error.ename}: {error.evalue}"
        if not followers:
            return "The notebook ran no chain"
        await write_page(executor, followers[-1], page)
        return ""


def main() -> str:
    parser = argparse.ArgumentParser(description="Run a notebook headless and draw its last run.")
    parser.add_argument("notebook", nargs="?", type=Path, default=ROOT / "notebooks" / "quickstart.ipynb")
    parser.add_argument("--out", type=Path, help="the page to write; default: build/NOTEBOOK.html")
    arguments = parser.parse_args()
    notebook = arguments.notebook.resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TINYFLOW_STORE"] = f"sqlite:///{folder}/runs.db"  # the kernel inherits it
        return asyncio.run(demo(notebook, arguments.out or Path("build") / f"{notebook.stem}.html"))


if __name__ == "__main__":
    sys.exit(main() or 0)
