"""Chains and runs made by hand: a view never needs an engine."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.widgets.page import PATIENCE_MS, fill, new_page
from tinyflow_nb.model.definition import ChainDefinition, Each, Edge, InputDefinition, NodeDefinition
from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb.model.status import Status

SOURCE = 'question: str\n\n@llm("small")\ndef draft(question) -> str:\n    """Answer {{ question }}"""\n'

APPROVAL = {
    "type": "object", "required": ["approved", "text"],
    "properties": {
        "approved": {"type": "boolean"},
        "text": {"type": "string", "description": "the reply as it will be sent"},
    },
}  # fmt: skip

_WRAPPINGS = (
    "{}", "\"'>{}", "</title>{}", "</text></svg>{}", "</style>{}", "]]>{}", "<!--{}", "</pre>{}",
    "</textarea>{}", "</script>{}", "&lt;{}", "\x00{}\x1b\ufffe", "</details></div></main></body>{}",
)  # fmt: skip
_SCRIPTS = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg onload=window.pwned=1>",
    "<a href='javascript:window.pwned=1'>x</a><iframe srcdoc='<script>top.pwned=1</script>'></iframe>",
)
HOSTILE = tuple(wrapping.format(script) for wrapping in _WRAPPINGS for script in _SCRIPTS)


def chain(nodes: list[NodeDefinition], edges: list[Edge], **fields: Any) -> ChainDefinition:
    return ChainDefinition(
        name=fields.pop("name", "support_triage"), nodes=tuple(nodes), edges=tuple(edges), hash="0" * 64,
        **fields,
    )  # fmt: skip


def triage() -> ChainDefinition:
    """intent -> draft -> approval -> reply, beside it a skipped ticket and an `each` of lookups."""
    nodes = [
        NodeDefinition(id="intent", type="llm"),
        NodeDefinition(id="lookups", each=Each(variables=("doc",), items="docs")),
        NodeDefinition(id="draft", type="llm", line=4),
        NodeDefinition(id="approval", type="confirm"),
        NodeDefinition(id="ticket", type="code"),
        NodeDefinition(id="reply"),
    ]
    edges = [
        Edge(source="intent", target="draft", kind="order"), Edge(source="lookups", target="draft"),
        Edge(source="draft", target="approval"), Edge(source="intent", target="ticket", kind="order"),
        Edge(source="approval", target="reply", required=False),
        Edge(source="ticket", target="reply", required=False),
    ]  # fmt: skip
    question = InputDefinition(name="question", json_schema={"type": "string"}, description="what was asked")
    top = InputDefinition(name="top", json_schema={"type": "integer"}, required=False, default=5)
    return chain(nodes, edges, source=SOURCE, inputs=(question, top))


def random_chain(count: int, seed: int = 1) -> ChainDefinition:
    dice = random.Random(seed)
    width = max(3, int(count**0.5))
    edges = {
        (dice.randrange(max(0, i - 2 * width), i), i)
        for i in range(1, count)
        for _ in range(dice.choice((1, 1, 1, 2, 3)))
    }
    nodes = [NodeDefinition(id=f"node_{i}") for i in range(count)]
    kinds = ("data", "data", "order")
    drawn = [Edge(source=f"node_{a}", target=f"node_{b}", kind=dice.choice(kinds)) for a, b in sorted(edges)]
    return chain(nodes, drawn, name="big")


def state(status: Status, *nodes: NodeState, **fields: Any) -> ChainState:
    known = {n.id: n for n in nodes}
    every = {n.id: known.get(n.id, NodeState(n.id)) for n in triage().nodes}
    return ChainState("run1", "support_triage@3", "0" * 64, status, nodes=every, created_at=1000.0, **fields)


def suspended(schema: dict[str, Any] = APPROVAL, initial: Any = None, **fields: Any) -> ChainState:
    form = {"message": "Send this reply?", "schema": schema, "initial": initial}
    return state(
        Status.SUSPENDED,
        NodeState("intent", Status.SUCCEEDED, attempts=1, started_at=1000.0, finished_at=1000.4),
        NodeState("draft", Status.SUCCEEDED, attempts=1, started_at=1000.5, finished_at=1003.0),
        NodeState("approval", Status.SUSPENDED, attempts=1, waiting_for=form, started_at=1003.0),
        NodeState("ticket", Status.SKIPPED, reason="its condition was false: intent == 'bug'"),
        **fields,
    )


def failed() -> ChainState:
    error = {"type": "ValueError", "message": "too short\nby far", "node": "draft", "attempt": 3, "line": 4}
    node = NodeState("draft", Status.FAILED, attempts=3, error=error, started_at=1000.5, finished_at=1002.0)
    return state(Status.FAILED, node, error=error, finished_at=1002.0)


def finished(result: Any = "We are sorry.") -> ChainState:
    times = {"started_at": 1000.0, "finished_at": 1001.5}
    nodes = [NodeState(n.id, Status.SUCCEEDED, **times) for n in triage().nodes]
    return state(Status.SUCCEEDED, *nodes, result=result, finished_at=1063.0)


def event(seq: int, type: EventType, node: str = "", **data: Any) -> Event:
    return Event(seq, type, node, 1000.0 + seq, data)


def text_event(text: str, offset: int, node: str = "draft", attempt: int = 1, round: int = 1) -> Event:
    data = {"kind": "text", "text": text, "offset": offset, "attempt": attempt, "round": round}
    return Event(1, EventType.NODE_OUTPUT, node, 1001.0, data)


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """What is defined above, for tests that can't import it."""
    return SimpleNamespace(
        approval=APPROVAL, hostile=HOSTILE, chain=chain, triage=triage, random_chain=random_chain,
        state=state, suspended=suspended, failed=failed, finished=finished, event=event, text=text_event,
    )  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; without one the test is skipped here and fails in CI."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("no chromium on this machine: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
             "--disable-background-networking", "--disable-component-update",
             "--disable-dev-shm-usage"]  # fmt: skip
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=flags, timeout=PATIENCE_MS)
        yield started
        started.close()


@pytest.fixture
def show(
    make: SimpleNamespace, browser: Any, static: Path, request: pytest.FixtureRequest
) -> Callable[..., Any]:
    """A page with the view on it; it fails the test on any error in the page."""

    def show(state: ChainState | None = None, definition: Any = None, **more: Any) -> Any:
        page = new_page(browser, viewport={"width": 1000, "height": 800})
        request.addfinalizer(page.close)
        fill(page, definition or make.triage(), state, static / "widget.js", **more)
        request.addfinalizer(lambda: pytest.fail(str(page.problems)) if page.problems else None)
        return page

    return show


@pytest.fixture(scope="session")
def static() -> Path:
    import tinyflow_nb_widgets

    return Path(tinyflow_nb_widgets.__file__).parent / "static"
