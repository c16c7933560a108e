"""What changed from one version to another: the graph, line by line, then the source."""

from __future__ import annotations

import pytest

from tinyflow_nb import ChainDefinition
from tinyflow_nb.engine.comparing import difference, graph_changes

BEFORE = '''
question: str

@llm("smollm2", temperature=0.2)
def intent(question) -> Literal["refund", "bug"]:
    """Classify {{ question }}"""

@confirm(when="intent == 'bug'")
def sure(intent) -> bool:
    """Sure?"""

@node(retry=2)
def reply(sure=None) -> str:
    return "yes"
'''


def define(source: str) -> ChainDefinition:
    return ChainDefinition.from_source(f"from typing import Literal\n{source}", "x")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("temperature=0.2", "temperature=0.7", ["~ node intent", "    settings.temperature: 0.2 -> 0.7"]),
        ("Classify", "Sort", ["~ node intent",
         '    prompt: "Classify {{ question }}" -> "Sort {{ question }}"']),
        ("Classify", "Classify, as well as you can and in one word, this message of a customer:",
         ["~ node intent", "    prompt: changed"]),
        ("when=\"intent == 'bug'\"", "", ["~ node sure", "    when: \"intent == 'bug'\" -> \"\""]),
        ("retry=2", "retry=4", ["~ node reply", "    retry.max: 2 -> 4"]),
        ('return "yes"', 'return "no"', ["~ node reply", "    code: changed"]),
        ("sure=None", "sure=None, intent=None",
         ["~ node reply", '    parameter.intent: none -> "node intent"', "+ edge intent -> reply"]),
        ("sure(intent)", "sure(question)",
         ["~ node sure", "    parameter.intent: \"node intent\" -> none",
          "    parameter.question: none -> \"input question\"", "- edge intent -> sure",
          "+ edge intent -> sure (order)"]),
        ("def reply(", "def answer(", ["- node reply", "+ node answer (code)", "- edge sure -> reply",
         "+ edge sure -> answer"]),
        ("question: str\n", "question: str\ntone: str = Input('polite')\n", ["+ input tone (string)"]),
        ("question: str\n", "question: str\nCHAIN = Chain(deadline=60)\n",
         ["~ settings of the chain", "    deadline: none -> 60.0"]),
        ("question: str\n", "question: str  # what they wrote\n", []),
    ],
)  # fmt: skip
def test_a_change_of_the_graph_is_told(old: str, new: str, told: list[str]) -> None:
    assert old in BEFORE
    assert list(graph_changes(define(BEFORE), define(BEFORE.replace(old, new)))) == told


def test_the_source_follows() -> None:
    text = difference(define(BEFORE), define(BEFORE.replace("retry=2", "retry=4")), "x@1", "x@2")
    assert text.startswith("Graph:\n  ~ node reply\n      retry.max: 2 -> 4\n\n--- x@1\n+++ x@2\n@@")
    assert "-@node(retry=2)\n+@node(retry=4)\n" in text


def test_a_comment_is_no_change_of_the_graph() -> None:
    text = difference(define(BEFORE), define(BEFORE.replace("retry=2)", "retry=2)  # enough")), "x@1", "x@2")
    assert text.startswith("The graph is the same.\n\n--- x@1\n")
    assert difference(define(BEFORE), define(BEFORE), "x@1", "x@1") == ""
