"""The parts of a run's page: graph, error, result, answers, timeline, its nodes, and the chains below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets.forms import answers
from tinyflow_nb_widgets.gantt import render_timeline
from tinyflow_nb_widgets.node_html import failure_html, nodes_html
from tinyflow_nb_widgets.parts import answer_html, moment_html, section, text, value_html
from tinyflow_nb_widgets.picture import elapsed, error_picture, run_picture
from tinyflow_nb_widgets.story import Reading, Room, Story
from tinyflow_nb_widgets.svg import render_graph
from tinyflow_nb_widgets.text import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.events import Event
    from tinyflow_nb.model.state import ChainState

TOP = 2
"""The level of a page's own headings."""
_MOST_EVENTS = 2000


def story_html(reading: Reading, room: Room, level: int = TOP) -> str:
    """All there is to tell of a run; chains below it are folded."""
    definition, state = reading.definition, reading.state
    graph = render_graph(definition, state, None if level > TOP else "auto")
    told = (
        facts_html(state) + f"<div class='tf-graph'>{graph}</div>" + error_html(definition, state, level)
        + waiting_html(state, level) + result_html(state, level) + answers_html(definition, state, level)
        + _timing(reading, level)
    )  # fmt: skip
    room.used(told)
    nodes = nodes_html(reading, room, level, lambda story, deeper: _below(reading, story, room, deeper))
    return told + nodes + room.used(_happened(reading.events))


def _below(above: Reading, story: Story, room: Room, level: int) -> str:
    reading = Reading(story, above=above.veil)
    run = run_picture(reading.definition, reading.state)
    head = " · ".join(filter(None, [run["word"], elapsed(run)]))
    body = story_html(reading, room, level)
    return (
        f"<details class='tf-chainbelow' data-status='{run['status']}'><summary>chain below: "
        f"<b>{text(story.definition.name)}</b> <span class='tf-hue'>{text(head)}</span></summary>"
        f"{body}</details>"
    )


def facts_html(state: ChainState) -> str:
    """Which run, of what, when."""
    when = f" · {moment_html(state.created_at)}" if state.created_at else ""
    took = f" · took {duration(state.finished_at - state.created_at)}" if state.finished_at else ""
    return f"<p class='tf-note'>run <code>{text(state.id)}</code> of {text(state.chain)}{when}{took}</p>"


def error_html(definition: ChainDefinition, state: ChainState, level: int = TOP) -> str:
    error = error_picture(definition, state)
    if error is None:
        return ""
    where = " · ".join(filter(None, [
        error["node"] and f"node {error['node']}", error["attempt"] and f"attempt {error['attempt']}",
        error["line"] and f"line {error['line']}",
    ]))  # fmt: skip
    return section("Error", f"<p class='tf-note'>{text(where)}</p>{failure_html(error)}", level)


def waiting_html(state: ChainState, level: int = TOP) -> str:
    return section("Waiting for an answer", "".join(
        f"<p><b>{text(unit)}</b> {text((node.waiting_for or {}).get('message', ''))}</p>"
        for unit, node in state.waiting().items()
    ), level)  # fmt: skip


def result_html(state: ChainState, level: int = TOP) -> str:
    done = state.status is Status.SUCCEEDED
    return section("Result", value_html(state.result), level) if done else ""


def answers_html(definition: ChainDefinition, state: ChainState, level: int = TOP) -> str:
    return section("Answers", "".join(map(answer_html, answers(definition, state))), level)


def _timing(reading: Reading, level: int) -> str:
    state = reading.state
    whole = duration(state.finished_at - state.created_at) if state.finished_at else ""
    return section(
        f"Timeline{f', {whole} in all' if whole else ''}", render_timeline(reading.spans, state), level
    )


def _happened(events: Sequence[Event]) -> str:
    told = [e for e in events if e.type != "node.output"]
    if not told:
        return ""
    begin = told[0].at
    rows = "".join(
        f"<tr><td class='tf-number'>{e.seq}</td><td class='tf-number'>+{e.at - begin:.3f} s</td>"
        f"<td>{text(e.type)}</td><td>{text(e.node)}</td></tr>"
        for e in told[:_MOST_EVENTS]
    )
    head = "<tr><th class='tf-number'>seq</th><th class='tf-number'>at</th><th>what</th><th>node</th></tr>"
    title = f"what happened ({len(told)} events)"
    return f"<details><summary>{title}</summary><table>{head}{rows}</table></details>"
