"""A run as a page without scripts: graph, texts, result, error, what took how long."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets.forms import answers
from tinyflow_nb_widgets.picture import elapsed, error_picture, node_picture, run_picture
from tinyflow_nb_widgets.styles import Scheme, graph_css, read
from tinyflow_nb_widgets.svg import render_graph
from tinyflow_nb_widgets.text import NODE_WORDS, duration, printable, readable

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.events import Event
    from tinyflow_nb.model.state import ChainState

_OPEN_UNTIL = 1500
"""Characters of a text that stand open; a longer one is one click away."""


@cache
def _page_css() -> str:
    return read("page")


def render_html(
    definition: ChainDefinition, state: ChainState | None, *,
    streams: Mapping[str, str] | None = None, events: Sequence[Event] = (),
) -> str:  # fmt: skip
    """A whole page that needs nothing else. `events` adds what happened, in order."""
    body = _graph(definition, state)
    if state is not None:
        body += _error(definition, state) + _waiting(state) + _result(state) + _answers(state)
        body += _texts(streams or {}) + _timing(definition, state)
    body += _happened(events)
    title, note = _text(definition.name), ""
    if definition.description:
        note = f"<p class='tf-note'>{_text(definition.description)}</p>"
    if state is not None:
        note += f"<p class='tf-note'>run <code>{_text(state.id)}</code> of {_text(state.chain)}</p>"
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<meta name='color-scheme' content='light dark'>"
        f"<title>{title}</title><style>{graph_css()}{_page_css()}</style></head>"
        f"<body class='tf-body'><main class='tf tf-page'><h1>{title}</h1>{note}{body}</main></body></html>\n"
    )


def render_fragment(
    definition: ChainDefinition, state: ChainState | None, *, streams: Mapping[str, str] | None = None
) -> str:
    """What a notebook keeps of a run: its picture, what its nodes said, its result or error.

    The picture is an image: a notebook from elsewhere is not trusted, its SVG and styles are taken
    away, its images stay. Then only the light one is seen, for the dark one is 0 pixels wide.
    """
    parts = ""
    if state is not None:
        parts = _error(definition, state) + _details(streams or {}) + _result(state)
    below = f"<div class='tf-below'>{parts}</div>" if parts else ""
    light, dark = _image(definition, state, "light"), _image(definition, state, "dark")
    return (
        f"<style>{graph_css()}{_page_css()}</style><div class='tf tf-page tf-kept'>"
        f"<img class='tf-day' alt='{_text(render_text(definition, state))}' src='{light}'>"
        f"<img class='tf-night' alt='' width='0' height='0' src='{dark}'>{below}</div>"
    )


def _image(definition: ChainDefinition, state: ChainState | None, scheme: Scheme) -> str:
    svg = render_graph(definition, state, scheme).encode()
    return f"data:image/svg+xml;base64,{b64encode(svg).decode()}"


def render_text(definition: ChainDefinition, state: ChainState | None) -> str:
    """The run in plain text: for a terminal, a diff, a screen reader."""
    if state is None:
        return f"{definition.name}: not started"
    run = run_picture(definition, state)
    took = elapsed(run)
    lines = [f"{definition.name}: {run['word']}" + (f" in {took}" if took else "") + f" (run {state.id})"]
    if run["error"]:
        where = [run["error"]["node"], f"line {run['error']['line']}" if run["error"]["line"] else ""]
        place = ", ".join(filter(None, where))
        lines.append(f"{place}: {run['error']['title']}" if place else run["error"]["title"])
    elif state.status is Status.SUCCEEDED:
        lines.append(readable(state.result))
    return printable("\n".join(lines))


def _text(value: object) -> str:
    return escape(printable(str(value)))


def _pre(text: str, kind: str = "") -> str:
    return f"<pre class='tf-pre {kind}'>{_text(text)}</pre>"


def _value(value: object) -> str:
    return _pre(readable(value), "" if isinstance(value, str) else "tf-code")


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>" if body else ""


def _graph(definition: ChainDefinition, state: ChainState | None) -> str:
    return f"<div class='tf-graph'>{render_graph(definition, state)}</div>"


def _error(definition: ChainDefinition, state: ChainState) -> str:
    error = error_picture(definition, state)
    if error is None:
        return ""
    where = " · ".join(filter(None, [
        error["node"] and f"node {error['node']}", error["attempt"] and f"attempt {error['attempt']}",
        error["line"] and f"line {error['line']}",
    ]))  # fmt: skip
    body = f"<p class='tf-note'>{_text(where)}</p>{_pre(error['title'], 'tf-bad')}"
    if error["code"]:
        body += _pre(f"{error['line']:>4}  {error['code']}", "tf-code")
    for title, text in (("traceback", error["traceback"]), ("the model's answer", error["answer"])):
        if text:
            body += f"<details><summary>{title}</summary>{_pre(text, 'tf-code')}</details>"
    return _section("Error", body)


def _waiting(state: ChainState) -> str:
    return _section("Waiting for an answer", "".join(
        f"<p><b>{_text(unit)}</b> {_text((node.waiting_for or {}).get('message', ''))}</p>"
        for unit, node in state.waiting().items()
    ))  # fmt: skip


def _result(state: ChainState) -> str:
    done = state.status is Status.SUCCEEDED
    return _section("Result", _value(state.result)) if done else ""


def _answers(state: ChainState) -> str:
    return _section("Answers", "".join(
        f"<p><b>{_text(a['unit'])}</b> answered by {_text(a['who'] or 'somebody')}</p>"
        f"{_value(a['answer'])}"
        for a in answers(state)
    ))  # fmt: skip


def _details(streams: Mapping[str, str]) -> str:
    return "".join(
        f"<details{' open' if len(text) <= _OPEN_UNTIL else ''}><summary>{_text(unit)}</summary>"
        f"{_pre(text)}</details>"
        for unit, text in streams.items()
    )


def _texts(streams: Mapping[str, str]) -> str:
    return _section("Texts", _details(streams))


def _timing(definition: ChainDefinition, state: ChainState) -> str:
    begin = state.created_at
    ends = [n.finished_at for n in state.nodes.values() if n.finished_at is not None]
    whole = max([*ends, state.finished_at or begin], default=begin) - begin
    rows = ""
    for node in definition.nodes:
        unit = state.nodes.get(node.id)
        if unit is None:
            continue
        picture = node_picture(node, unit)
        detail = " · ".join(filter(None, [picture["note"], picture["reason"]]))
        rows += (
            f"<tr data-status='{unit.status}'><td>{_text(node.id)}</td><td class='tf-hue'>"
            f"{NODE_WORDS[unit.status]}</td><td class='tf-number'>{elapsed(picture)}</td>"
            f"<td class='tf-span'>{_bar(picture, begin, whole)}</td><td>{_text(detail)}</td></tr>"
        )
    head = "<tr><th>node</th><th>status</th><th class='tf-number'>took</th><th>when</th><th></th></tr>"
    total = f", {duration(whole)} in all" if state.finished_at else ""
    return _section(f"Nodes{total}", f"<table>{head}{rows}</table>")


def _bar(picture: dict[str, Any], begin: float, whole: float) -> str:
    start, end = picture["started_at"], picture["finished_at"]
    if start is None or end is None or whole <= 0:
        return ""
    left = min(max((start - begin) / whole, 0.0), 1.0) * 100
    wide = min(max((end - start) / whole * 100, 0.8), 100 - left)
    return f"<i style='margin-left:{left:.1f}%;width:{wide:.1f}%'></i>"


def _happened(events: Sequence[Event]) -> str:
    told = [e for e in events if e.type != "node.output"]
    if not told:
        return ""
    begin = told[0].at
    rows = "".join(
        f"<tr><td class='tf-number'>{e.seq}</td><td class='tf-number'>+{e.at - begin:.3f} s</td>"
        f"<td>{_text(e.type)}</td><td>{_text(e.node)}</td></tr>"
        for e in told
    )
    head = "<tr><th class='tf-number'>seq</th><th class='tf-number'>at</th><th>what</th><th>node</th></tr>"
    title = f"what happened ({len(told)} events)"
    return f"<details><summary>{title}</summary><table>{head}{rows}</table></details>"
