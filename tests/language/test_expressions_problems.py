"""Static mistakes of expressions and prompts, with their places and hints (SEMANTICS 34 and 37)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyflow_nb.language.expressions import problems, single_braces

EXPRESSIONS = [
    ("{{ x }}", 0, 0, "an expression takes no braces", "write `x`"),
    ("len(x) > 3", 0, 0, "`len()` can't be called here", "write `x | length`"),
    ("3 < len(draft.text)", 0, 4, "`len()` can't be called here", "write `draft.text | length`"),
    ("str(x)", 0, 0, "`str()` can't be called here", "write `x | string`"),
    ("sorted(x)", 0, 0, "`sorted()` can't be called here", "write `x | sort`"),
    ("foo(x, 1)", 0, 0, "`foo()` can't be called here", "use a filter, or compute it in a node"),
    ("x is None", 0, 0, "`is` takes a test, in lower case", "write `x is none`"),
    ("a and x.y is not None", 0, 6, "`is` takes a test, in lower case", "write `x.y is not none`"),
    ("x is True", 0, 0, "`is` takes a test, in lower case", "write `x is true`"),
    ("x && y", 0, 2, "`&&` is not an operator here", "write `and`"),
    ("x\n || y", 1, 1, "`||` is not an operator here", "write `or`"),
    ("!x", 0, 0, "`!` is not an operator here", "write `not`"),
    ("x === 3", 0, 2, "`===` is not an operator here", "write `==`"),
    ("x !== 3", 0, 2, "`!==` is not an operator here", "write `!=`"),
    ("x <> 3", 0, 2, "`<>` is not an operator here", "write `!=`"),
    ("x = 3", 0, 2, "`=` sets nothing here", "compare with `==`"),
    ("x ?? 3", 0, 2, "`??` is not an operator here", "write `x | default(value)`"),
    ("x?.y", 0, 1, "`?.` is not an operator here", "write `x.field | default(none)`"),
    ("x ? 1 : 2", 0, 2, "`?` is not an operator here", "write `a if condition else b`"),
    ("x == null", 0, 5, "`null` is no value here", "write `none`"),
    ("x > .5", 0, 4, "`.5` is no number here", "write `0.5`"),
    ("(y := 3)", 0, 3, "`:=` is not available here", "write the value where it is needed"),
    ("x.lower() == 'a'", 0, 2, "the method `.lower()` can't be called here", "write `x | lower`"),
    ("d['a'].get('k')", 0, 7, "the method `.get()` can't be called here",
     "write `d['a'].key | default(value)`"),
    ("', '.join(x)", 0, 5, "the method `.join()` can't be called here", "write `parts | join(', ')`"),
    ("x.startswith('a')", 0, 2, "the method `.startswith()` can't be called here",
     "compare the beginning: `x[:3] == 'abc'`"),
    ("x.fit()", 0, 2, "the method `.fit()` can't be called here", "use a filter, or compute it in a node"),
    ("[d for d in docs]", 0, 3, "a comprehension can't be used here",
     "use filters, as in `docs | selectattr('score', '>', 0.5) | map(attribute='title')`, or a node"),
    ("lambda x: x", 0, 0, "a lambda can't be used here",
     "use a filter, as in `docs | map(attribute='score')`, or a node"),
    ("f'{x}'", 0, 0, "an f-string can't be used here", "join with `~`: `'Dear ' ~ name`"),
    ("await x", 0, 0, "`await` can't be used here", "outputs are there when the expression is read"),
    ("x ** 2", 0, 2, "`**` is not available", "multiply, or compute it in a node"),
    ("x | lenght", 0, 4, "there is no filter 'lenght'", "did you mean 'length'?"),
    ("x | safe", 0, 4, "there is no filter 'safe'",
     "text is inserted as it is, never escaped: leave the filter out"),
    ("x is sting", 0, 5, "there is no test 'sting'", "did you mean 'string'?"),
    ("x._y", 0, 1, "a dot can't read '_y': it starts with an underscore",
     'write ["_y"] if the data has such a key'),
    ("a if b", 0, 2, "`a if b` needs an else", "write `a if b else c`"),
    ("self", 0, 0, "`self` means nothing here", "name a node or an input"),
    ("", 0, 0, "the expression is empty", "name a node or an input"),
    ("a +", 0, 3, "the expression is not complete", "something is missing at its end"),
    ("(a", 0, 2, "the expression is not complete", "something is missing at its end"),
    ("a b", 0, 2, "unexpected 'b'", "is an operator, a quote or a bracket missing?"),
    ("a)", 0, 1, "unexpected ')'", "is an operator, a quote or a bracket missing?"),
    ("a @ b", 0, 2, "unexpected '@'", "expressions have no such sign"),
    ("a == 'b", 0, 5, "the text is not closed", "a quote is missing"),
    ("(" * 300 + "a" + ")" * 300, 0, 0, "nested too deeply", "compute a part of it in a node"),
]  # fmt: skip
TEMPLATES = [
    ("{{ x", 0, 0, "`{{` is not closed", "end it with `}}`"),
    ("a {% if x %}b", 0, 2, "`if` is not closed", "end it with `{% endif %}`"),
    ("{% for a in b %}{{ a }}", 0, 0, "`for` is not closed", "end it with `{% endfor %}`"),
    ("Hi\n{{ x.lower() }}", 1, 5, "the method `.lower()` can't be called here", "write `x | lower`"),
    ("Hi\n\n {{ x && y }}", 2, 6, "`&&` is not an operator here", "write `and`"),
    ("{% if x = 3 %}{% endif %}", 0, 8, "`=` sets nothing here", "compare with `==`"),
    ("{% if a %}{% else if x %}{% endif %}", 0, 13, "`else if` is no tag", "write `{% elif ... %}`"),
    ("{% macro a() %}{% endmacro %}", 0, 3, "`macro` is not available here", "prompts know if, for and set"),
    ("{% include 'a' %}", 0, 3, "`include` is not available here", "prompts know if, for and set"),
    ("{% foo %}", 0, 3, "there is no tag 'foo' here", "prompts know if, elif, else, for and set"),
    ("{% endfor %}", 0, 3, "there is no tag 'endfor' here", "prompts know if, elif, else, for and set"),
    ("{% for a in b recursive %}{% endfor %}", 0, 14, "loops can't be recursive", ""),
    ("{{ }}", 0, 0, "the expression is not complete", "something is missing at its end"),
    ("x\n{{ 'a' b }}", 1, 7, "unexpected 'b'", "is an operator, a quote or a bracket missing?"),
    ("{{ x | foo }}", 0, 7, "there is no filter 'foo'", "see the reference for the filters there are"),
]
FINE = [
    "x", "x is none", "x is not none", "None", "x == None", "not x", "x | default('a b', true)",
    "a['b c'].d[0]", "docs | map(attribute='score') | list", "x is divisibleby(3)",
    "x is not divisibleby(3)", "x in (1, 2)",
    "'len(x) && {{ y }}' ~ x", "x != 3 and x <= 4", "a if b else c", "doc.items", "x | join(', ')",
    "nullable", "{'a': 1}.a", "x\n  and y", "1.5 + x", "x[1:2]", "format", "'it''s'", "x not in y",
]  # fmt: skip
FINE_TEMPLATES = [
    "", "no braces", "{question} and {\"a\": 1}", "}}", "{% raw %}{{ len(x) }}{% endraw %}",
    "{# {{ a && b }} #}x", "{% set a = 3 %}{{ a }}",
    "{% for a in (b) if a %}{{ loop.index }}{% else %}-{% endfor %}",
    "&& || len(x) is None",
    "{%- if x -%} a {%- elif y == 1 -%} b {%- endif -%}",
]  # fmt: skip


@pytest.mark.parametrize(("expression", "line", "column", "message", "hint"), EXPRESSIONS)
def test_rule_37_mistakes_in_an_expression(
    expression: str, line: int, column: int, message: str, hint: str
) -> None:
    assert problems(expression, "expression") == [(line, column, message, hint)]


@pytest.mark.parametrize(("template", "line", "column", "message", "hint"), TEMPLATES)
def test_rule_37_mistakes_in_a_prompt(template: str, line: int, column: int, message: str, hint: str) -> None:
    assert problems(template, "template") == [(line, column, message, hint)]


@pytest.mark.parametrize("expression", FINE)
def test_no_false_alarm_in_expressions(expression: str) -> None:
    assert problems(expression, "expression") == []


@pytest.mark.parametrize("template", FINE_TEMPLATES)
def test_no_false_alarm_in_prompts(template: str) -> None:
    assert problems(template, "template") == []


def test_all_mistakes_are_told_at_once_in_reading_order() -> None:
    found = problems("{{ len(a) }}\n{{ b | foo }} {{ c && d }} {{ !e }}", "template")
    assert [(f.line, f.column) for f in found] == [(0, 3), (1, 19), (1, 30)]
    found = problems("a | foo and b | foo\nor c | bar", "expression")
    assert [(f.line, f.column) for f in found] == [(0, 4), (0, 16), (1, 7)]


def test_rule_34_one_brace_of_a_known_name() -> None:
    template = "Hi {question}, {{ question }}, {'a': 1}, {other}\n {tone!r} {% raw %}{tone}{% endraw %}"
    template += " {doc.title:>3}"
    assert single_braces(template, {"question", "tone", "doc"}) == [
        (0, 3, "`{question}` is not filled in", "write `{{ question }}`"),
        (1, 1, "`{tone!r}` is not filled in", "write `{{ tone }}`"),
        (1, 38, "`{doc.title:>3}` is not filled in", "write `{{ doc.title }}`"),
    ]


@given(st.text(alphabet="ab {}%'\"().|&=!?#\n-_1[]lenisfor", max_size=40))
@settings(max_examples=300, deadline=None)
def test_places_lie_inside_the_text(text: str) -> None:
    for kind in ("expression", "template"):
        for found in problems(text, kind):  # type: ignore[arg-type]
            lines = text.split("\n")
            assert 0 <= found.line < len(lines)
            assert 0 <= found.column <= len(lines[found.line])
            assert found.message
