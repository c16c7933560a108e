"""A run as a page without scripts: graph, timeline, result, error, and all of each node one click away."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from tinyflow_nb.language.veil import veiled
from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets.parts import pre, text
from tinyflow_nb_widgets.picture import elapsed, run_picture
from tinyflow_nb_widgets.story import Reading, Room, Story
from tinyflow_nb_widgets.story_html import answers_html, error_html, result_html, story_html, waiting_html
from tinyflow_nb_widgets.styles import Scheme, graph_css, read
from tinyflow_nb_widgets.svg import render_graph
from tinyflow_nb_widgets.text import printable, readable

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.events import Event
    from tinyflow_nb.model.state import ChainState

_OPEN_UNTIL = 1500
"""Characters of a text that stand open; a longer one is one click away."""


@cache
def _page_css() -> str:
    return read("page") + read("timeline") + read("story")


def render_html(
    definition: ChainDefinition, state: ChainState | None, *,
    streams: Mapping[str, str] | None = None, events: Sequence[Event] = (),
) -> str:  # fmt: skip
    """A whole page that needs nothing else, and may load and run nothing. `events` adds what happened, in
    order: when what ran, and the nodes' texts; `streams` gives these by unit, if the events are not known."""
    if state is None:
        return _page(definition, f"<div class='tf-graph'>{render_graph(definition)}</div>")
    return _page(definition, story_html(Reading(Story(definition, state, events), streams), Room()))


def render_story(story: Story) -> str:
    """The same of a run with all that is known of it, the chains below it too."""
    return _page(story.definition, story_html(Reading(story), Room()))


def _page(definition: ChainDefinition, body: str) -> str:
    title, note = text(definition.name), ""
    if definition.description:
        note = f"<p class='tf-note'>{text(definition.description)}</p>"
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<meta name='color-scheme' content='light dark'>"
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">'
        f"<title>{title}</title><style>{graph_css()}{_page_css()}{read('print')}</style></head>"
        f"<body class='tf-body'><main class='tf tf-page'><h1>{title}</h1>{note}{body}</main></body></html>\n"
    )


def render_fragment(
    definition: ChainDefinition, state: ChainState | None, *, streams: Mapping[str, str] | None = None,
    view: str = "",
) -> str:  # fmt: skip
    """What a notebook keeps of a run: its picture, what its nodes said, its result or error, or how to go on.

    With `view` it leaves a place: where the kernel still knows the run, its live view is shown there instead.
    The picture is an image: a notebook from elsewhere is not trusted, its SVG and styles are taken
    away, its images stay. Then only the light one is seen, for the dark one is 0 pixels wide.
    """
    parts = ""
    if state is not None:
        state, streams = veiled(definition, state, streams)
        parts = error_html(definition, state) + waiting_html(state) + _details(streams)
        parts += result_html(state) + answers_html(definition, state) + _way_on(state)
    below = f"<div class='tf-below'>{parts}</div>" if parts else ""
    light, dark = _image(definition, state, "light"), _image(definition, state, "dark")
    return (
        f"<style>{graph_css()}{_page_css()}</style><div class='tf tf-page tf-kept'>"
        f"<img class='tf-day' alt='{text(render_text(definition, state))}' src='{light}'>"
        f"<img class='tf-night' alt='' width='0' height='0' src='{dark}'>{below}</div>"
        + (f"<div class='tf-place' data-tf-view='{text(view)}'></div>" if view else "")
    )


def _way_on(state: ChainState) -> str:
    if state.status in (Status.SUCCEEDED, Status.CANCELLED):
        return ""
    does = "takes it up again" if state.status is Status.FAILED else "goes on with it"
    command = "retry" if state.status is Status.FAILED else "attach"
    return f"<p class='tf-note'><code>%tinyflow {command} {text(state.id)}</code> {does}.</p>"


def _image(definition: ChainDefinition, state: ChainState | None, scheme: Scheme) -> str:
    svg = render_graph(definition, state, scheme).encode()
    return f"data:image/svg+xml;base64,{b64encode(svg).decode()}"


def render_text(definition: ChainDefinition, state: ChainState | None) -> str:
    """The run in plain text: for a terminal, a diff, a screen reader."""
    if state is None:
        return f"{definition.name}: not started"
    state, _ = veiled(definition, state)
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


def _details(streams: Mapping[str, str]) -> str:
    return "".join(
        f"<details{' open' if len(said) <= _OPEN_UNTIL else ''}><summary>{text(unit)}</summary>"
        f"{pre(said)}</details>"
        for unit, said in streams.items()
    )
