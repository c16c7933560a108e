"""The front-end module in a real browser."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from tests.widgets.page import acknowledge, sent, snapshot, tell
from tinyflow_nb.model.definition import NodeDefinition
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb.model.status import Status
from tinyflow_nb_widgets import render_html
from tinyflow_nb_widgets.forms import input_form
from tinyflow_nb_widgets.html import render_fragment
from tinyflow_nb_widgets.picture import node_picture, run_picture


def test_it_says_that_it_rendered(show: Any) -> None:
    """SEMANTICS 42."""
    assert sent(show(), "rendered") == [{"type": "rendered"}]


def test_every_node_shows_its_status_in_words_and_shape(make: SimpleNamespace, show: Any) -> None:
    page = show(make.suspended())
    node = page.locator('[data-node="approval"]')
    assert node.get_attribute("data-status") == "SUSPENDED"
    assert "your turn" in node.locator(".tf-caption").text_content()
    assert "approval, confirm, your turn" in node.get_by_role("button").get_attribute("aria-label")
    assert "its condition was false" in page.locator('[data-node="ticket"] title').inner_html()
    assert page.locator(".tf-pill").inner_text().startswith("waiting for you")


def test_tokens_are_appended_and_follow_unless_the_reader_scrolled_up(
    make: SimpleNamespace, show: Any
) -> None:
    page = show(make.state(Status.RUNNING, NodeState("draft", Status.RUNNING)))
    body = page.locator('[data-unit="draft"] .tf-stream')
    for seq in range(1, 41):
        tell(page, type="delta", seq=seq, text=[["draft", "1.1.1", "text", f"line {seq}\n"]])
    assert body.inner_text().startswith("line 1\nline 2\n")
    at_end = "(e) => e.scrollHeight - e.scrollTop - e.clientHeight < 2"
    assert body.evaluate(at_end)
    body.evaluate("(e) => { e.scrollTop = 0 }")
    tell(page, type="delta", seq=41, text=[["draft", "1.1.1", "text", "line 41\n"]])
    assert body.evaluate("(e) => e.scrollTop") == 0
    body.evaluate("(e) => { e.scrollTop = e.scrollHeight }")
    tell(page, type="delta", seq=42, text=[["draft", "1.1.1", "text", "line 42\n"]])
    assert body.evaluate(at_end)


def test_who_follows_a_long_stream_has_its_end_and_who_scrolls_up_all_of_it(
    make: SimpleNamespace, show: Any
) -> None:
    page = show(make.state(Status.RUNNING, NodeState("draft", Status.RUNNING)))
    body = page.locator('[data-unit="draft"] .tf-stream')
    said = ""
    for seq in range(1, 61):
        words = "".join(f"{seq}.{n} " for n in range(20)) + "\n" * (seq % 3)
        said += words
        kind = "thinking" if seq <= 20 else "text"
        tell(page, type="delta", seq=seq, text=[["draft", "1.1.1", kind, words]])
    shown = body.evaluate("(e) => e.textContent")
    assert said.endswith(shown)
    assert len(shown) < 5000 < len(said)
    where = """(e) => { const box = e.getBoundingClientRect();
        const {offsetNode, offset} = document.caretPositionFromPoint(box.x + 20, box.y + 60);
        return offsetNode.data.slice(offset, offset + 12); }"""
    before, seen = body.evaluate(f"""(e) => new Promise((done) => {{
        const where = {where};
        e.scrollTop -= 200;
        const before = where(e);
        const after = () => requestAnimationFrame(() => done([before, where(e)]));
        e.addEventListener("scroll", after, {{once: true}});
    }})""")
    assert before == seen
    assert body.evaluate("(e) => e.textContent") == said
    tell(page, type="delta", seq=61, text=[["draft", "1.1.1", "text", "the last words"]])
    assert body.evaluate(where) == seen
    assert body.evaluate("(e) => e.textContent") == said + "the last words"


def test_an_ended_stream_is_whole(make: SimpleNamespace, show: Any) -> None:
    page = show(make.state(Status.RUNNING, NodeState("draft", Status.RUNNING)))
    body = page.locator('[data-unit="draft"] .tf-stream')
    for seq in range(1, 31):
        tell(page, type="delta", seq=seq, text=[["draft", "1.1.1", "text", f"{seq:04} " * 50]])
    assert len(body.evaluate("(e) => e.textContent")) < 5000
    done = node_picture(
        next(n for n in make.triage().nodes if n.id == "draft"), NodeState("draft", Status.SUCCEEDED)
    )
    tell(page, type="delta", seq=31, nodes={"draft": done})
    assert len(body.evaluate("(e) => e.textContent")) == 30 * 250
    assert body.evaluate("(e) => e.scrollHeight - e.scrollTop - e.clientHeight < 2")


def test_a_long_stream_stays_bounded_in_the_page(make: SimpleNamespace, show: Any) -> None:
    page = show(make.state(Status.RUNNING))
    for seq in range(1, 31):
        tell(page, type="delta", seq=seq, text=[["draft", "1.1.1", "text", f"{seq:04}" * 1000]])
    text = page.locator('[data-unit="draft"] .tf-stream').inner_text()
    assert len(text) <= 12_000
    assert text.endswith("0030")


def test_elapsed_time_ticks_by_the_kernels_clock(make: SimpleNamespace, show: Any) -> None:
    page = show(make.state(Status.RUNNING, NodeState("draft", Status.RUNNING, started_at=4600.0)))
    tell(page, type="hello", seq=0, now=1000.0 + 5 * 3600)
    page.wait_for_function("document.querySelector('.tf-pill').textContent.includes('5 h')")
    page.wait_for_function(
        "document.querySelector('[data-node=draft] .tf-caption').textContent.includes('4 h')"
    )


def test_a_form_is_answered_by_keyboard_alone(make: SimpleNamespace, show: Any) -> None:
    page = show(make.suspended(initial={"text": "We are sorry."}))
    form = page.locator(".tf-form")
    assert form.locator("textarea").input_value() == "We are sorry."
    form.get_by_role("button", name="Yes").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("!")
    page.keyboard.press("Control+Enter")
    [message] = sent(page, "action")
    action = message["action"]
    assert action["type"] == "resume"
    assert action["unit"] == "approval"
    assert action["answer"]["approved"] is True
    assert "!" in action["answer"]["text"]
    assert action["answer_id"] == message["id"]


def test_a_second_submit_changes_nothing(make: SimpleNamespace, show: Any) -> None:
    """SEMANTICS 16."""
    page = show(make.suspended({"type": "boolean"}))
    page.evaluate(
        """() => { const yes = document.querySelector(".tf-choice button"); yes.click(); yes.click(); }"""
    )
    [message] = sent(page, "action")
    assert message["action"]["answer"] is True
    acknowledge(page)
    page.evaluate("document.querySelector('.tf-choice button').click()")
    assert len(sent(page, "action")) == 1


def test_errors_stand_at_their_field_and_what_was_typed_stays(make: SimpleNamespace, show: Any) -> None:
    page = show(make.suspended())
    form = page.locator(".tf-form")
    form.get_by_role("button", name="Send answer").click()
    assert form.locator(".tf-wrong").count() == 2  # the front end refuses what is empty
    assert sent(page, "action") == []
    form.get_by_role("button", name="No").click()
    form.locator("textarea").fill("my words")
    form.get_by_role("button", name="Send answer").click()
    acknowledge(page, ok=False, error="not accepted", fields={"text": "too short"})
    page.wait_for_function(
        "document.querySelector('[data-field=text] .tf-problem').textContent === 'Too short.'"
    )
    assert form.locator("> .tf-problem").inner_text() == "not accepted"
    tell(page, type="delta", seq=1, forms=snapshot(make.triage(), make.suspended())["forms"])
    assert form.locator("textarea").input_value() == "my words"
    form.get_by_role("button", name="Send answer").click()
    first, second = sent(page, "action")
    assert first["id"] == second["id"]


def test_after_the_answer_it_is_a_quiet_record(make: SimpleNamespace, show: Any) -> None:
    page = show(make.suspended())
    known = [{"unit": "approval", "node": "approval", "who": "ada", "at": 5, "fields": [["Approved", "yes"]]}]
    tell(page, type="delta", seq=1, forms=[], answers=known)
    assert page.locator(".tf-form").count() == 0
    record = page.locator(".tf-answer").inner_text()
    assert "approval answered by ada" in record
    assert record.endswith("Approved\nyes")


def test_missing_inputs_start_the_run(make: SimpleNamespace, show: Any) -> None:
    page = show(forms=[input_form(make.triage().inputs, ["question"], {})])
    form = page.locator(".tf-form")
    form.locator("textarea").fill("Where is my money?")
    form.get_by_role("button", name="Start").click()
    [message] = sent(page, "action")
    assert message["action"] == {"type": "start", "inputs": {"question": "Where is my money?", "top": 5}}


def test_stop_and_retry_are_there_when_they_make_sense(make: SimpleNamespace, show: Any) -> None:
    page = show(make.state(Status.RUNNING))
    page.get_by_role("button", name="Stop").click()
    assert sent(page, "action")[0]["action"] == {"type": "stop"}
    acknowledge(page)
    tell(page, type="delta", seq=1, run=run_picture(make.triage(), make.failed()))
    assert page.get_by_role("button", name="Stop").count() == 0
    page.get_by_role("button", name="Retry").click()
    assert sent(page, "action")[1]["action"] == {"type": "retry"}
    assert page.locator(".tf-errortitle").inner_text() == "ValueError: too short"
    assert "def draft(question)" in page.locator(".tf-error .tf-marked").inner_text()


def test_a_dead_kernel_is_told_with_the_way_on(make: SimpleNamespace, show: Any) -> None:
    page = show(make.state(Status.RUNNING))
    page.evaluate("window.dead = true")
    page.get_by_role("button", name="Stop").click()
    page.wait_for_function(
        "document.querySelector('.tf-notice').textContent.includes('%tinyflow attach run1 to continue')"
    )


def test_what_a_node_says_on_its_line_stays_inside_its_box(make: SimpleNamespace, show: Any) -> None:
    error = {"type": "ValueError", "message": "a very long explanation " * 10}
    page = show(make.state(Status.RUNNING, NodeState("draft", Status.FAILED, error=error)))
    right = "(e) => e.getBoundingClientRect().right"
    name, caption, box = (
        page.locator(f'[data-node="draft"] .tf-{part}').evaluate(right) for part in ("name", "caption", "box")
    )
    assert max(name, caption) <= box


def test_five_hundred_nodes_are_drawn(make: SimpleNamespace, show: Any) -> None:
    definition = make.random_chain(500)
    page = show(None, definition)
    assert page.locator(".tf-node").count() == 500


def test_closing_the_view_lets_go_of_the_model(show: Any) -> None:
    page = show()
    page.evaluate("window.close_view()")
    assert page.evaluate("Object.keys(window.handlers)") == []


def test_hostile_text_never_becomes_markup(make: SimpleNamespace, show: Any) -> None:
    """52 payloads, everywhere a chain, a model or a person can put a word; live and in the page kept."""
    definition = make.chain([NodeDefinition(id=p, type=p, description=p, line=1) for p in make.hostile], [],
                            source="\n".join(make.hostile))  # fmt: skip
    every = "".join(make.hostile)
    schema = {"type": "object", "properties": {
        p: {"type": "string", "description": p} if i % 2 else {"enum": [p, p + "2"]}
        for i, p in enumerate(make.hostile)
    }}  # fmt: skip
    error = {"type": every, "message": every, "node": every, "line": 1, "traceback": every, "answer": every}
    nodes = {p: NodeState(p, Status.SUSPENDED, error=error, reason=p, answered_by={"who": p}, output=p,
                          waiting_for={"message": p, "schema": schema, "initial": {p: p}})
             for p in make.hostile}  # fmt: skip
    state = ChainState(
        every, every, "", Status.FAILED, nodes=nodes, error=error, result=every, finished_at=1.0
    )
    streams = {p: {"turn": "1.1.1", "cut": True, "pieces": [[p, p], ["text", p]]} for p in make.hostile}
    page = show(state, definition, streams=streams)
    tell(page, type="delta", seq=1, text=[[p, p, "text", p] for p in make.hostile])
    tell(
        page,
        type="delta",
        seq=2,
        run={**run_picture(definition, state), "status": "SUCCEEDED", "result": every},
    )
    page.evaluate("document.querySelector('.tf-form').requestSubmit()")
    acknowledge(page, ok=False, error=every, fields=dict.fromkeys(make.hostile, every))
    page.wait_for_function("document.querySelector('.tf-form > .tf-problem').textContent.includes('pwned')")
    foreign = "#out :is(script, img, iframe, a, style, [onload], [onerror])"
    assert page.locator(foreign).count() == 0
    assert page.evaluate("window.pwned") is None
    page.set_content(render_html(definition, state, streams={p: p for p in make.hostile}))
    assert page.locator(":is(script, img, iframe, a, [onload], [onerror])").count() == 0
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize(("body", "seen"), [
    ("", "light"), ("data-jp-theme-light='true'", "light"), ("data-jp-theme-light='false'", "dark"),
])  # fmt: skip
def test_the_kept_picture_follows_the_theme(make: SimpleNamespace, show: Any, body: str, seen: str) -> None:
    page = show()
    page.set_content(f"<body {body}>{render_fragment(make.triage(), make.finished())}</body>")
    shown = page.locator("img").evaluate_all("(all) => all.map((e) => e.getBoundingClientRect().width > 300)")
    assert shown == [seen == "light", seen == "dark"]


def test_an_untrusted_notebook_shows_the_picture_once(make: SimpleNamespace, show: Any) -> None:
    """What is left when styles, classes and SVG are taken away."""
    page = show()
    page.set_content(
        re.sub(r"<style>.*?</style>| class='[^']*'", "", render_fragment(make.triage(), make.finished()))
    )
    shown = page.locator("img").evaluate_all("(all) => all.map((e) => e.getBoundingClientRect().width > 300)")
    assert shown == [True, False]
    assert "We are sorry." in page.locator("body").inner_text()
