"""The timeline as HTML that needs no script: what ran when, waiting apart from running."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tinyflow_nb.model.trigger import node_of
from tinyflow_nb_widgets.text import NODE_WORDS, duration, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinyflow_nb.model.state import ChainState
    from tinyflow_nb_widgets.spans import Span

_WORDS = {"wait": "waited", "run": "ran", "ask": "waited for an answer"}
_MOST_ROWS = 200
_MOST_WORKERS = 12
_TICKS = 6
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)


def render_timeline(found: Mapping[str, list[Span]], state: ChainState) -> str:
    """A row for each unit with spans, in the order they began; "" if nothing has begun."""
    units = sorted(found.items(), key=lambda item: item[1][0]["began"])
    if not units:
        return ""
    begin = min(state.created_at or units[0][1][0]["began"], units[0][1][0]["began"])
    ends = [span["ended"] or span["began"] for _, spans in units for span in spans]
    length = max(*ends, state.finished_at or begin, begin + 0.1) - begin
    workers = list(dict.fromkeys(span["worker"] for _, spans in units for span in spans if span["worker"]))
    several = len(workers) > 1
    rows = "".join(_row(unit, spans, state, begin, length, several) for unit, spans in units[:_MOST_ROWS])
    who = escape(" · ".join(workers[:_MOST_WORKERS])) if several else ""
    key = "".join(
        f"<span class='tf-swatch' data-kind='{kind}'>{words}</span>" for kind, words in _WORDS.items()
    )
    return (
        f"<div class='tf-timeline'><div class='tf-legend'>{key}</div><div class='tf-legend'>{who}</div>"
        f"<div class='tf-scale'>{_scale(length)}</div><div class='tf-gantt'>{rows}</div></div>"
    )


def _row(unit: str, spans: list[Span], state: ChainState, begin: float, length: float, several: bool) -> str:
    """`several`: workers, which are told apart then."""
    node = state.nodes.get(node_of(unit))
    status, word = (node.status.value, NODE_WORDS[node.status]) if node else ("READY", "")
    name = escape(printable(unit))
    bars = "".join(_bar(span, begin, length) for span in spans)
    worked = sum((s["ended"] or s["began"]) - s["began"] for s in spans if s["kind"] == "run")
    ran_on = " ".join(dict.fromkeys(span["worker"].partition(" ")[0] for span in spans if span["worker"]))
    kind = "tf-row" if unit == node_of(unit) else "tf-row tf-sub"
    tag = f"<b class='tf-tag'>{ran_on}</b>" if several and ran_on else ""
    return (
        f"<div class='{kind}' data-status='{status}'><span class='tf-rowname' title='{name}, {word}'>"
        f"<span>{name}</span>{tag}</span><span class='tf-track'>{bars}</span>"
        f"<span class='tf-took'>{duration(worked) if worked else ''}</span></div>"
    )


def _bar(span: Span, begin: float, length: float) -> str:
    ended = span["ended"] or begin + length
    title = f"{_WORDS[span['kind']]} {duration(ended - span['began'])}"
    if span["worker"]:
        title += f" on {span['worker']}"
    if span["kind"] == "run" and span["attempt"] > 1:
        title = f"attempt {span['attempt']} {title}"
    if span["error"]:
        title += f": {span['error']}"
    broken = " tf-broken" if span["error"] else ""
    left, width = 100 * (span["began"] - begin) / length, 100 * (ended - span["began"]) / length
    return (
        f"<span class='tf-span{broken}' data-kind='{span['kind']}' title='{escape(printable(title))}' "
        f"style='left:{left:.2f}%;width:{width:.2f}%'></span>"
    )


def _scale(length: float) -> str:
    step = next((s for s in _STEPS if length / s <= _TICKS), length / _TICKS)
    marks = [step * n for n in range(int(length / step) + 1)]
    return "".join(
        f"<span style='left:{100 * at / length:.2f}%'>{duration(at) if at else '0'}</span>" for at in marks
    )
