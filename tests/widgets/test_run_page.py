"""The page of a run, made of a story by hand: what is said apart, in print, and hostile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.widgets.page import new_page
from tests.widgets.test_pictures import Outline
from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets.html import render_story
from tinyflow_nb_widgets.story import Story


def said(kind: str, offset: int, **words: Any) -> Event:
    data = {"kind": kind, "offset": offset, "attempt": 1, "round": 1, **words}
    return Event(1, EventType.NODE_OUTPUT, "draft", 1001.0, data)


def test_thinking_and_tools_are_told_apart_from_the_text(make: SimpleNamespace) -> None:
    events = [
        said("thinking", 0, text="hm, shoes"), said("tool_call", 1, value={"name": "orders", "id": 7}),
        said("tool_result", 2, value=["boots"]), said("text", 3, text="We are sorry."),
        Event(1, EventType.NODE_LOG, "draft", 1001.0, {"text": "asked", "offset": 0, "attempt": 1}),
    ]  # fmt: skip
    page = render_story(Story(make.triage(), make.finished(), events))

    def part(title: str) -> str:
        return page.partition(f"<summary>{title}</summary>")[2].partition("</details>")[0]

    assert "hm, shoes" in part("thinking")
    assert "tool_call: {&quot;name&quot;: &quot;orders&quot;, &quot;id&quot;: 7}" in part("tools")
    assert "boots" in part("tools")
    assert "asked" in part("log")
    assert "We are sorry." in page.partition("<h3>text</h3>")[2].partition("</pre>")[0]


def test_printed_it_is_light_and_unfolded(make: SimpleNamespace, browser: Any) -> None:
    page = new_page(browser, color_scheme="dark")
    page.set_content(render_story(Story(make.triage(), make.failed())))
    body = page.locator(".tf-unitbody").first
    colour = "() => getComputedStyle(document.querySelector('.tf-page')).color"
    dark = page.evaluate(colour)
    assert not body.is_visible()
    page.emulate_media(media="print", color_scheme="dark")
    assert body.is_visible()
    assert page.evaluate(colour) != dark
    page.close()


def test_hostile_words_change_no_structure_however_deep(make: SimpleNamespace) -> None:
    def story(word: str, deep: int) -> Story:
        definition = make.chain([make.triage().nodes[2].model_copy(update={"id": word})], [], source=word)
        node = NodeState(
            word, Status.SUCCEEDED, child=word, output=word, answered_by={"who": word}, worker=word
        )
        state = ChainState(word, word, "", Status.SUCCEEDED, nodes={word: node}, result=word, created_at=1.0)
        events = [
            Event(n, EventType.NODE_STARTED, word, 2.0, {"worker": f"{word}{n}", "attempt": n})
            for n in (1, 2)
        ]
        prompts = {word: [{"role": word, "content": word}]}
        below = {word: story(word, deep - 1)} if deep else {}
        return Story(definition, state, events, prompts, below)

    harmless = Outline(render_story(story("word", 3))).tags
    assert sum(tag[0] == "details" and len(tag) == 2 for tag in harmless) > 8
    for payload in make.hostile:
        assert Outline(render_story(story(payload, 3))).tags == harmless
