"""A page with the live view on it, and a test in the place of the kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinyflow_nb.model.state import ChainState
from tinyflow_nb_widgets import layout
from tinyflow_nb_widgets.forms import answers, waiting_forms
from tinyflow_nb_widgets.picture import graph_picture, node_picture, run_picture
from tinyflow_nb_widgets.spans import spans_of
from tinyflow_nb_widgets.styles import live_css

PATIENCE_MS = 60_000
"""How long a page may take for what is waited for."""
# Stands in for the model a notebook gives: keeps handlers and what is sent; `tell` is the kernel. The page
# waits for an answer however late it comes.
FAKE_MODEL = """async ([source, graph, snapshot]) => {
  const later = window.setTimeout;
  window.setTimeout = (act, ms = 0) => later(act, ms < 8000 ? ms : 1e9);
  const module = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
  const handlers = {}, traits = {graph, snapshot};
  window.sent = [];
  window.dead = false;
  const model = {
    get: (name) => traits[name], on: (name, f) => (handlers[name] = f), off: (name) => delete handlers[name],
    send: (content) => { if (window.dead) throw new Error("Cannot send"); window.sent.push(content); }};
  window.tell = (message) => handlers["msg:custom"](message);
  window.handlers = handlers;
  window.close_view = await module.default.render({model, el: document.getElementById("out")});
}"""


def snapshot(definition: Any, state: ChainState | None, **more: Any) -> dict[str, Any]:
    nodes = {n.id: node_picture(n, state.nodes.get(n.id) if state else None) for n in definition.nodes}
    forms, known = (waiting_forms(state), answers(definition, state)) if state else ([], [])
    run = run_picture(definition, state)
    spans = spans_of(definition, state) if state else {}
    return {
        "seq": 0,
        "streams": {},
        "spans": spans,
        "run": run,
        "nodes": nodes,
        "forms": forms,
        "answers": known,
        **more,
    }


def new_page(browser: Any, **options: Any) -> Any:
    page = browser.new_page(**options)
    page.set_default_timeout(PATIENCE_MS)
    return page


def settled(page: Any) -> None:
    """What is drawn is fitted to its place in the frame after, and what was unfolded has been filled."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def resize(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_function("(w) => document.querySelector('.tf-live').offsetWidth > w - 60", arg=width)
    settled(page)


def empty_page(page: Any, dark: bool = False, output: str = "") -> None:
    """A notebook with one output, `#out`. Errors of the page are kept in `page.problems`."""
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    theme = str(not dark).lower()
    page.set_content(
        "<!doctype html><html lang='en'><title>A notebook</title>"
        f"<body data-jp-theme-light='{theme}'><main><h1>A notebook</h1><div id='out'>{output}</div></main>"
    )


def fill(
    page: Any, definition: Any, state: ChainState | None, source: Path, dark: bool = False, **more: Any
) -> None:
    """Put the view of a run on an empty page."""
    empty_page(page, dark)
    page.add_style_tag(content=live_css())
    graph = graph_picture(definition, layout(definition))
    page.evaluate(FAKE_MODEL, [source.read_text(), graph, snapshot(definition, state, **more)])
    settled(page)


def sent(page: Any, kind: str) -> list[dict[str, Any]]:
    return [m for m in page.evaluate("window.sent") if m["type"] == kind]


def tell(page: Any, **message: Any) -> None:
    page.evaluate("(message) => window.tell(message)", message)
    if "seq" in message:
        drawn = "(seq) => document.querySelector('.tf').dataset.seq >= seq"
        page.wait_for_function(drawn, arg=message["seq"])


def reply(page: Any, kind: str, answer: Any) -> None:
    """Answer the page's newest question of a kind."""
    page.wait_for_function("(kind) => window.sent.some((m) => m.question?.type === kind)", arg=kind)
    asked = [message for message in sent(page, "ask") if message["question"]["type"] == kind][-1]
    tell(page, type="reply", id=asked["id"], ok=True, error="", answer=answer)


def acknowledge(page: Any, **ack: Any) -> None:
    id = sent(page, "action")[-1]["id"]
    tell(page, **{"type": "ack", "id": id, "ok": True, "error": "", "fields": {}, **ack})
