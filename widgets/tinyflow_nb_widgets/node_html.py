"""All of each node as static HTML, folded: what the live view's panel shows of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinyflow_nb.model.trigger import item_of
from tinyflow_nb_widgets.detail import bounded, unit_detail
from tinyflow_nb_widgets.parts import folded, heading, pre, section, text, value_html
from tinyflow_nb_widgets.text import NODE_WORDS, duration

if TYPE_CHECKING:
    from tinyflow_nb_widgets.spans import Span
    from tinyflow_nb_widgets.story import Reading, Room, Story

Below = Callable[["Story", int], str]
"""The chain below a unit, told with headings from a level on."""
_MOST_ITEMS = 50
"""Of one `each`: the rest is told by the node's own output."""
_KINDS = {"wait": "waited", "run": "ran", "ask": "waited for an answer"}


def nodes_html(reading: Reading, room: Room, level: int, below: Below) -> str:
    told, left_out = "", []
    for node in reading.definition.nodes:
        known = reading.state.nodes.get(node.id)
        if known is None:
            continue
        if room.is_over:
            left_out.append(node.id)
            continue
        items, number = "", 0
        for item in (known.items or ())[:_MOST_ITEMS]:
            if not room.is_over:
                items, number = items + _unit(reading, room, item.id, level, below), number + 1
        of = len(known.items or ())
        title = f"items ({number} of {of})" if number < of else f"items ({of})"
        told += _unit(reading, room, node.id, level, below, folded(title, items))
    if left_out:
        told += f"<p class='tf-note'>The page is long enough; not told here: {text(', '.join(left_out))}.</p>"
    return section("Nodes", told, level)


def _unit(reading: Reading, room: Room, unit: str, level: int, below: Below, items: str = "") -> str:
    detail = unit_detail(reading.definition, reading.state, unit, reading.given)
    assert detail is not None, "the state has it"
    body = pre(detail["description"]) if detail["description"] else ""
    if detail["error"]:
        body += failure_html(detail["error"])
    if detail["has_output"]:
        body += heading("output", level + 1) + value_html(detail["output"])
    said = reading.said(unit)
    if said.get("text", "").strip() == str(detail["output"]).strip():
        said.pop("text", None)
    body += heading("text", level + 1) + pre(said["text"]) if "text" in said else ""
    body += _reads(detail["inputs"], level + 1)
    body += folded("prompt", "".join(
        f"<p class='tf-note'>{text(message.get('role', ''))}</p>{pre(bounded(message.get('content', '')))}"
        for message in reading.prompt(unit)
    ))  # fmt: skip
    for lane in ("thinking", "tools", "log"):
        body += folded(lane, pre(said[lane], "tf-code") if lane in said else "")
    body += folded("attempts", _attempts(reading.spans.get(unit, [])))
    line, source = detail["source"]["line"], detail["source"]["text"]
    if line and item_of(unit) is None:  # its node tells it
        body += folded("source", code_html(list(enumerate(source.splitlines(), line))))
    body += items
    room.used(body)
    if detail["child"]:
        child = reading.below.get(unit)
        body += (
            below(child, level + 2) if child and not room.is_over
            else f"<p class='tf-note'>chain below: run <code>{text(detail['child'])}</code></p>"
        )  # fmt: skip
    return (
        f"<details class='tf-unit' data-status='{detail['status']}'><summary><b>{text(unit)}</b> "
        f"<span class='tf-hue'>{NODE_WORDS[detail['status']]}</span> "
        f"<span class='tf-note'>{_facts(detail)}</span></summary>"
        f"<div class='tf-unitbody'>{body}</div></details>"
    )


def _facts(detail: dict[str, Any]) -> str:
    began, ended = detail["started_at"], detail["finished_at"]
    return text(" · ".join(filter(None, [detail["type"], _took(began, ended), *detail["facts"]])))


def _took(began: float | None, ended: float | None) -> str:
    return duration(ended - began) if began is not None and ended is not None else ""


def _reads(inputs: list[dict[str, Any]], level: int) -> str:
    """What it was given, an expression by its text and how it came out; what is not known says why."""
    told = "".join(
        f"<p class='tf-note'><b>{text(value['name'])}</b> {text(value['source'])}"
        + (f"</p>{value_html(value['value'])}" if value["known"] else f" · {text(value['note'])}</p>")
        for value in inputs
    )
    return heading("inputs", level) + told if told else ""


def _attempts(spans: list[Span]) -> str:
    """ "" if there was one, and no more to tell of it than the node's own line does."""
    if len([span for span in spans if span["kind"] != "wait"]) < 2:
        return ""
    rows = ""
    for span in spans:
        told = [
            "" if span["kind"] == "wait" else _turn(span), _KINDS[span["kind"]],
            _took(span["began"], span["ended"]), span["worker"], span["error"],
        ]  # fmt: skip
        rows += f"<tr>{''.join(f'<td>{text(part)}</td>' for part in told)}</tr>"
    return f"<table>{rows}</table>"


def _turn(span: Span) -> str:
    return f"attempt {span['attempt']}" + (f", round {span['round']}" if span["round"] > 1 else "")


def failure_html(error: dict[str, Any]) -> str:
    """An error to act on: what, where, what to do; the rest folded."""
    body = pre(error["title"], "tf-bad")
    if error["path"]:
        body += "".join(f"<p class='tf-note'>&rsaquo; {text(step)}</p>" for step in error["path"])
    body += code_html(error["excerpt"], error["line"])
    if error["fix"]:
        body += f"<p><b>What to do:</b> {text(error['fix'])}</p>"
    whole = error["message"].strip()
    for title, words in (
        ("whole message", whole if "\n" in whole else ""), ("the model's answer", error["answer"]),
        ("traceback", error["traceback"]),
    ):  # fmt: skip
        body += folded(title, pre(words, "tf-code") if words else "")
    return body


def code_html(lines: list[Any], marked: int = 0) -> str:
    """Numbered lines of the cell; "" without any."""
    rows = "".join(
        f"<span class='tf-line{' tf-marked' if number == marked else ''}'><i>{number}</i>{text(words)}</span>"
        for number, words in lines
    )
    return f"<pre class='tf-pre tf-code'>{rows}</pre>" if rows else ""
