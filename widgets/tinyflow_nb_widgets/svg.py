"""The chain as one SVG that needs nothing else: no script, font, network or notebook theme.

Identical input gives the identical text: notebooks are compared and kept under version control.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

from tinyflow_nb.language.veil import veiled
from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets.icons import MARKS
from tinyflow_nb_widgets.layered import NAME_LEFT, layout
from tinyflow_nb_widgets.picture import caption, elapsed, graph_picture, node_picture, run_picture
from tinyflow_nb_widgets.styles import Scheme, graph_css
from tinyflow_nb_widgets.text import printable, readable, shorten, width_of, wrap

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.state import ChainState

_HEAD = 44.0
_NARROWEST = 420.0
_PAGE = 760.0
"""At least as wide on a page of its own: the head stands over all of it."""
_TEXT_LINES, _LINE = 4, 17.0
_HEADS = {"right": "l-8-4v8z", "down": "l-4-8h8z"}
"""An arrow's head, from its tip."""


def render_svg(
    definition: ChainDefinition, state: ChainState | None = None, *,
    streams: Mapping[str, str] | None = None, times: bool = True,
) -> str:  # fmt: skip
    """The graph with the state's colours, and under it an excerpt of texts, error and result.

    `streams` maps a unit's name to its text. How long things took is told only of a run that is
    over, and not at all with `times=False`.
    """
    if state is not None:
        state, streams = veiled(definition, state, streams)
    blocks = _blocks(run_picture(definition, state), streams or {})
    return _draw(definition, state, blocks, times)


def render_graph(
    definition: ChainDefinition, state: ChainState | None = None, scheme: Scheme | None = "auto"
) -> str:
    """The same picture without the excerpt and the frame, for a page that has the texts and a frame itself;
    without a scheme for one that has the styles, too."""
    return _draw(definition, state, None, times=True, scheme=scheme)


def _draw(
    definition: ChainDefinition, state: ChainState | None, blocks: list[tuple[str, str]] | None, times: bool,
    scheme: Scheme | None = "auto",
) -> str:  # fmt: skip
    style = f"<style>{escape(graph_css(scheme))}</style>" if scheme else ""
    graph = graph_picture(definition, layout(definition))
    over = times and state is not None and state.status.terminal
    framed = blocks is not None
    width = max(graph["width"], _NARROWEST if framed else _PAGE)
    parts = [_edge(edge, state, _HEADS[graph["direction"]]) for edge in graph["edges"]]
    for node, drawn in zip(definition.nodes, graph["nodes"], strict=True):
        standing = node_picture(node, state.nodes.get(node.id) if state else None)
        parts.append(_node(drawn, standing, elapsed(standing) if over else ""))
    run = run_picture(definition, state)
    left = round((width - graph["width"]) / 2, 1)
    body = f'<g transform="translate({left:g} {_HEAD:g})">{"".join(parts)}</g>'
    words, height = _words(blocks or [], width, _HEAD + graph["height"])
    head = _head(definition, run, elapsed(run) if over else "", width) if state else _plain_head(definition)
    label = f"Chain {definition.name}: {run['word']}" if state else f"Chain {definition.name}"
    plate = f'<rect class="tf-plate" width="{width:g}" height="{height:g}"/>'
    frame = f'<rect class="tf-card" x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" rx="10"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tf" role="img" aria-label={_attr(label)} '
        f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}" '
        f'style="max-width:100%;height:auto">{style}'
        f"{frame if framed else plate}{head}{body}{words}</svg>"
    )


def _attr(text: str) -> str:
    return quoteattr(printable(text))


def _plain(text: str) -> str:
    return escape(printable(text))


def _plain_head(definition: ChainDefinition) -> str:
    return f'<text class="tf-title" x="16" y="28">{_plain(shorten(definition.name, 380, 14))}</text>'


def _head(definition: ChainDefinition, run: dict[str, Any], took: str, width: float) -> str:
    says = " · ".join(filter(None, [run["word"], took]))
    name = shorten(definition.name, width - 90 - width_of(says, 12), 14)
    return (
        f'<text class="tf-title" x="16" y="28">{_plain(name)}</text>'
        f'<g data-status="{run["status"]}">'
        f'<text class="tf-state" text-anchor="end" x="{width - 39:g}" y="28">{_plain(says)}</text>'
        f'<g transform="translate({width - 33:g} 15.5)">{_mark(run["status"])}</g></g>'
    )


def _mark(status: str) -> str:
    shape, sign = MARKS[Status(status)]
    if not sign:
        return f'<path class="tf-shape" d="{shape}"/>'
    return f'<path class="tf-shape tf-solid" d="{shape}"/><path class="tf-sign" d="{sign}"/>'


def _edge(edge: dict[str, Any], state: ChainState | None, head: str) -> str:
    x, y = edge["tip"]
    return (
        f'<g class="tf-{edge["kind"]}{_taken(edge, state)}"><path class="tf-edge" d="{edge["path"]}"/>'
        f'<path class="tf-tip" d="M{x:g} {y:g}{head}"/></g>'
    )


def _taken(edge: dict[str, Any], state: ChainState | None) -> str:
    source = state.nodes.get(edge["source"]) if state else None
    target = state.nodes.get(edge["target"]) if state else None
    if source is None or target is None:
        return ""
    if Status.SKIPPED in (source.status, target.status):
        return " tf-untaken"
    return " tf-taken" if source.status is Status.SUCCEEDED and edge["kind"] != "handler" else ""


def _node(drawn: dict[str, Any], standing: dict[str, Any], took: str) -> str:
    width, height = drawn["width"], drawn["height"]
    second = caption(standing, took, width - NAME_LEFT - 6) or _plain_type(drawn["type"])
    hover = "\n".join(filter(None, [f"{drawn['id']} ({drawn['type']})", standing["word"],
                                    standing["reason"], drawn["description"]]))  # fmt: skip
    bar = ""
    if standing["progress"]:
        done, total = standing["progress"]
        room = width - 20
        bar = (f'<rect class="tf-track" x="10" y="{height - 6:g}" width="{room:g}" height="3" rx="1.5"/>'
               f'<rect class="tf-done" x="10" y="{height - 6:g}" width="{room * done / total:.1f}" '
               f'height="3" rx="1.5"/>')  # fmt: skip
    mark = _mark(standing["status"]) if standing["word"] else ""
    return (
        f'<g class="tf-node" data-status="{standing["status"]}" '
        f'transform="translate({drawn["x"]:g} {drawn["y"]:g})"><title>{_plain(hover)}</title>'
        f'<rect class="tf-box" width="{width:g}" height="{height:g}" rx="9"/>'
        f'<rect class="tf-tile" x="10" y="12" width="29" height="29" rx="7"/>'
        f'<path class="tf-icon" transform="translate(16.5 18.5)" d="{drawn["icon"]}"/>'
        f'<text class="tf-name" x="{NAME_LEFT:g}" y="24">{_plain(drawn["label"])}</text>'
        f'<text class="tf-caption" x="{NAME_LEFT:g}" y="40">{_plain(second)}</text>{bar}'
        f'<g transform="translate({width - 26:g} 11)">{mark}</g></g>'
    )


def _plain_type(node_type: str) -> str:
    return shorten(node_type, 100, 11)


def _blocks(run: dict[str, Any], streams: Mapping[str, str]) -> list[tuple[str, str]]:
    """(heading, text) of what is worth reading under the graph."""
    blocks = [(unit, text) for unit, text in streams.items() if text.strip()]
    if run["error"]:
        error = run["error"]
        where = ["error", error["node"], f"line {error['line']}" if error["line"] else ""]
        blocks.append((" · ".join(filter(None, where)), error["title"]))
    elif run["status"] == Status.SUCCEEDED:
        blocks.append(("result", readable(run["result"])))
    return blocks


def _words(blocks: list[tuple[str, str]], width: float, top: float) -> tuple[str, float]:
    """The texts under the graph, and where they end."""
    if not blocks:
        return "", top
    parts = [f'<path class="tf-rule" d="M16 {top:g}H{width - 16:g}"/>']
    y = top + 8
    for head, text in blocks:
        y += 16
        parts.append(f'<text class="tf-head" x="16" y="{y:g}">{_plain(shorten(head, width - 32, 11))}</text>')
        for line in wrap(text, width - 32, 12, _TEXT_LINES):
            y += _LINE
            parts.append(f'<text class="tf-words" x="16" y="{y:g}">{_plain(line)}</text>')
        y += 8
    return "".join(parts), y + 8
