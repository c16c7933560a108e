"""Model's words, nodes' names, errors, answers: whatever is in them, a real browser runs none of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.widgets.page import sent
from tinyflow_nb.model.definition import InputDefinition, NodeDefinition, Parameter
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets import render_html
from tinyflow_nb_widgets.detail import unit_detail
from tinyflow_nb_widgets.html import render_fragment
from tinyflow_nb_widgets.spans import spans_of

MARKDOWN = (
    "[x](javascript:window.pwned=1)", "[x](JaVaScRiPt:window.pwned=1)",
    "[x](data:text/html,<script>pwned=1</script>)",
    "![x](javascript:window.pwned=1)", '[x](https://example.org/"onmouseover=window.pwned=1)',
    "[<img src=x onerror=window.pwned=1>](https://example.org)", "[x](vbscript:window.pwned=1)",
    "```\n</pre><script>window.pwned=1</script>\n```", "# <svg onload=window.pwned=1>",
    "> <iframe srcdoc='<script>top.pwned=1</script>'>", "1. **<b onclick=window.pwned=1>x</b>**",
    "[x](//example.org/a)", "[x](\x01javascript:window.pwned=1)",
    "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9cHduZWQ9MT4=",
    "`<script>window.pwned=1</script>`", "*<img src=x onerror=window.pwned=1>*",
)  # fmt: skip
HARMLESS = "harmless"
AT_FAULT = """(root) => {
  const wrong = [];
  for (const e of root.querySelectorAll("*")) {
    if (/^(script|iframe|object|embed|base|meta|link)$/i.test(e.tagName)) wrong.push(e.tagName);
    for (const {name, value} of e.attributes) {
      const leads = /^(src|href|xlink:href)$/.test(name) && !/^(https?:|data:image\\/(png|svg))/.test(value);
      if (name.startsWith("on") || leads) wrong.push(`${name}=${value}`);
    }
  }
  return wrong;
}"""
OUTLINE = """(root) => [...root.querySelectorAll("*")]
  .filter((e) => !e.closest(".tf-markdown, .tf-source, text.tf-words"))
  .map((e) => e.tagName + [...e.attributes].map((a) => a.name)).join(" ")"""


def story(make: SimpleNamespace, word: str, status: Status) -> tuple[Any, ChainState]:
    """A chain and its run with the word wherever a chain, a model or a person may write."""
    name = HARMLESS if set("[#") & set(word) else word  # these begin an item, a round
    reads = Parameter(name=word, source="input", reference=word)
    definition = make.chain(
        [
            NodeDefinition(id=name, type=word, description=word, line=1, parameters=(reads,), tags=("x",)),
            NodeDefinition(id=name + "2", type="chain"),
        ],
        [], description=word, source=word, inputs=(InputDefinition(name=word),),
    )  # fmt: skip
    error = {"type": word, "message": f"{word}\n{word}", "node": name, "line": 1, "traceback": word,
             "answer": word, "path": [{"chain": word, "node": word, "line": 1}]}  # fmt: skip
    first = NodeState(
        name, status, error=error if status is Status.FAILED else None, reason=word, worker=word, attempts=2,
        output=[{word: word}], usage={"model": word, "input_tokens": 1}, started_at=1000.0,
        finished_at=1001.0, answered_by={"who": word, "at": 5},
    )  # fmt: skip
    second = NodeState(
        name + "2", Status.SUSPENDED, waiting_for={"message": word, "schema": {}, "initial": word}
    )
    state = ChainState(
        word, word, "", status, inputs={word: word}, result=word, nodes={name: first, name + "2": second},
        created_at=1000.0, finished_at=1001.0, error=first.error,
    )  # fmt: skip
    return definition, state


def reply(page: Any, kind: str, answer: Any) -> None:
    asked = [message for message in sent(page, "ask") if message["question"]["type"] == kind][-1]
    page.evaluate(
        "(m) => window.tell(m)",
        {"type": "reply", "id": asked["id"], "ok": True, "error": "", "answer": answer},
    )


def opened(show: Any, make: SimpleNamespace, word: str, status: Status) -> Any:
    """The live view with the panel of its first node open, all of it unfolded, and the timeline drawn."""
    definition, state = story(make, word, status)
    said = [["text", word], ["thinking", word], ["tool_call", word], ["log", word]]
    streams = {word: {"turn": "1.1.1", "cut": False, "pieces": said}}
    page = show(state, definition, streams=streams, spans=spans_of(definition, state))
    page.locator(".tf-node .tf-box").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("window.sent.some((m) => m.type === 'ask')")
    detail = unit_detail(definition, state, word)
    assert detail is not None
    reply(page, "node", {**detail, "type": "llm"})
    page.wait_for_function("window.sent.some((m) => m.question?.type === 'prompt')")
    reply(page, "prompt", {"messages": [{"role": word, "content": word}]})
    page.wait_for_function("!document.querySelector('[data-section=prompt]').hidden")
    page.evaluate("document.querySelectorAll('details').forEach((e) => { e.open = true })")
    page.get_by_role("button", name="Timeline", exact=True).click()
    return page


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
def test_the_live_view_shows_every_payload_as_text(make: SimpleNamespace, show: Any, status: Status) -> None:
    outlines = {}
    for word in (HARMLESS, *make.hostile):
        page = opened(show, make, word, status)
        outlines[word] = page.evaluate(f"({OUTLINE})(document.querySelector('#out'))")
        assert page.evaluate(f"({AT_FAULT})(document.querySelector('#out'))") == []
        assert page.evaluate("window.pwned") is None
        page.close()
    assert [word for word, outline in outlines.items() if outline != outlines[HARMLESS]] == []


def test_markdown_makes_links_to_the_web_and_nothing_else_that_acts(make: SimpleNamespace, show: Any) -> None:
    state = make.finished("\n\n".join(MARKDOWN + make.hostile))
    page = show(state)
    shown = "document.querySelector('.tf-resultbody')"
    assert page.evaluate(f"({AT_FAULT})({shown})") == []
    links = page.locator(".tf-resultbody a")
    assert links.count() >= 1
    assert set(links.evaluate_all("(all) => all.map((a) => a.rel)")) == {"noopener noreferrer nofollow"}
    assert page.locator(".tf-resultbody :is(img, svg, script, iframe)").count() == 0
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
@pytest.mark.parametrize("made", [render_html, render_fragment], ids=["page", "saved output"])
def test_what_is_kept_of_a_run_is_harmless_in_a_browser(
    make: SimpleNamespace, browser: Any, status: Status, made: Any
) -> None:
    page = browser.new_page()
    outlines = {}
    for word in (HARMLESS, *make.hostile, *MARKDOWN):
        definition, state = story(make, word, status)
        page.set_content(made(definition, state, streams={next(iter(state.nodes)): word}))
        outlines[word] = page.evaluate(f"({OUTLINE})(document.body)")
        assert page.evaluate(f"({AT_FAULT})(document.body)") == []
        assert page.evaluate("window.pwned") is None
    page.close()
    one_line = [word for word in outlines if "\n" not in word]  # more lines are more elements
    assert [word for word in one_line if outlines[word] != outlines[HARMLESS]] == []
