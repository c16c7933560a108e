"""The SVG, the page and the plain text of a run."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest

from tinyflow_nb.model.definition import NodeDefinition
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets import render_html, render_svg
from tinyflow_nb_widgets.html import render_fragment, render_text
from tinyflow_nb_widgets.svg import render_graph
from tinyflow_nb_widgets.text import duration, shorten, width_of, wrap


def texts(svg: str) -> list[str]:
    return ["".join(e.itertext()) for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def titles(svg: str) -> list[str]:
    return [e.text or "" for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]


def test_before_a_run_the_picture_is_the_definitions_alone(make: SimpleNamespace) -> None:
    """SEMANTICS 42: nbval compares it."""
    svg = render_svg(make.triage())
    assert svg == render_svg(make.triage())
    assert {"support_triage", "intent", "draft", "approval", "reply"} <= set(texts(svg))
    assert "waiting" not in texts(svg)


def test_a_run_going_on_shows_no_duration(make: SimpleNamespace) -> None:
    assert not any(" s" in t for t in texts(render_svg(make.triage(), make.suspended())))
    assert any("1.5 s" in t for t in texts(render_svg(make.triage(), make.finished())))
    assert not any("1.5 s" in t for t in texts(render_svg(make.triage(), make.finished(), times=False)))


def test_every_status_has_its_own_shape_and_words(make: SimpleNamespace) -> None:
    """Never colour alone."""
    marks, words = set(), set()
    for status in Status:
        svg = render_svg(make.chain([NodeDefinition(id="n")], []),
                         ChainState("r", "c", "", nodes={"n": NodeState("n", status)}))  # fmt: skip
        node = next(e for e in ET.fromstring(svg).iter() if e.get("class") == "tf-node")
        assert node.get("data-status") == status
        marks.add(tuple(p.get("d") for p in list(node)[-1]))
        words.add(texts(svg)[-1])
    assert len(marks) == len(words) == len(Status)


def test_what_a_node_tells_on_its_line(make: SimpleNamespace) -> None:
    items = [NodeState(f"lookups[{i}]", Status.SUCCEEDED if i < 12 else Status.READY) for i in range(40)]
    svg = render_svg(make.triage(), make.state(
        Status.RUNNING,
        NodeState("intent", Status.SUCCEEDED, cached=True),
        NodeState("lookups", Status.RUNNING, items=items),
        NodeState("draft", Status.RUNNING, round=3),
        NodeState("approval", Status.RUNNING, attempts=2),
        NodeState("ticket", Status.SKIPPED, reason="its condition was false: intent == 'bug'"),
        NodeState("reply", Status.FAILED, handled_by="excuse"),
    ))  # fmt: skip
    said = texts(svg)
    running = {"running · 12/40", "running · round 3", "running · attempt 2"}
    assert running | {"succeeded · cached", "skipped"} <= set(said)
    assert any("its condition was false" in t for t in titles(svg))
    assert "handled by excuse" in said


def test_a_failed_run_shows_its_error_in_one_line_with_the_cells_line(make: SimpleNamespace) -> None:
    said = texts(render_svg(make.triage(), make.failed()))
    assert "error · draft · line 4" in said
    assert "ValueError: too short" in said
    page = render_html(make.triage(), make.failed())
    assert "def draft(question)" in page
    text = render_text(make.triage(), make.failed())
    assert text == "support_triage: failed in 2.0 s (run run1)\ndraft, line 4: ValueError: too short"


def test_streams_and_result_are_below_the_graph(make: SimpleNamespace) -> None:
    svg = render_svg(make.triage(), make.finished({"a": 1}), streams={"draft": "one two three"})
    assert texts(svg)[-6:] == ["draft", "one two three", "result", "{", '"a": 1', "}"]


@pytest.mark.parametrize("place", range(13 * 4))
def test_hostile_text_changes_no_structure(make: SimpleNamespace, place: int) -> None:
    """52 payloads, each as name, description, reason, error, stream, question, answer and result."""
    payload = make.hostile[place]

    def run(word: str, status: Status) -> tuple[Any, ChainState]:
        definition = make.chain(
            [NodeDefinition(id=word, type=word, description=word, line=1), NodeDefinition(id=word + "2"),
             NodeDefinition(id=word + "3")], [], description=word, source=word,
        )  # fmt: skip
        error = {"type": word, "message": word, "node": word, "line": 1, "traceback": word, "answer": word}
        nodes = [
            NodeState(word, status, error=error, reason=word, answered_by={"who": word}, output=word),
            NodeState(word + "2", Status.SKIPPED, reason=word),
            NodeState(word + "3", Status.SUSPENDED, waiting_for={"message": word, "schema": {}}),
        ]
        state = ChainState(
            word, word, "", status, nodes={n.id: n for n in nodes}, result=word, finished_at=1.0
        )
        state.error = error if status is Status.FAILED else None
        return definition, state

    for status in (Status.SUCCEEDED, Status.FAILED):
        shapes = []
        for word in ("harmless", payload):
            definition, state = run(word, status)
            streams = {word: word}
            svg = render_svg(definition, state, streams=streams)
            page = render_html(
                definition, state, streams=streams, events=[make.event(1, EventType.NODE_STARTED, word)]
            )
            fragment = render_fragment(definition, state, streams=streams)
            shapes.append((tags(ET.fromstring(svg)), Outline(page).tags, Outline(fragment).tags))
        assert shapes[0] == shapes[1]


def tags(root: ET.Element) -> list[str]:
    """Elements and attribute names; lines of running text may be more or fewer."""
    return [" ".join([e.tag, *e.keys()]) for e in root.iter() if e.get("class") != "tf-words"]


class Outline(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[Any] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if ("class", "tf-words") not in attrs:
            self.tags.append((tag, [name for name, _ in attrs]))

    def handle_endtag(self, tag: str) -> None:
        if tag != "text":
            self.tags.append(tag)


def test_the_page_needs_no_script_and_nothing_from_elsewhere(make: SimpleNamespace) -> None:
    page = render_html(make.triage(), make.finished(), streams={"draft": "We are"}, events=[
        make.event(1, EventType.CHAIN_STARTED), make.event(2, EventType.NODE_STARTED, "draft"),
    ])  # fmt: skip
    outline = Outline(page)
    assert not {"script", "link", "img", "iframe"} & {t[0] for t in outline.tags if isinstance(t, tuple)}
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")
    for told in ("We are sorry.", "node.started", "1.5 s", "1 m 03 s in all"):
        assert told in page


def test_on_a_page_the_graph_has_no_frame_of_its_own_and_its_head_is_wide(make: SimpleNamespace) -> None:
    """It stands in one: a small chain's was a box in a box."""
    alone = make.chain([NodeDefinition(id="only")], [])
    inside, by_itself = (ET.fromstring(made(alone)) for made in (render_graph, render_svg))
    framed = [any(e.get("class") == "tf-card" for e in svg.iter()) for svg in (inside, by_itself)]
    assert framed == [False, True]
    assert float(inside.get("width", "0")) >= 700 > float(by_itself.get("width", "0"))


def test_the_page_of_a_waiting_run_shows_its_question(make: SimpleNamespace) -> None:
    assert "Send this reply?" in render_html(make.triage(), make.suspended())


@pytest.mark.parametrize(("seconds", "text"), [
    (-1, "0 ms"), (0.0041, "4 ms"), (0.09949, "99 ms"), (0.0996, "0.1 s"), (0.44, "0.4 s"),
    (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 m 00 s"), (125, "2 m 05 s"),
    (3599.7, "1 h 00 m"), (3725, "1 h 02 m"),
])  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_cutting_and_wrapping_keep_to_their_room() -> None:
    assert shorten("short", 100, 12) == "short"
    assert shorten("two\nlines", 100, 12) == "two lines"
    cut = shorten("a very long name that can't fit", 60, 12)
    assert cut.endswith("…")
    assert width_of(cut, 12) <= 60
    lines = wrap("word " * 50, 80, 12, 3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert all(width_of(line, 12) <= 80 for line in lines)
    assert wrap("", 80, 12, 3) == []


def test_pictures_load_no_jupyter() -> None:
    code = (
        "import sys; from tinyflow_nb_widgets import render_svg, render_html, layout;"
        "print([m for m in ('IPython', 'ipywidgets', 'anywidget', 'networkx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
