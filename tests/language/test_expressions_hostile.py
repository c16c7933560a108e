"""Hostile expressions and prompts: each ends quickly, in an ExpressionError (DESIGN 7)."""

from __future__ import annotations

import time
from typing import Any, Literal

import pytest

from tinyflow_nb.errors import ExpressionError
from tinyflow_nb.language import expression_sandbox
from tinyflow_nb.language.expressions import evaluate, problems, render, single_braces

SCOPE: dict[str, Any] = {
    "s": "secret",
    "d": {"a": 1},
    "many": list(range(2_000)),
    "big": "x" * 500_000,
    "n": 10,
}
SECONDS = 4.0
"""Generous for a busy machine; without its bound each of these runs for minutes or for ever."""

EXPRESSIONS = [
    "''.__class__.__mro__[1].__subclasses__()",
    "s.__class__",
    "s['__class__']",
    "s['__class__']['__mro__']",
    "(s | map(attribute='__class__')) | list",
    "[s] | map(attribute='__class__.__base__') | list",
    "s.format",
    "s['format']",
    "'{0.__class__}'.format(s)",
    "'{0.__class__}' | format(s)",
    "'%s' % s",
    "s | attr('__class__')",
    "d.update({'b': 2})",
    "d.pop('a')",
    "many.append(1)",
    "range(1000000000)",
    "cycler(1, 2)",
    "lipsum(1000)",
    "namespace(a=1)",
    "dict(a=1)",
    "joiner",
    "self",
    "self._TemplateReference__context",
    "'x' * 10000000000",
    "10000000000 * 'x'",
    "[0] * 10000000000",
    "[many] * 100000",
    "2 ** 10000000000",
    "9 ** 9 ** 9",
    "'x' | center(10000000000)",
    "'x' | indent(10000000000)",
    "'x' | tojson(10000000000)",
    "big ~ big ~ big",
    "big + big + big",
    "big | replace('x', 'xxxxxxxxxx')",
    "big | list | join(big)",
    "1.5 | round(2000000000, 'ceil')",
    "many | batch(1, big) | list",
    "many | slice(10000000000) | list",
    "many | random",
    "many | map('@looped') | list",
    "(" * 400 + "1" + ")" * 400,
    "not " * 4_000 + "n",
    "-" * 5_000 + "1",
    "[" * 150 + "]" * 150,
    "1" + "+1" * 4_900,
    "9" * 9_000,
    "n" * 20_000,
    "d" + ".a" * 4_000,
    "'a' | unknown",
    "\x00",
    "caller()",
    "s.upper()",
]
DOUBLE_LIST = "{% set a = [1] %}" + "{% set a = [a, a] %}" * 60
DOUBLE_TEXT = "{% set a = 'xx' %}" + "{% set a = a ~ a %}" * 60
DOUBLE_NUMBER = "{% set a = 99 %}" + "{% set a = a * a %}" * 60
NESTED = "{% for a in many %}" * 4 + "x" + "{% endfor %}" * 4
TEMPLATES = [
    NESTED,
    "{% for a in many %}{% for b in many %}{% endfor %}{% endfor %}",
    "{% for a in many %}{{ big }}{% endfor %}",
    "{% for a in many %}{{ many }}{% endfor %}",
    DOUBLE_LIST + "{{ a }}",
    DOUBLE_LIST + DOUBLE_LIST.replace("a", "b").replace("bs", "as") + "{{ a == b }}",
    DOUBLE_TEXT + "{{ a }}",
    DOUBLE_NUMBER + "{{ a }}",
    "{% set a = [1, 1, 1, 1] %}" + "{% set a = a + a %}" * 40,
    "{% set a = [1, 1, 1, 1] %}" + "{% set a = {'x': a, 'y': a} %}" * 40,
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% from 'os' import path %}",
    "{% extends 'base' %}",
    "{% block a %}{% endblock %}",
    "{% call x() %}{% endcall %}",
    "{% filter upper %}a{% endfilter %}",
    "{% for a in many recursive %}{{ loop(many) }}{% endfor %}",
    "{% for a in many %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for a in many %}{{ loop['_iterable'] }}{% endfor %}",
    "{% for a in many %}{{ loop.__class__ }}{% endfor %}",
    "{% for a in many %}{{ loop }}{% endfor %}",
    "{% set d.a = 3 %}",
    "{% autoescape true %}{% endautoescape %}",
    "{% do d.update({}) %}",
    "{% for x in n %}{% endfor %}",
    "{% if n %}" * 200 + "{% endif %}" * 200,
    "{% for a in [1] %}" * 25 + "{% endfor %}" * 25,
    "{{ " * 1_000,
    "{% if n %}" * 1_000,
    "{{ s | e }}",
    "x" * 300_000 + "{{ s }}",
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=lambda text: text[:40])
def test_hostile_expressions(expression: str) -> None:
    began = time.process_time()
    with pytest.raises(ExpressionError):
        evaluate(expression, SCOPE)
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda text: text[:40])
def test_hostile_prompts(template: str) -> None:
    began = time.process_time()
    with pytest.raises(ExpressionError):
        render(template, SCOPE)
    assert time.process_time() - began < SECONDS


LONG = [
    ("{{" * 90_000, "template"),
    ("{%" * 90_000, "template"),
    ("{#" * 90_000, "template"),
    ("{{ a }}" * 20_000, "template"),
    ("{{ a | foo }}" * 15_000, "template"),
    ("{{ len(a) }}" * 15_000, "template"),
    ("{% raw %}" * 20_000, "template"),
    ("{{ a" + " " * 190_000 + "b }}", "template"),
    ("for " * 2_400, "expression"),
    ("a." * 4_900, "expression"),
    ("a" * 9_900 + "(", "expression"),
    ("'" * 9_999, "expression"),
    ("(" * 9_999, "expression"),
]


@pytest.mark.parametrize(("text", "kind"), LONG, ids=lambda text: text[:12])
def test_long_texts_are_checked_quickly(text: str, kind: Literal["expression", "template"]) -> None:
    began = time.process_time()
    assert problems(text, kind)
    assert len(problems(text, kind)) <= 20
    assert single_braces("{a[b" * 40_000 + text, {"a"}) == []
    assert time.process_time() - began < 3 * SECONDS


def test_the_last_resort_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no count bounds: a search of all of a large list, for each of its items."""
    monkeypatch.setattr(expression_sandbox, "MAX_SECONDS", 0.2)
    scope = {"many": [[i, i] for i in range(20_000)]}
    with pytest.raises(ExpressionError, match=r"takes longer than 0\.2 s"):
        evaluate("many | select('in', many | map('list') | reverse | list) | list", scope)


def test_a_machine_that_stands_still_makes_no_expression_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expression_sandbox, "MAX_SECONDS", 0.2)
    spend = expression_sandbox.BoundedContext.spend_loops

    def late(self: expression_sandbox.BoundedContext, count: int) -> None:
        time.sleep(0.3)
        spend(self, count)

    monkeypatch.setattr(expression_sandbox.BoundedContext, "spend_loops", late)
    assert render("{% for x in many %}{{ x }}{% endfor %}", {"many": [1, 2]}) == "12"


def test_large_values_of_the_scope_pass_through() -> None:
    large = ["x" * 1_000] * 5_000
    assert evaluate("docs", {"docs": large}) is large
    assert evaluate("docs | length", {"docs": large}) == 5_000
    assert evaluate("{'docs': docs}", {"docs": large}) == {"docs": large}


def test_bounds_leave_room_for_honest_prompts() -> None:
    scope = {"rows": [{"id": i, "text": "word " * 10} for i in range(2_000)]}
    text = render("{% for row in rows %}{{ row.id }}: {{ row.text | upper | trim }}\n{% endfor %}", scope)
    assert len(text.splitlines()) == 2_000
