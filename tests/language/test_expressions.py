"""Expressions and prompts: values, skipped nodes, names (SEMANTICS 3 and 34)."""

from __future__ import annotations

import contextlib
from typing import Any

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyflow_nb.errors import ExpressionError, TinyflowError
from tinyflow_nb.language.expressions import (
    Comparison,
    SkippedUsed,
    evaluate,
    literal_comparisons,
    names,
    render,
    template_names,
    tolerated_names,
    tolerated_template_names,
)

SCOPE: dict[str, Any] = {
    "intent": "bug",
    "count": 3,
    "invoice": {"items": [1, 2], "total": 3.5, "note": None, "keys": "k", "_id": 7},
    "docs": [{"score": 0.2, "title": "x"}, {"score": 0.9, "title": "y"}],
    "text": "héllo <b>",
    "result": 1,
    "empty": [],
}
SKIPPED = {"gone", "lost"}

VALUES = [
    ("intent", "bug"),
    ("intent != 'bug'", False),
    ("count + 1", 4),
    ("count / 2", 1.5),
    ("count // 2 * 4 - 1 % 2", 3),
    ("-count", -3),
    ("1 < count <= 3", True),
    ("invoice.items", [1, 2]),
    ("invoice.items[1]", 2),
    ("invoice['items'][-1]", 2),
    ("invoice.keys", "k"),
    ('invoice["_id"]', 7),
    ("invoice.note or 'none'", "none"),
    ("invoice.note is none", True),
    ("invoice.missing | default(4)", 4),
    ("invoice.missing is defined", False),
    ("not invoice.missing", True),
    ("'y' if invoice.missing else 'n'", "n"),
    ("'y' if empty | first else 'n'", "n"),
    ("invoice.missing and count", False),
    ("text[:2]", "hé"),
    ("text | upper", "HÉLLO <B>"),
    ("text ~ count", "héllo <b>3"),
    ("'<' ~ invoice.items", "<[\n  1,\n  2\n]"),
    ("docs | length > 1 and docs[0].score < 0.5", True),
    ("docs | map(attribute='score')", [0.2, 0.9]),
    ("docs | selectattr('score', 'gt', 0.5) | map(attribute='title') | join(', ')", "y"),
    ("docs | sum(attribute='score') | round(1)", 1.1),
    ("docs | map(attribute='title') | reverse | list", ["y", "x"]),
    ("docs | sort(attribute='score', reverse=true) | first", {"score": 0.9, "title": "y"}),
    ("invoice | items | first", ["items", [1, 2]]),
    ("{'b': 1, 'a': 2} | dictsort", [["a", 2], ["b", 1]]),
    ("[3, 1, 1] | unique | list", [3, 1]),
    ("(1, 2)", [1, 2]),
    ("[(1, 2)]", [[1, 2]]),
    ("{'a': [count, 'x']}", {"a": [3, "x"]}),
    ("[1] + [2]", [1, 2]),
    ("'ab' * 2", "abab"),
    ("text | tojson", '"héllo <b>"'),
    ("invoice.items | tojson", "[1,2]"),
    ("'5' | int + 1", 6),
    ("'nan' | float", 0.0),
    ("count in [1, 3]", True),
    ("'x' not in intent", True),
    ("count is divisibleby(3)", True),
    ("result > 0", True),
    ("True and not False", True),
    ("None", None),
    ("empty | first | default('nothing')", "nothing"),
    ("intent\n  == 'bug'", True),
]


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_rule_3_expressions_see_plain_json(expression: str, value: Any) -> None:
    given_value = evaluate(expression, SCOPE, SKIPPED)
    assert given_value == value
    assert type(given_value) is type(value)


ACCEPTED = [
    ("gone is defined", False),
    ("gone is not defined", True),
    ("gone is undefined", True),
    ("gone | default(3)", 3),
    ("gone | d('x', true)", "x"),
    ("gone | default(lost) | default(1)", 1),
    ("intent | default(lost)", "bug"),
    ("not gone", True),
    ("gone or 2", 2),
    ("gone or lost or 2", 2),
    ("(gone or lost) | default(5)", 5),
    ("count or gone", 3),
    ("gone and count", False),
    ("count and gone", False),
    ("not (gone and count)", True),
    ("gone and gone.score > 3", False),
    ("gone is defined and gone == 3", False),
    ("'a' if not gone else gone", "a"),
]


@pytest.mark.parametrize(("expression", "value"), ACCEPTED)
def test_rule_3_what_accepts_a_skipped_node(expression: str, value: Any) -> None:
    assert evaluate(expression, SCOPE, SKIPPED) == value
    names_in_scope = SCOPE | {"gone": jinja2.Undefined(), "lost": jinja2.Undefined()}
    assert evaluate(expression, names_in_scope) == value, "an undefined in the scope is a skipped node too"


USES = [
    "gone", "gone == 3", "3 == gone", "gone != 3", "gone.score", "gone['score']", "gone.score | default(1)",
    "gone in []", "3 in gone", "gone is none", "gone is string", "gone | length", "gone | upper",
    "gone ~ 'x'", "gone + 1", "-gone", "[gone]", "(1, gone)", "{'a': gone}", "'a' if gone else 'b'",
    "count + (gone or lost)", "gone or lost", "docs[gone]", "text[gone:]",
    "'x' | replace('x', gone)", "docs | map(attribute=gone)",
    "gone < 3", "1 < 2 < gone", "not (gone == 3)", "gone | default(lost)", "count is divisibleby(gone)",
]  # fmt: skip


@pytest.mark.parametrize("expression", USES)
def test_rule_3_any_other_use_of_a_skipped_node(expression: str) -> None:
    with pytest.raises(SkippedUsed) as caught:
        evaluate(expression, SCOPE, SKIPPED)
    assert caught.value.name in SKIPPED
    assert str(caught.value) == f"{caught.value.name} was skipped"
    assert not isinstance(caught.value, ExpressionError)


@pytest.mark.parametrize(
    "template",
    ["{{ gone }}", "{% for x in gone %}{% endfor %}", "{% if gone %}{% endif %}", "{% set a = gone %}",
     "{% if gone == 1 %}{% endif %}", "{% for x in docs if gone %}{% endfor %}"],
)  # fmt: skip
def test_rule_3_in_a_prompt(template: str) -> None:
    with pytest.raises(SkippedUsed, match="gone was skipped"):
        render(template, SCOPE, SKIPPED)


def test_rule_3_a_branch_that_does_not_run_uses_nothing() -> None:
    assert evaluate("1 if count else gone", SCOPE, SKIPPED) == 1
    assert render("{% if gone is defined %}{{ gone.text }}{% else %}-{% endif %}", SCOPE, SKIPPED) == "-"


RENDERED = [
    ("plain text, { and }", "plain text, { and }"),
    ("Hi {{ text }}!", "Hi héllo <b>!"),
    ("{{ count }} {{ true }} {{ none }} {{ 1.5 }}", "3 true null 1.5"),
    ("{{ invoice.items }}", "[\n  1,\n  2\n]"),
    ("{{ docs[0] }}", '{\n  "score": 0.2,\n  "title": "x"\n}'),
    ("{% for d in docs if d.score > 0.5 %}{{ loop.index }}/{{ loop.length }}: {{ d.title }}{% endfor %}",
     "1/1: y"),
    ("{% for k, v in invoice | items %}{{ k }}{% if not loop.last %},{% endif %}{% endfor %}",
     "items,total,note,keys,_id"),
    ("{% for d in empty %}x{% else %}none{% endfor %}", "none"),
    ("{% set n = count * 2 %}{{ n }}", "6"),
    ("{% if count > 5 %}a{% elif count > 2 %}b{% else %}c{% endif %}", "b"),
    ("{% if invoice.missing %}a{% else %}b{% endif %}", "b"),
    ("{% raw %}{{ text }}{% endraw %}{# unseen #}", "{{ text }}"),
    ("line\n", "line\n"),
    ("{{ docs | map(attribute='title') | join('-') }}", "x-y"),
]  # fmt: skip


@pytest.mark.parametrize(("template", "text"), RENDERED)
def test_rule_34_text_is_inserted_as_it_is_and_the_rest_as_readable_json(template: str, text: str) -> None:
    assert render(template, SCOPE) == text


ERRORS = [
    ("intnt", "in `intnt`: there is no 'intnt' here; did you mean 'intent'?"),
    ("invoice.totl", "in `invoice.totl`: there is no field 'totl'; did you mean 'total'?"),
    ("docs[7]", "in `docs[7]`: there is no item 7: a list has 2"),
    ("count.real", "in `count.real`: a number has no field 'real'"),
    ("text.upper", "in `text.upper`: a text has no field 'upper'"),
    ("invoice.note.x", "in `invoice.note.x`: none has no field 'x'"),
    ("count / 0", "in `count / 0`: divides by zero"),
    ("count > text", "in `count > text`: can't compare a number with text"),
    ("count - text", "in `count - text`: `-` can't take a number and text"),
    (
        "text + count",
        "in `text + count`: `+` adds numbers or lists, or text to text: join anything else with `~`",
    ),
    ("count | length", "in `count | length`: a number has no length"),
    ("docs | sum", "in `docs | sum`: `sum` adds numbers, not a mapping"),
    ("{1: 2}", "in `{1: 2}`: a mapping's keys must be text"),
    ("intent ==", "in `intent ==`: the expression is not complete"),
    (
        "docs | map(attribute='titel') | list",
        "in `docs | map(attribute='titel') | list`: there is no field 'titel'; did you mean 'title'?",
    ),
    (
        "docs | sum(attribute='x')",
        "in `docs | sum(attribute='x')`: there is no field 'x' (there is: score, title)",
    ),
    ("empty | first", "in `empty | first`: No first item, sequence was empty"),
]


@pytest.mark.parametrize(("expression", "message"), ERRORS)
def test_errors_speak_to_the_author_of_the_cell(expression: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(expression, SCOPE)
    assert str(caught.value) == message


def test_the_scope_is_not_changed() -> None:
    scope = {"a": [1, 2], "b": {"c": 3}}
    render("{% set a = [9] %}{% for b in a %}{{ b }}{% endfor %}{{ a + [3] }}", scope)
    assert scope == {"a": [1, 2], "b": {"c": 3}}


def test_names() -> None:
    assert names("draft.score > limit and b is defined") == {"draft", "limit", "b"}
    assert names("'a.b' ~ loop") == {"loop"}
    assert template_names("{{ a }} {% for d in docs %}{{ d }}{{ loop.index }}{{ b }}{% endfor %}") == {
        "a",
        "docs",
        "b",
    }
    assert template_names("{% set n = a %}{{ n }}") == {"a"}
    assert template_names("no names, {a}") == frozenset()
    with pytest.raises(ExpressionError):
        names("a b")


def test_rule_2_names_whose_every_use_tolerates_a_skip() -> None:
    assert tolerated_names("a or b") == {"a", "b"}
    assert tolerated_names("a | default(b) | default('')") == {"a", "b"}
    assert tolerated_names("a is defined and a.x > 1") == frozenset()
    assert tolerated_names("not a and b == 1") == {"a"}
    assert tolerated_names("a") == frozenset()
    assert tolerated_template_names("{% if a is defined %}x{% endif %}{{ b | default('') }}{{ c }}") == {
        "a",
        "b",
    }


def test_rule_37_comparisons_with_constants() -> None:
    assert literal_comparisons("intent == 'bug' or 'x' != kind or k in ['a', 1] or not j in (true,)") == [
        Comparison("intent", "==", "bug"),
        Comparison("kind", "!=", "x"),
        Comparison("k", "in", "a"),
        Comparison("k", "in", 1),
        Comparison("j", "in", True),
    ]
    assert literal_comparisons("k not in ['z']") == [Comparison("k", "not in", "z")]
    assert literal_comparisons("a == b or a.c == 'x' or a > 3") == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(json_values)
@settings(max_examples=60, deadline=None)
def test_any_json_value_passes_through_unchanged(value: Any) -> None:
    assert evaluate("x", {"x": value}) == value
    assert evaluate("[x, {'k': x}]", {"x": value}) == [value, {"k": value}]


PIECES = st.sampled_from(
    ["a", "b", "gone", " ", "{{", "}}", "{%", "%}", "if", "for", "in", "end", "endif", "endfor", "(", ")",
     "[", "]", "{", "}", ".", "|", "~", "+", "*", "**", "==", "'", '"', "1", "default", "is",
     "defined", "not",
     ",", "else", "set", "=", "_", "__class__", "loop", "\n", "#}", "{#", "&&", "é"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14).map("".join) | st.lists(PIECES, max_size=14).map(" ".join))
@settings(max_examples=400, deadline=None)
def test_no_text_raises_anything_but_our_errors(text: str) -> None:
    for read in (evaluate, render):
        with contextlib.suppress(TinyflowError):
            read(text, {"a": {"b": [1, "x"]}, "b": 2}, {"gone"})  # type: ignore[operator]
