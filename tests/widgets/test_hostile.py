"""Model's words, nodes' names, errors, answers: whatever is in them, a real browser runs none of it.

Each payload stands wherever a chain, a model or a person may write. The page must have the same elements and
attributes as with a harmless word, ask the network for nothing, open no dialog and report no error.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from difflib import unified_diff
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import board_pictures
from tests.widgets.page import new_page, snapshot
from tinyflow_nb.model.definition import InputDefinition, NodeDefinition, Parameter
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.figures import Backlog, ChainFigures, Figures
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb.model.status import Status
from tinyflow_nb_magics.metrics_view import MetricsView
from tinyflow_nb_magics.tables import Table
from tinyflow_nb_widgets import layout, render_html, render_mermaid, render_svg
from tinyflow_nb_widgets.detail import unit_detail
from tinyflow_nb_widgets.html import render_fragment
from tinyflow_nb_widgets.picture import graph_picture
from tinyflow_nb_widgets.spans import spans_of
from tinyflow_nb_widgets.styles import board_css, live_css

MARKDOWN = (
    "[x](javascript:window.pwned=1)", "[x](JaVaScRiPt:window.pwned=1)",
    "[x](data:text/html,<script>pwned=1</script>)",
    "![x](javascript:window.pwned=1)", '[x](https://example.org/"onmouseover=window.pwned=1)',
    "[<img src=x onerror=window.pwned=1>](https://example.org)", "[x](vbscript:window.pwned=1)",
    "```\n</pre><script>window.pwned=1</script>\n```", "# <svg onload=window.pwned=1>",
    "> <iframe srcdoc='<script>top.pwned=1</script>'>", "1. **<b onclick=window.pwned=1>x</b>**",
    "[x](//example.org/a)", "[x](\x01javascript:window.pwned=1)",
    "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9cHduZWQ9MT4=", "![x](https://example.org/spy.png)",
    "`<script>window.pwned=1</script>`", "*<img src=x onerror=window.pwned=1>*",
)  # fmt: skip
HARMLESS = "harmless"
LOOK = """const AT_FAULT = (root) => {
  const wrong = [];
  for (const e of root.querySelectorAll("*")) {
    if (/^(script|iframe|object|embed|base|link)$/i.test(e.tagName)) wrong.push(e.tagName);
    for (const {name, value} of e.attributes) {
      const leads = /^(src|href|xlink:href|action|formaction)$/.test(name);
      const good = /^(https?:|data:image\\/(png|svg))/.test(value);
      if (name.startsWith("on") || (leads && !good)) wrong.push(`${name}=${value}`);
    }
  }
  return wrong;
};
const BY_SIZE = ["tabindex", "hidden"]; // a longer word may scroll
const OUTLINE = (root) => [...root.querySelectorAll("*")]
  .filter((e) => !e.closest(".tf-markdown, .tf-source, text.tf-words"))
  .map((e) => [e.tagName, ...e.getAttributeNames().filter((name) => !BY_SIZE.includes(name))].join(" "));
// Open and not filled yet; drawn and not fitted yet.
const HOLLOW = `.tf-fold[open] > .tf-branch:empty, details[open] > :only-child,
  .tf-graph:not([hidden]) .tf-frame:not([stroke-width])`;
const FOUND = (root) => ({outline: OUTLINE(root), wrong: AT_FAULT(root), pwned: window.pwned ?? null});"""
# The kernel's part: every question is answered at once, every action is refused with the word.
DRIVE = """async ([source, traits, answers, ack, word]) => {
  window.module ??= await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
  const handlers = {}, out = document.getElementById("out");
  const say = (message) => queueMicrotask(() => handlers["msg:custom"]?.(message));
  const said = ({id, type, question, action}) => type === "ask"
    ? {type: "reply", id, ok: true, error: "", answer: answers[question.type]}
    : {type: "ack", id, ...ack, ok: action?.type === "open"};
  const model = {get: (name) => traits[name], on: (name, f) => (handlers[name] = f), off: () => {},
    send: (m) => {
      if (m.type === "below") say({type: "below", unit: m.unit, message: said(m.content)});
      else say(said(m));
    }};
  const until = async (check) => {
    for (let tries = 0; !check(); tries++) {
      if (tries > 2000) throw new Error(`never: ${check}`);
      await new Promise((later) => setTimeout(later, 5));
    }
  };
  const all = (selector) => [...out.querySelectorAll(selector)];
  const frame = () => new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
  // What folds is filled after it was opened, what is drawn is fitted a frame later: until neither goes on.
  const settled = async () => {
    for (let before; before !== (before = OUTLINE(out).join()) || all(HOLLOW).length;)
      await new Promise((later) => setTimeout(later));
  };
  const unfold = async () => {
    for (let closed; (closed = all("details:not([open])")).length; await settled())
      for (const one of closed) one.open = true;
  };
  const close = await module.default.render({model, el: out});
  %s
  await frame();
  await settled();
  const found = FOUND(out);
  close();
  out.replaceChildren();
  return found;
}"""
IN_THE_VIEW = """all(".tf-box")[0].dispatchEvent(new MouseEvent("click", {bubbles: true}));
  await until(() => all("[data-section=prompt]:not([hidden])").length && all(".tf-nested .tf-form").length);
  await unfold();
  all("button").find((one) => one.textContent === "Timeline").click();
  for (const input of all(".tf-form input[type=file]")) {
    const chosen = new DataTransfer();
    chosen.items.add(new File(["x"], word, {type: word}));
    input.files = chosen.files;
    input.dispatchEvent(new Event("change"));
  }
  all(".tf-form").forEach((form) => form.requestSubmit());
  all("button").find((one) => one.textContent.startsWith("Stop")).click();
  const told = (place) => all(`${place}:not(:empty)`).length > 0;
  await until(() => told(".tf-form > .tf-problem") && told(".tf-notice") && !all(".tf-busy").length);"""
ON_A_BOARD = """await unfold();
  all(".tf-form").forEach((form) => form.requestSubmit());
  all(".tf-open")[0]?.click();
  await until(() => all(".tf-notice:not(:empty), .tf-problem:not(:empty)").length);"""


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """An empty notebook; whatever it asks for, opens or complains of fails the test."""
    page = new_page(browser, viewport={"width": 1000, "height": 800})
    told: list[str] = []
    page.on("request", lambda one: None if one.url.startswith(("blob:", "data:")) else told.append(one.url))
    page.on("console", lambda one: told.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
    page.set_content("<!doctype html><html lang='en'><body data-jp-theme-light='true'><div id='out'></div>")
    yield page
    page.close()
    assert told == []


def named(word: str) -> str:
    """As near as a node's name may come: these begin an item or a round."""
    return re.sub(r"[\[#]", "(", word)


def story(make: SimpleNamespace, word: str, status: Status) -> tuple[Any, ChainState]:
    """A chain and its run with the word wherever a chain, a model or a person may write."""
    name = named(word)
    reads = Parameter(name=word, source="input", reference=word)
    definition = make.chain(
        [
            NodeDefinition(id=name, type=word, description=word, line=1, parameters=(reads,), tags=("x",)),
            NodeDefinition(id=name + "2", type="chain"), NodeDefinition(id=name + "3", type="confirm"),
        ],
        [], description=word, source=word,
        inputs=(InputDefinition(name=word, description=word, json_schema={"type": "string"}),),
    )  # fmt: skip
    definition = definition.model_copy(update={"name": word})  # no chain that is read may be called so
    error = {"type": word, "message": f"{word}\n{word}", "node": name, "line": 1, "traceback": word,
             "answer": word, "path": [{"chain": word, "node": word, "line": 1}]}  # fmt: skip
    first = NodeState(
        name, status, error=error if status is Status.FAILED else None, reason=word, worker=word, attempts=2,
        output=[{word: word, "mime": word, "data": word}], child="run2", started_at=1000.0,
        usage={"model": word, "input_tokens": 1}, finished_at=1001.0, answered_by={"who": word, "at": 5},
    )  # fmt: skip
    asked = {"message": word, "schema": schema(word), "initial": {"text": word, "file": {"name": word}}}
    simply = {"message": word, "schema": {"type": "string", "title": word}, "initial": word}
    others = [NodeState(name + "2", Status.SUSPENDED, waiting_for=asked),
              NodeState(name + "3", Status.SUSPENDED, waiting_for=simply)]  # fmt: skip
    state = ChainState(
        word, word, "", status, inputs={word: word}, result=word,
        nodes={node.id: node for node in (first, *others)}, created_at=1000.0, finished_at=1001.0,
        error=first.error,
    )  # fmt: skip
    return definition, state


def schema(word: str) -> dict[str, Any]:
    """A form with the word as title, description, choice, pattern, default and in the names of its fields."""
    many = [f"{word}{number}" for number in range(9)]
    said = {"title": word, "description": word}
    return {
        "type": "object", "required": [word], **said, "$defs": {},
        "properties": {
            word: {"type": "string", "pattern": "^a$", **said}, "text": {"type": "string", **said},
            "few": {"enum": [word, "b"], **said}, "many": {"enum": many, "default": many[0], **said},
            "list": {"type": "array", "items": {"type": "string"}, "default": [word], **said},
            "model": {"type": "object", "properties": {word: {"type": "integer", **said}}, **said},
            "none": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": word, **said},
            "day": {"type": "string", "format": "date", "default": word, **said},
            "odd": {"type": word, "default": {word: word}, **said},
            "file": {"type": "object", "format": "file", "properties": {"name": {"type": "string"}}, **said},
        },
    }  # fmt: skip


def look_at(page: Any, what: Callable[[str], list[Any]], script: str, words: tuple[str, ...]) -> None:
    """The script, given what a word makes, must find the same outline with each."""
    harmless: list[str] = page.evaluate(script, what(HARMLESS))["outline"]
    assert harmless
    for word in words:
        found = page.evaluate(script, what(word))
        assert (word, found["wrong"], found["pwned"]) == (word, [], None)
        differs = unified_diff(harmless, found["outline"], HARMLESS, word, lineterm="")
        assert "\n".join(differs) == ""


def driven(do: str) -> str:
    before, after = DRIVE.split("%s")
    return f"async (given) => {{ {LOOK}\n return await ({before}{do}{after})(given); }}"


SHOW_HTML = """([html]) => {
  LOOK;
  const page = new DOMParser().parseFromString(html, "text/html");
  const out = document.getElementById("out");
  out.innerHTML = page.body.innerHTML;
  const [whole, here] = [FOUND(page), FOUND(out)];
  return {...here, outline: [...whole.outline, ...here.outline], wrong: [...whole.wrong, ...here.wrong]};
}""".replace("LOOK;", LOOK)


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED, Status.RUNNING])
def test_the_live_view_shows_every_payload_as_text(
    make: SimpleNamespace, page: Any, static: Path, status: Status
) -> None:
    """Graph, streams, panel, prompt, a chain below, timeline, forms, files, refusals, answers, outcome."""
    source = (static / "widget.js").read_text()
    page.add_style_tag(content=live_css())

    def given(word: str) -> list[Any]:
        definition, state = story(make, word, status)
        kinds = ("text", "thinking", "tool_call", "tool_result", "log", "progress", "note")
        pieces = [[kind, word] for kind in kinds]
        streams = {named(word): {"turn": "1.1.1", "cut": True, "pieces": pieces}}
        graph = {**graph_picture(definition, layout(definition)), "view": ""}
        seen = snapshot(definition, state, streams=streams, spans=spans_of(definition, state))
        detail = unit_detail(definition, state, named(word))
        assert detail is not None
        prompt = {"messages": [{"role": word, "content": word}]}
        answers = {
            "node": {**detail, "type": "llm"},
            "prompt": prompt,
            "below": {"graph": graph, "snapshot": seen},
        }
        refused = {"ok": False, "error": word, "fields": {"text": word, word: word}}
        return [source, {"graph": graph, "snapshot": seen}, answers, refused, word]

    look_at(page, given, driven(IN_THE_VIEW), make.hostile)


@pytest.mark.parametrize("board", [board_pictures.inbox, board_pictures.runs])
def test_a_board_shows_every_payload_as_text(
    make: SimpleNamespace, page: Any, static: Path, board: Callable[[], dict[str, Any]]
) -> None:
    source = (static / "board.js").read_text()
    page.add_style_tag(content=board_css())

    def given(word: str) -> list[Any]:
        picture = poisoned(board(), word)
        refused = {"ok": False, "error": word, "fields": {word: word}, "picture": picture}
        return [source, {"picture": picture}, {}, refused, word]

    look_at(page, given, driven(ON_A_BOARD), make.hostile)


def poisoned(
    value: Any, word: str, kept: tuple[str, ...] = ("kind", "status", "marks", "query", "key")
) -> Any:
    """All texts of a board's picture replaced; a run's id, which is its row's too, stays its own."""
    if isinstance(value, dict):
        return {
            name: schema(word) if name == "schema" else of if name in kept else poisoned(of, word)
            for name, of in value.items()
        }
    if isinstance(value, list):
        return [f"{one}{word}" if isinstance(one, str) else poisoned(one, word) for one in value]
    return f"{value}{word}" if isinstance(value, str) else value


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
def test_what_is_kept_of_a_run_shows_every_payload_as_text(
    make: SimpleNamespace, page: Any, status: Status
) -> None:
    """`run.html()`, the output a notebook saves, `chain.svg()`, `run.svg()`, tables and charts."""

    def given(word: str) -> list[Any]:
        definition, state = story(make, word, status)
        said = {named(word): word}
        events = [make.event(1, EventType.NODE_STARTED, word)]
        figures = ChainFigures({"SUCCEEDED": 2, word: 1}, 0.5, 1.0, 2.0, 30, 40)
        parts = [
            render_html(definition, state, streams=said, events=events),
            render_fragment(definition, state, streams=said), render_svg(definition, state, streams=said),
            render_svg(definition), Table((word, "x"), [(word, word)], word)._repr_html_(),
            MetricsView(Figures(figures, {word: figures}, 3, True, 3, Backlog(1)))._repr_html_(),
        ]  # fmt: skip
        return ["".join(parts)]

    one_line = tuple(
        word for word in (*make.hostile, *MARKDOWN) if "\n" not in word
    )  # more lines, more elements
    look_at(page, given, SHOW_HTML, one_line)


def test_mermaid_keeps_every_payload_between_its_quotes(make: SimpleNamespace) -> None:
    def shape(word: str) -> str:
        text = render_mermaid(story(make, word, Status.SUCCEEDED)[0])
        assert re.fullmatch(r"[\w\s\[\](){}\"#;.>|-]*", text)
        return re.sub(r'"[^"\n]*"', '""', text)

    assert {shape(word) for word in (*make.hostile, *MARKDOWN)} == {shape(HARMLESS)}


def test_markdown_makes_links_to_the_web_and_nothing_else_that_acts(make: SimpleNamespace, show: Any) -> None:
    state = make.finished("\n\n".join(MARKDOWN + make.hostile))
    page = show(state)
    look = f"() => {{ {LOOK} return AT_FAULT(document.querySelector('.tf-resultbody')) }}"
    assert page.evaluate(look) == []
    links = page.locator(".tf-resultbody a")
    assert links.count() >= 1
    assert set(links.evaluate_all("(all) => all.map((a) => a.rel)")) == {"noopener noreferrer nofollow"}
    assert page.locator(".tf-resultbody :is(img, svg, script, iframe)").count() == 0
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize(
    "mime", ["image/svg+xml", "text/html", 'image/png" onerror="window.pwned=1', "image/gif"]
)
def test_an_image_is_one_of_pixels_and_nothing_else(make: SimpleNamespace, show: Any, mime: str) -> None:
    """No SVG, which may carry links; nothing that would end the attribute, in the type or in the data."""
    data = b64encode(make.hostile[0].encode()).decode()
    values = [{"mime": mime, "data": data}, {"mime": "image/png", "data": make.hostile[5]}]
    for value in (*values, f"data:{mime};base64,{data}"):
        page = show(make.finished(value))
        named = page.locator(".tf-resultbody img").evaluate_all(
            "(all) => all.map((e) => e.getAttributeNames())"
        )
        good = mime == "image/gif" and value != values[1]
        assert named == ([["class", "src", "alt"]] if good else [])
        assert page.evaluate("window.pwned") is None
        page.close()
