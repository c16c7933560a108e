"""The live view as it stands in a notebook, photographed by Chromium: docs/pictures/*.png.

Part of `make pictures`. The runs are made up, so that the same text gives the same picture.
"""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.widgets.page import fill  # noqa: E402 - found by the line above
from tinyflow_nb.model.definition import (  # noqa: E402
    ChainDefinition,
    Edge,
    InputDefinition,
    NodeDefinition,
    Parameter,
)  # fmt: skip
from tinyflow_nb.model.state import ChainState, NodeState  # noqa: E402
from tinyflow_nb.model.status import Status  # noqa: E402
from tinyflow_nb_widgets.detail import unit_detail  # noqa: E402
from tinyflow_nb_widgets.html import render_story  # noqa: E402
from tinyflow_nb_widgets.story import Story  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
MODULE = ROOT / "widgets" / "tinyflow_nb_widgets" / "static" / "widget.js"
NOW = 1012.0
QUIET = "h1 { display: none } body { margin: 0 } .tf-stream *::after { content: none !important }"
WORDS = ("fetch", "parse", "clean", "embed", "rank", "summarise", "classify", "extract", "merge", "translate")
REPLY = "We are sorry about your shoes. You will have your money back within five days."
FORM = {
    "message": "Send this reply?", "initial": {"approved": True, "text": REPLY},
    "schema": {"type": "object", "required": ["approved", "text"], "properties": {
        "approved": {"type": "boolean"},
        "text": {"type": "string", "description": "the reply as it will be sent"},
    }},
}  # fmt: skip


def chain(name: str, nodes: list[tuple[str, str]], edges: list[tuple[str, str]]) -> ChainDefinition:
    return ChainDefinition(
        name=name, hash="0" * 64, nodes=tuple(NodeDefinition(id=id, type=type) for id, type in nodes),
        edges=tuple(Edge(source=source, target=target) for source, target in edges),
    )  # fmt: skip


def run(definition: ChainDefinition, status: Status, nodes: dict[str, NodeState]) -> ChainState:
    every = {n.id: nodes.get(n.id) or NodeState(n.id) for n in definition.nodes}
    return ChainState(
        f"{definition.name}-7f8eb49ffa", definition.short_ref, definition.hash, status, nodes=every,
        created_at=1000.0,
    )  # fmt: skip


def done(id: str, took: float, **more: Any) -> NodeState:
    return NodeState(id, Status.SUCCEEDED, started_at=1000.0, finished_at=1000.0 + took, **more)


def triage() -> ChainDefinition:
    nodes = [("intent", "llm"), ("lookups", "code"), ("draft", "llm"), ("ticket", "code"),
             ("approval", "confirm"), ("reply", "code")]  # fmt: skip
    edges = [("intent", "draft"), ("intent", "ticket"), ("lookups", "draft"), ("draft", "approval"),
             ("approval", "reply"), ("ticket", "reply")]  # fmt: skip
    return chain("support_triage", nodes, edges)


def running() -> tuple[ChainDefinition, ChainState, dict[str, str]]:
    items = [NodeState(f"lookups[{i}]", Status.SUCCEEDED if i < 31 else Status.READY) for i in range(40)]
    nodes = {
        "intent": done("intent", 0.4, cached=True),
        "lookups": NodeState("lookups", Status.RUNNING, items=items, started_at=1001.0),
        "draft": NodeState("draft", Status.RUNNING, attempts=2, started_at=1003.0),
        "ticket": NodeState("ticket", Status.SKIPPED, reason="its condition was false: intent == 'bug'"),
    }
    return triage(), run(triage(), Status.RUNNING, nodes), {"draft": REPLY[:52]}


def suspended() -> tuple[ChainDefinition, ChainState, dict[str, str]]:
    nodes = {
        "intent": done("intent", 0.4), "lookups": done("lookups", 1.9), "draft": done("draft", 3.1),
        "ticket": NodeState("ticket", Status.SKIPPED, reason="its condition was false: intent == 'bug'"),
        "approval": NodeState("approval", Status.SUSPENDED, waiting_for=FORM, started_at=1004.0),
    }  # fmt: skip
    return triage(), run(triage(), Status.SUSPENDED, nodes), {"draft": REPLY}


def finished() -> tuple[ChainDefinition, ChainState, dict[str, str]]:
    definition, state, said = suspended()
    answer = {"approved": True, "text": REPLY}
    state.nodes["approval"] = done(
        "approval", 8.0, output=answer, answered_by={"who": "ada", "at": 1_790_000_000.0}, waiting_for=FORM
    )
    state.nodes["reply"] = done("reply", 0.012, output=REPLY)
    state.status, state.result, state.finished_at = Status.SUCCEEDED, REPLY, NOW
    return definition, state, said


def hundred() -> tuple[ChainDefinition, ChainState, dict[str, str]]:
    dice = random.Random(3)
    ids = [f"{WORDS[i % len(WORDS)]}_{i // len(WORDS) + 1}" for i in range(100)]
    pairs = {
        (dice.randrange(max(0, i - 18), i), i) for i in range(1, 100) for _ in range(dice.choice((1, 1, 2)))
    }
    edges = [(ids[a], ids[b]) for a, b in sorted(pairs)]
    definition = chain("research_report", [(id, dice.choice(("code", "llm"))) for id in ids], edges)
    nodes: dict[str, NodeState] = {}
    for number, id in enumerate(ids):
        before = [nodes[source].status for source, target in edges if target == id]
        if any(status in (Status.READY, Status.RUNNING) for status in before) or number > 80:
            nodes[id] = NodeState(id)
        elif dice.random() < 0.08:
            nodes[id] = NodeState(id, Status.RUNNING, started_at=1010.0)
        elif dice.random() < 0.04:
            nodes[id] = NodeState(id, Status.SKIPPED, reason="its condition was false")
        else:
            nodes[id] = done(id, dice.random() * 5)
    return definition, run(definition, Status.RUNNING, nodes), {}


SOURCE = '''question: str

@llm("smollm2")
def intent(question) -> Literal["refund", "bug"]:
    """Classify this customer message: {{ question }}"""

def lookups(question):
    return [{"order": 17, "item": "shoes", "price": 59.5}, {"order": 21, "item": "laces", "price": 4.0}]

@llm("smollm2", retry=2)
def draft(question, lookups) -> Reply:
    """Answer kindly: {{ question }}"""
'''
ORDERS = [{"order": 17, "item": "shoes", "price": 59.5}, {"order": 21, "item": "laces", "price": 4.0}]
SAID = "We are **sorry** about your shoes.\n\n- your money is on its way\n- keep the `receipt`"
ERROR = {
    "type": "ModelError", "node": "draft", "attempt": 3, "line": 11, "answer": '{"score": "high"}',
    "traceback": "", "message": "model 'smollm2' gave no valid Reply: score: Input should be a valid integer",
}  # fmt: skip


def triage_with_source(*, fails: bool) -> tuple[ChainDefinition, ChainState]:
    def reads(*names: str) -> tuple[Parameter, ...]:
        nodes = ("intent", "lookups")
        return tuple(Parameter(name=n, source="node" if n in nodes else "input", reference=n) for n in names)

    definition = ChainDefinition(
        name="support_triage", hash="0" * 64, source=SOURCE, inputs=(InputDefinition(name="question"),),
        nodes=(
            NodeDefinition(id="intent", type="llm", line=4, parameters=reads("question")),
            NodeDefinition(id="lookups", line=7, parameters=reads("question")),
            NodeDefinition(id="draft", type="llm", line=11, parameters=reads("question", "lookups")),
        ),
        edges=(Edge(source="intent", target="draft", kind="order"), Edge(source="lookups", target="draft")),
    )  # fmt: skip
    usage = {"model": "smollm2", "input_tokens": 312, "output_tokens": 58}
    draft = done("draft", 11.2, output=SAID, usage=usage, attempts=3)
    if fails:
        draft = NodeState("draft", Status.FAILED, error=ERROR, attempts=3, started_at=1002.4)
        draft.finished_at = NOW
    nodes = {
        "intent": done("intent", 0.9, output="refund", usage={**usage, "output_tokens": 2}),
        "lookups": done("lookups", 2.1, output=ORDERS), "draft": draft,
    }  # fmt: skip
    state = run(definition, Status.FAILED if fails else Status.SUCCEEDED, nodes)
    state.inputs, state.finished_at = {"question": "My shoes fell apart, money back!"}, NOW
    state.result, state.error = (None, ERROR) if fails else (SAID, None)
    return definition, state


def attempted() -> dict[str, list[dict[str, Any]]]:
    """When the three nodes waited and ran."""

    def span(kind: str, began: float, ended: float, attempt: int = 1, error: str = "") -> dict[str, Any]:
        times = {"began": 1000 + began, "ended": 1000 + ended}
        worker = "" if kind == "wait" else ("w1 gpu-1:214:5f0c", "w2 gpu-2:198:a91e")[attempt == 2]
        return {"kind": kind, **times, "attempt": attempt, "round": 1, "error": error, "worker": worker}

    wrong = "ModelError: no valid Reply"
    return {
        "intent": [span("wait", 0, 0.2), span("run", 0.2, 1.1)],
        "lookups": [span("wait", 0, 0.2), span("run", 0.2, 2.3)],
        "draft": [
            span("wait", 2.3, 2.6), span("run", 2.6, 5.0, 1, wrong), span("wait", 5.0, 6.1),
            span("run", 6.1, 8.4, 2, wrong), span("wait", 8.4, 9.3), span("run", 9.3, 12.0, 3),
        ],
    }  # fmt: skip


def open_panel(page: Any, definition: ChainDefinition, state: ChainState) -> None:
    """The panel of `draft`, answered as the kernel would."""

    def answer(kind: str, answer: Any) -> None:
        asked = "(kind) => window.sent.find((m) => m.question?.type === kind)?.id"
        page.wait_for_function(asked, arg=kind)
        reply = {"type": "reply", "id": page.evaluate(asked, kind), "ok": True, "error": "", "answer": answer}
        page.evaluate("(reply) => window.tell(reply)", reply)

    page.locator("[data-node=draft]").click()
    answer("node", unit_detail(definition, state, "draft"))
    prompt = "Answer kindly: My shoes fell apart, money back!"
    answer("prompt", {"messages": [{"role": "user", "content": prompt}]})
    page.wait_for_function("!document.querySelector('[data-section=prompt]').hidden")
    page.evaluate("document.querySelectorAll('.tf-section').forEach((e) => { e.open = true })")


def told_pictures(browser: Any) -> None:
    """The panel, the timeline and a failed run, each in light and dark."""
    for name in ("panel", "timeline", "failed"):
        for dark in (False, True):
            definition, state = triage_with_source(fails=name != "panel")
            page = browser.new_page(viewport={"width": 960, "height": 1200}, reduced_motion="reduce")
            page.clock.set_fixed_time(NOW)
            pieces = [["thinking", "They want money back."], ["text", SAID]]
            streams = {"draft": {"turn": "1.1.3", "cut": False, "pieces": pieces}} if name == "panel" else {}
            fill(page, definition, state, MODULE, dark=dark, streams=streams, spans=attempted())
            page.add_style_tag(content=QUIET)
            if name == "panel":
                open_panel(page, definition, state)
            elif name == "timeline":
                page.get_by_role("button", name="Timeline", exact=True).click()
            page.mouse.move(0, 0)
            target = f"{name}{'-dark' if dark else ''}.png"
            page.locator(".tf-live").screenshot(path=PICTURES / target, animations="disabled")
            print(f"Drawn: docs/pictures/{target}")
            page.close()


def page_picture(browser: Any) -> None:
    """The page of a run, a node with a chain below it opened."""
    definition, state = triage_with_source(fails=False)
    draft = state.nodes["draft"]
    draft.child, draft.usage, draft.attempts = "doc_summary-51c00ab7d2", None, 1
    below = chain("doc_summary", [("split", "code"), ("fold", "llm")], [("split", "fold")])
    done_below = run(below, Status.SUCCEEDED, {"split": done("split", 0.4), "fold": done("fold", 8.1)})
    done_below.result, done_below.finished_at = SAID, 1008.5
    prompts = {"intent": [{"role": "user", "content": f"Classify this: {state.inputs['question']}"}]}
    story = Story(definition, state, prompts=prompts, below={"draft": Story(below, done_below)})
    page = browser.new_page(viewport={"width": 960, "height": 900})
    page.set_content(render_story(story))
    for folded in (".tf-unit:nth-of-type(3) > summary", ".tf-chainbelow > summary"):
        page.locator(folded).first.click()
    page.mouse.move(0, 0)
    page.screenshot(path=PICTURES / "page.png", full_page=True, animations="disabled")
    print("Drawn: docs/pictures/page.png")
    page.close()


SHOWN = {
    "live-running": (running, False), "live-suspended": (suspended, True), "live-finished": (finished, False),
    "live-100": (hundred, False),
}  # fmt: skip


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("The pictures of the live view need Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, (made, dark) in SHOWN.items():
            definition, state, said = made()
            page = browser.new_page(viewport={"width": 960, "height": 900}, reduced_motion="reduce")
            page.clock.set_fixed_time(NOW)
            streams = {unit: {"turn": "1.1.1", "cut": False, "pieces": [["text", text]]}
                       for unit, text in said.items()}  # fmt: skip
            fill(page, definition, state, MODULE, dark=dark, streams=streams)
            page.add_style_tag(content=QUIET)
            page.wait_for_function("document.querySelector('.tf-pill').textContent.includes('12 s')")
            page.locator(".tf-live").screenshot(path=PICTURES / f"{name}.png", animations="disabled")
            print(f"Drawn: docs/pictures/{name}.png")
        told_pictures(browser)
        page_picture(browser)
        browser.close()


if __name__ == "__main__":
    main()
