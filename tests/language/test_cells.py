"""Good cells, and the definitions they become."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from tinyflow_nb.errors import DefinitionError, Problem
from tinyflow_nb.language import load, parse
from tinyflow_nb.model.definition import ChainDefinition, Each, OnError, Parameter, Retry

TRIAGE = '''
"""Sort a customer's message, draft the answer, let a person edit and send it."""
from typing import Literal
from pydantic import BaseModel, Field
from tinyflow_nb import Input, chain, confirm, llm

question: str
tone: str = Input("polite", description="how the reply should sound")

class Approval(BaseModel):
    approved: bool
    text: str = Field(description="the reply as it will be sent")

@llm("smollm2")
def intent(question) -> Literal["refund", "bug", "other"]:
    """Classify this customer message: {{ question }}"""

@llm("smollm2", when="intent != 'bug'")            # naming intent makes the edge
def draft(question, tone) -> str:
    """Write a short, {{ tone }} reply to: {{ question }}"""

@confirm(initial={"text": "draft"})                # the person edits the draft
def approval(draft) -> Approval:
    """Send this reply?"""

@node(when="intent == 'bug'")
def ticket(question) -> str:
    return "TICKET " + question

def reply(approval: Approval | None = None, ticket: str | None = None) -> str:
    if approval is None:                           # skipped: the bug branch ran
        return f"Handed to engineering: {ticket}"
    return approval.text if approval.approved else "A colleague will write to you."
'''


def chain_of(text: str, **options: Any) -> ChainDefinition:
    return parse(textwrap.dedent(text), "chain", **options)


def edges(definition: ChainDefinition) -> set[tuple[str, str, str, bool]]:
    return {(e.source, e.target, e.kind, e.required) for e in definition.edges}


def test_the_example_of_the_design() -> None:
    warnings: list[Problem] = []
    definition = parse(TRIAGE, "support_triage", warnings=warnings)
    assert warnings == []
    assert definition.description.startswith("Sort a customer's message")
    assert [(n.id, n.type, n.line) for n in definition.nodes] == [
        ("intent", "llm", 15), ("draft", "llm", 19), ("approval", "confirm", 23), ("ticket", "code", 27),
        ("reply", "code", 30),
    ]  # fmt: skip
    assert edges(definition) == {
        ("intent", "draft", "order", False), ("draft", "approval", "data", True),
        ("intent", "ticket", "order", False), ("approval", "reply", "data", False),
        ("ticket", "reply", "data", False),
    }  # fmt: skip
    question, tone = definition.inputs
    assert (question.name, question.required, question.json_schema) == ("question", True, {"type": "string"})
    assert (tone.required, tone.default, tone.description) == (False, "polite", "how the reply should sound")
    assert definition.node("intent").output_schema == {"enum": ["refund", "bug", "other"], "type": "string"}
    assert definition.node("intent").options == {
        "models": ["smollm2"], "prompt": "Classify this customer message: {{ question }}", "system": "",
        "body": False, "settings": {}, "tools": [], "max_steps": 8, "reasks": 2,
    }  # fmt: skip
    approval = definition.node("approval")
    assert approval.options["message"] == "Send this reply?"
    assert approval.options["initial"] == {"text": "draft"}
    assert approval.options["schema"] == approval.output_schema
    assert approval.output_schema is not None
    assert set(approval.output_schema["properties"]) == {"approved", "text"}
    assert definition.results() == ("intent", "reply")
    assert definition.output_schema is not None
    assert set(definition.output_schema["properties"]) == {"intent", "reply"}


def test_json_round_trip() -> None:
    definition = parse(TRIAGE, "support_triage")
    assert load(definition.to_json()) == definition
    assert ChainDefinition.from_json(definition.to_json().encode()) == definition
    assert ChainDefinition.from_source(TRIAGE, "support_triage") == definition


def test_rule_1_what_makes_data_and_order_edges() -> None:
    definition = chain_of('''
        def a(): return [1]
        def b(): return 1
        def c(): return 1
        def d(): return "x"
        def e(): return True
        def f(): return 1
        @node(inputs={"x": "b + 1"}, each="i in a", after="f", when="e", until="g > c")
        def g(x, i): return x + i
        @llm
        def h():
            """Say {{ d }}"""
        @confirm(initial="d")
        def i2(h=None) -> str:
            """Right?"""
    ''')
    assert {e for e in edges(definition) if e[1] == "g"} == {
        ("b", "g", "data", False), ("a", "g", "data", False), ("f", "g", "order", False),
        ("e", "g", "order", False), ("c", "g", "order", False),
    }  # fmt: skip
    assert {e for e in edges(definition) if e[1] in ("h", "i2")} == {
        ("d", "h", "data", False), ("d", "i2", "data", False), ("h", "i2", "data", False)
    }  # fmt: skip
    node = definition.node("g")
    assert node.each == Each(variables=("i",), items="a")
    assert node.parameters == (
        Parameter(name="x", source="expression", reference="b + 1"),
        Parameter(name="i", source="item", reference="i"),
    )


def test_rule_1_a_data_edge_is_stronger_than_an_order_edge() -> None:
    definition = chain_of("""
        def a(q): return q
        @node(when="a == 'x'", after="a")
        def b(a): return a
    """)
    assert edges(definition) == {("a", "b", "data", True)}


def test_rule_2_a_default_tolerates_a_skipped_parent() -> None:
    definition = chain_of("""
        def a(q): return q
        def b(a, q=1, *, extra=None): return a
        def c(a=None): return a
    """)
    assert edges(definition) == {("a", "b", "data", True), ("a", "c", "data", False)}
    assert [p.required for p in definition.node("b").parameters] == [True, False, False]


def test_rule_4_join_any() -> None:
    definition = chain_of("""
        def a(q): return q
        def b(q): return q
        @node(join="any", when="q != ''")
        def first(a=None, b=None): return a or b
    """)
    assert definition.node("first").join == "any"


def test_rule_5_a_handler_takes_the_same_names_and_the_error() -> None:
    definition = chain_of("""
        def a(q): return q
        @node(on_error="fallback", inputs={"text": "a | upper"}, retry=2)
        def risky(text, q): return text
        def fallback(text, q, error=None): return "sorry"
        def after(risky): return risky
    """)
    assert definition.node("risky").on_error == OnError(kind="handler", handler="fallback")
    assert definition.node("fallback").parameters == (
        Parameter(name="text", source="expression", reference="a | upper"),
        Parameter(name="q", source="input", reference="q"),
        Parameter(name="error", source="error", reference="error", required=False),
    )
    assert edges(definition) == {
        ("a", "risky", "data", False), ("risky", "fallback", "handler", False),
        ("a", "fallback", "data", False), ("risky", "after", "data", True),
    }  # fmt: skip
    assert definition.results() == ("after",)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("'fail'", OnError()),
        ("'skip'", OnError(kind="skip")),
        ("default(0)", OnError(kind="default", value=0)),
        (
            "default(('a', [1.5, None, {'b': -1}]))",
            OnError(kind="default", value=["a", [1.5, None, {"b": -1}]]),
        ),
        ("default(NOTHING)", OnError(kind="default", value="nothing")),
        ("FALLBACK", OnError(kind="default", value={})),
    ],
)
def test_rule_5_on_error(written: str, kept: OnError) -> None:
    definition = chain_of(f"""
        NOTHING = "nothing"
        FALLBACK = default({{}})
        @node(on_error={written})
        def a(q): return q
    """)
    assert definition.node("a").on_error == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("doc in docs", Each(variables=("doc",), items="docs")),
        ("q, a in docs", Each(variables=("q", "a"), items="docs")),
        ("(q, a) in docs", Each(variables=("q", "a"), items="docs")),
        (
            "doc in docs if doc.score > 0.5",
            Each(variables=("doc",), items="docs", condition="doc.score > 0.5"),
        ),
        (
            "doc in (docs if docs else []) if ' if ' not in doc",
            Each(variables=("doc",), items="(docs if docs else [])", condition="' if ' not in doc"),
        ),
    ],
)
def test_rule_8_each(written: str, kept: Each) -> None:
    names = ", ".join(kept.variables)
    definition = chain_of(f"""
        docs: list
        @node(each="{written}", max_concurrency=3)
        def many({names}): return 1
    """)
    node = definition.node("many")
    assert (node.each, node.max_concurrency) == (kept, 3)
    assert {p.source for p in node.parameters} == {"item"}
    assert definition.output_schema == {"type": "array", "items": {}}


def test_rule_9_until_and_the_last_output() -> None:
    definition = chain_of('''
        question: str
        @llm(until="draft | length > 100 or question == ''", max_rounds=5, on_exhausted="fail")
        def draft(question, draft=None) -> str:
            """Improve {{ draft or "nothing" }} for {{ question }}"""
    ''')
    node = definition.node("draft")
    assert (node.max_rounds, node.on_exhausted, definition.edges) == (5, "fail", ())
    assert node.parameters[1] == Parameter(name="draft", source="previous", reference="draft", required=False)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("retry=3", {"retry": Retry(max=3)}),
        ("retry=Retry(max=5, wait=0.5, on=(TimeoutError, os.error))",
         {"retry": Retry(max=5, wait=0.5, on=("TimeoutError", "error"))}),
        ("retry=_retry()", {"retry": Retry(max=7, on=("ValueError",))}),
        ("timeout='3m'", {"timeout": 180.0}),
        ("timeout='1h 30m'", {"timeout": 5400.0}),
        ("timeout='250ms'", {"timeout": 0.25}),
        ("timeout=2.5", {"timeout": 2.5}),
        ("timeout=None", {"timeout": None}),
        ("timeout=60 * 2", {"timeout": 120.0}),
        ("cache=False", {"cache": False}),
        ("result=True", {"result": True}),
        ("tags='gpu'", {"tags": ("gpu",)}),
        ("tags=TAGS", {"tags": ("gpu", "large")}),
    ],
)  # fmt: skip
def test_rule_10_options(written: str, kept: dict[str, Any]) -> None:
    definition = chain_of(f"""
        import os
        TAGS = ["gpu", "large"]
        def _retry(): return Retry(max=7, on=ValueError)
        @node({written})
        def a(q): return q
    """)
    assert {name: getattr(definition.node("a"), name) for name in kept} == kept


@pytest.mark.parametrize("written", ["'a b'", "['gpu', 'a+b']", "[1]", "['gpu', '']"])
def test_a_tag_is_a_word(written: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        chain_of(f"@node(tags={written})\ndef a(q): return q\n")
    (problem,) = caught.value.problems
    assert problem.line == 1
    assert problem.message.startswith("`tags=` must be a t")
