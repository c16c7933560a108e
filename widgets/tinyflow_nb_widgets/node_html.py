"""All of each node as static HTML, folded: what the live view's panel shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tinyflow_nb_widgets.detail import unit_detail
from tinyflow_nb_widgets.parts import folded, pre, section, text, value_html
from tinyflow_nb_widgets.text import NODE_WORDS, duration

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.state import ChainState

_MOST_ITEMS = 50
"""Of one `each`: the rest is told by the node's own output."""


def nodes_html(definition: ChainDefinition, state: ChainState, streams: Mapping[str, str]) -> str:
    body = ""
    for node in definition.nodes:
        known = state.nodes.get(node.id)
        if known is None:
            continue
        items = "".join(
            _unit(definition, state, item.id, streams) for item in (known.items or ())[:_MOST_ITEMS]
        )
        body += _unit(definition, state, node.id, streams, folded("items", items))
    return section("Nodes", body)


def _unit(
    definition: ChainDefinition, state: ChainState, unit: str, streams: Mapping[str, str], items: str = ""
) -> str:
    detail = unit_detail(definition, state, unit)
    assert detail is not None, "the state has it"
    known = [value for value in detail["inputs"] if value["known"]]
    body = pre(detail["description"]) if detail["description"] else ""
    if detail["error"]:
        body += failure_html(detail["error"])
    if detail["has_output"]:
        body += f"<h3>output</h3>{value_html(detail['output'])}"
    said = streams.get(unit, "")
    if said and said.strip() != str(detail["output"]).strip():
        body += f"<h3>text</h3>{pre(said)}"
    if known:
        body += "<h3>inputs</h3>" + "".join(
            f"<p class='tf-note'>{text(value['name'])}</p>{value_html(value['value'])}" for value in known
        )
    line, source = detail["source"]["line"], detail["source"]["text"]
    if line:
        body += folded("source", code_html(list(enumerate(source.splitlines(), line))))
    return (
        f"<details class='tf-unit' data-status='{detail['status']}'><summary><b>{text(unit)}</b> "
        f"<span class='tf-hue'>{NODE_WORDS[detail['status']]}</span> "
        f"<span class='tf-note'>{_facts(detail)}</span></summary>"
        f"<div class='tf-unitbody'>{body}{items}</div></details>"
    )


def _facts(detail: dict[str, Any]) -> str:
    began, ended = detail["started_at"], detail["finished_at"]
    took = duration(ended - began) if began is not None and ended is not None else ""
    return text(" · ".join(filter(None, [detail["type"], took, *detail["facts"]])))


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
