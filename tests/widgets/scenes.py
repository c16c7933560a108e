"""All that is shown of chains and runs, each as a page of its own, to be looked at for barriers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from scripts import board_pictures
from tests.widgets.board_page import fill_board
from tests.widgets.page import empty_page, reply, settled, snapshot, tell
from tests.widgets.test_form_page import Everything
from tinyflow_nb.model.definition import Edge, NodeDefinition, Parameter
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb.model.status import Status
from tinyflow_nb_magics.tables import Table
from tinyflow_nb_widgets import layout, render_html, render_svg
from tinyflow_nb_widgets.detail import unit_detail
from tinyflow_nb_widgets.html import render_fragment
from tinyflow_nb_widgets.picture import graph_picture
from tinyflow_nb_widgets.spans import spans_of

SOURCE = 'question: str\n\n@llm("small")\ndef draft(question) -> str:\n    """Answer {{ question }}"""\n'
LONG = "\n\n".join(f"{n}. We are **sorry** about your `shoes`, number {n}." for n in range(24))
OUTPUTS = {
    "tree": {"reply": {"text": "We", "score": 8, "sure": True, "more": None}, "list": [1, [2, {}]]},
    "table": [{"order": n, "item": "shoes", "price": 59.5 + n, "paid": n % 2 == 0} for n in range(24)],
    "markdown": "# Dear Ada\n\n> My shoes\n\n- [ours](https://example.org)\n\n```\nx = 1\n```\n\n" + LONG,
    "image": "data:image/gif;base64,R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs=",
}
ERROR = {
    "type": "ModelError", "message": "model 'small' gave no valid str\nat all", "node": "draft", "line": 4,
    "attempt": 2, "answer": '{"score": "high"}', "traceback": "Traceback:\n  " + "deep " * 90,
    "path": [{"chain": "support_triage", "node": "draft", "line": 4}],
}  # fmt: skip


@dataclass
class Stage:
    """Where a scene is set: `show` puts a live view on a page, the others what their names say."""

    make: SimpleNamespace
    show: Callable[..., Any]
    blank: Callable[[], Any]
    static: Any

    def board(self, picture: dict[str, Any]) -> Any:
        page = self.blank()
        fill_board(page, picture, self.static / "board.js")
        return page

    def output(self, html: str) -> Any:
        page = self.blank()
        empty_page(page, output=html)
        return page

    def document(self, html: str) -> Any:
        page = self.blank()
        page.problems = []
        page.set_content(html)
        return page


def stories(make: SimpleNamespace) -> dict[str, ChainState | None]:
    """A run in every status it can have, between them nodes in every status."""
    items = [NodeState(f"lookups[{i}]", Status.SUCCEEDED) for i in range(3)]
    waits = NodeState("draft", Status.READY, attempts=1, error=ERROR)
    stopped = [NodeState(n.id, Status.CANCELLED) for n in make.triage().nodes[2:]]
    return {
        "defined": None,
        "ready": make.state(Status.READY),
        "running": make.state(
            Status.RUNNING, NodeState("intent", Status.SUCCEEDED, cached=True),
            NodeState("lookups", Status.RUNNING, items=items), NodeState("draft", Status.RUNNING, attempts=2),
            NodeState("ticket", Status.SKIPPED, reason="its condition was false"),
        ),
        "retrying": make.state(Status.RUNNING, waits, NodeState("ticket", Status.READY, reason="no worker")),
        "suspended": make.suspended(initial={"text": "We are sorry."}),
        "failed": make.failed(),
        "cancelled": make.state(Status.CANCELLED, *stopped, finished_at=1002.0),
        "finished": make.finished(OUTPUTS["markdown"]),
    }  # fmt: skip


SAID = {
    "draft": {
        "turn": "1.1.1", "cut": True,
        "pieces": [["thinking", "hm\n" * 40], ["tool_call", "look()\n"], ["text", LONG], ["log", "x\n" * 40]],
    }
}  # fmt: skip


def live(status: str) -> Callable[[Stage], Any]:
    def scene(stage: Stage) -> Any:
        state = stories(stage.make)[status]
        return stage.show(state, streams=SAID if status in ("running", "finished") else {})

    return scene


def large(stage: Stage) -> Any:
    page = stage.show(None, stage.make.random_chain(80))
    page.locator('[data-node="node_1"] .tf-box').focus()
    page.keyboard.press("/")
    page.keyboard.type("node_2")
    return page


def searched_in_vain(stage: Stage) -> Any:
    page = stage.show(stories(stage.make)["running"])
    page.locator('[data-node="draft"] .tf-box').focus()
    page.keyboard.press("/")
    page.keyboard.type("nowhere")
    return page


def told_of(make: SimpleNamespace, node: NodeState) -> tuple[Any, ChainState]:
    """A run whose `draft` stands as given, with all that can be known of it."""
    reads = (Parameter(name="question", source="input", reference="question"),
             Parameter(name="intent", source="node", reference="intent"))  # fmt: skip
    definition = make.chain(
        [NodeDefinition(id="intent"), NodeDefinition(id="draft", type="llm", line=4, parameters=reads,
                                                     description="The reply.", tags=("gpu",))],
        [Edge(source="intent", target="draft")], source=SOURCE, inputs=make.triage().inputs,
    )  # fmt: skip
    intent = NodeState("intent", Status.SUCCEEDED, output=OUTPUTS["tree"], started_at=1000, finished_at=1001)
    status = Status.RUNNING if node.status is Status.RUNNING else Status.SUSPENDED
    state = ChainState("run1", "support_triage@3", "", status, nodes={"intent": intent, "draft": node},
                       inputs={"question": "My shoes fell apart. " * 20}, created_at=1000.0)  # fmt: skip
    return definition, state


def open_panel(page: Any, definition: Any, state: ChainState, node: str = "draft") -> None:
    """As by a click; every part is unfolded."""
    page.locator(f'[data-node="{node}"] .tf-box').focus()
    page.keyboard.press("Enter")
    detail = unit_detail(definition, state, node)
    assert detail is not None
    reply(page, "node", detail)
    if detail["type"] == "llm":
        prompt = [{"role": "system", "content": "Be kind. " * 40}, {"role": "user", "content": LONG}]
        reply(page, "prompt", {"messages": prompt})
        page.wait_for_function("!document.querySelector('[data-section=prompt]').hidden")
    page.evaluate("document.querySelectorAll('#out details').forEach((e) => { e.open = true })")
    settled(page)


def panel(output: str) -> Callable[[Stage], Any]:
    def scene(stage: Stage) -> Any:
        usage = {"model": "small", "input_tokens": 312, "output_tokens": 58, "cost": 0.002}
        node = NodeState(
            "draft", Status.SUCCEEDED, output=OUTPUTS[output], attempts=2, usage=usage, worker="w1",
            started_at=1001.0, finished_at=1003.0,
        )  # fmt: skip
        definition, state = told_of(stage.make, node)
        page = stage.show(state, definition, streams=SAID, spans=attempts(definition, state))
        open_panel(page, definition, state)
        return page

    return scene


def attempts(definition: Any, state: ChainState) -> dict[str, Any]:
    """The spans of the run, with a second attempt after a first that failed."""
    spans = spans_of(definition, state)
    [last] = spans["draft"]
    first = {**last, "attempt": 1, "began": 1000.2, "ended": 1000.6, "error": "ModelError: too short"}
    wait = {**last, "kind": "wait", "attempt": 1, "began": 1000.6, "ended": 1001.0, "error": ""}
    return {**spans, "draft": [first, wait, {**last, "attempt": 2}]}


def panel_of_a_failure(stage: Stage) -> Any:
    node = NodeState("draft", Status.FAILED, error=ERROR, attempts=2, started_at=1001.0, finished_at=1003.0)
    definition, state = told_of(stage.make, node)
    state.status, state.error, state.finished_at = Status.FAILED, ERROR, 1003.0
    page = stage.show(state, definition, spans=attempts(definition, state))
    open_panel(page, definition, state)
    return page


def timeline(stage: Stage) -> Any:
    node = NodeState("draft", Status.RUNNING, attempts=2, started_at=1001.0)
    definition, state = told_of(stage.make, node)
    page = stage.show(state, definition, spans=attempts(definition, state))
    tell(page, type="hello", seq=0, now=1008.0)
    page.get_by_role("button", name="Timeline", exact=True).click()
    return page


def nested(stage: Stage) -> Any:
    make = stage.make
    definition = make.chain([NodeDefinition(id="summary", type="chain")], [], name="outer")
    child = NodeState("summary", Status.SUSPENDED, child="run2", started_at=1000.0)
    state = ChainState("run1", "outer@1", "", Status.SUSPENDED, nodes={"summary": child}, created_at=1000.0)
    page = stage.show(state, definition)
    open_panel(page, definition, state, "summary")
    below = make.triage()
    graph = {**graph_picture(below, layout(below)), "view": ""}
    reply(page, "below", {"graph": graph, "snapshot": snapshot(below, make.suspended())})
    page.locator(".tf-nested .tf-form").wait_for()
    settled(page)
    return page


def form(*, wrong: bool) -> Callable[[Stage], Any]:
    def scene(stage: Stage) -> Any:
        given = {"tags": ["one", "two"], "first": {"article": "x", "amount": 100}, "share": 2, "other": None}
        schema = Everything.model_json_schema()
        for number, part in enumerate(schema["properties"].values()):
            part["description"] = f"what is asked for, number {number}"
        page = stage.show(stage.make.suspended(schema, given))
        page.get_by_role("button", name="Add to Lines").click()
        page.get_by_role("switch", name="Photo").check()
        if wrong:
            page.get_by_role("button", name="Send answer").click()
            page.locator(".tf-wrong .tf-problem:not(:empty)").first.wait_for()
        return page

    return scene


def refused(stage: Stage) -> Any:
    """The kernel is gone when Stop is pressed, and when the form is sent."""
    page = stage.show(stage.make.suspended(initial={"approved": True, "text": "We are sorry."}))
    page.evaluate("window.dead = true")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Send answer").click()
    page.locator(".tf-form > .tf-problem:not(:empty)").wait_for()
    return page


def on_its_way(stage: Stage) -> Any:
    page = stage.show(stage.make.suspended(initial={"approved": True, "text": "We are sorry."}))
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Send answer").click()
    return page


def answered(stage: Stage) -> Any:
    known = {"unit": "approval", "node": "approval", "who": "ada", "at": 5,
             "fields": [["Approved", "yes"], ["Text", LONG]]}  # fmt: skip
    return stage.show(stage.make.finished(), answers=[known, {**known, "fields": [["", "yes"]]}])


def inbox(stage: Stage) -> Any:
    page = stage.board(board_pictures.inbox())
    page.locator("summary").nth(1).click()
    page.get_by_role("button", name="Send answer").wait_for()
    return page


def runs(stage: Stage) -> Any:
    page = stage.board(board_pictures.runs())
    page.locator("tbody .tf-open").nth(1).click()
    page.get_by_text("The view of a run").wait_for()
    return page


def empty_inbox(stage: Stage) -> Any:
    return stage.board({**board_pictures.inbox(), "forms": []})


def no_runs(stage: Stage) -> Any:
    return stage.board({**board_pictures.runs(), "rows": [], "counts": {}, "counted": 0, "next": ""})


def metrics(stage: Stage) -> Any:
    return stage.output(board_pictures.metrics())


def table(stage: Stage) -> Any:
    head = ("run", "chain", "status")
    return stage.output(Table(head, [("run1", "support_triage@3", "SUCCEEDED")], "No runs.")._repr_html_())


def kept(status: str) -> Callable[[Stage], Any]:
    def scene(stage: Stage) -> Any:
        state = stories(stage.make)[status]
        return stage.output(render_fragment(stage.make.triage(), state, streams={"draft": LONG}))

    return scene


def whole_page(status: str) -> Callable[[Stage], Any]:
    def scene(stage: Stage) -> Any:
        state = stories(stage.make)[status]
        page = stage.document(render_html(stage.make.triage(), state, streams={"draft": LONG}))
        page.evaluate("document.querySelectorAll('details').forEach((e) => { e.open = true })")
        return page

    return scene


def picture(stage: Stage) -> Any:
    return stage.output(render_svg(stage.make.triage(), stage.make.suspended()))


_STATES = ("defined", "ready", "running", "retrying", "suspended", "failed", "cancelled", "finished")
SCENES: dict[str, Callable[[Stage], Any]] = {
    **{status: live(status) for status in _STATES},
    "large": large, "searched in vain": searched_in_vain,
    **{f"panel, {output}": panel(output) for output in OUTPUTS}, "panel, failure": panel_of_a_failure,
    "timeline": timeline, "nested": nested,
    "form": form(wrong=False), "form, wrong": form(wrong=True),
    "refused": refused, "on its way": on_its_way, "answered": answered,
    "inbox": inbox, "empty inbox": empty_inbox, "runs": runs, "no runs": no_runs,
    "metrics": metrics, "table": table,
    **{f"kept, {status}": kept(status) for status in ("suspended", "failed", "finished")},
    **{f"page, {status}": whole_page(status) for status in ("suspended", "failed", "finished")},
    "picture": picture,
}  # fmt: skip
