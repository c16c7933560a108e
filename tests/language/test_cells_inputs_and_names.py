"""Good cells: their inputs, types, bodies, bindings and names."""

from __future__ import annotations

import sys
import textwrap
import time
from typing import Any

import pytest

from tinyflow_nb.errors import DefinitionError, Problem
from tinyflow_nb.language import load, parse
from tinyflow_nb.model.definition import ChainDefinition


def chain_of(text: str, **options: Any) -> ChainDefinition:
    return parse(textwrap.dedent(text), "chain", **options)


def test_rule_31_inputs_without_declarations() -> None:
    definition = chain_of("""
        def a(question, k: int = 20): return question
        def b(a, k: int = 20, other: list[str] | None = None): return a
        def c(draft1, draft2, part_a, part_b): return draft1
    """)
    found = {i.name: (i.required, i.default, i.json_schema) for i in definition.inputs}
    assert found == {
        "question": (True, None, {}),
        "k": (False, 20, {"type": "integer"}),
        "other": (False, None, {
            "anyOf": [{"items": {"type": "string"}, "type": "array"}, {"type": "null"}],
        }),
        "draft1": (True, None, {}), "draft2": (True, None, {}),
        "part_a": (True, None, {}), "part_b": (True, None, {}),
    }  # fmt: skip


def test_rule_31_declared_inputs_and_their_constraints() -> None:
    definition = chain_of(
        """
        from datetime import date
        k: int = Input(20, description="how many", ge=1)
        since: date = Input(date(2026, 1, 2))
        def a(k, since="2026"): return k
    """.replace('since="2026"', "since")
    )
    k, since = definition.inputs
    assert k.json_schema == {"description": "how many", "minimum": 1, "type": "integer"}
    assert since.default == "2026-01-02"


def test_rule_31_constants_in_expressions_and_prompts() -> None:
    definition = chain_of('''
        import math
        LABELS = ["a", "b"]
        LIMIT: float = math.floor(2.5)
        UNUSED = object()
        RULES = ("x", {"y": None})
        @llm(when="q in LABELS and 3 > LIMIT")
        def a(q):
            """{{ q }}: {{ RULES }}"""
    ''')
    assert definition.constants == {"LABELS": ["a", "b"], "LIMIT": 2, "RULES": ["x", {"y": None}]}


def test_constants_become_plain_json() -> None:
    definition = chain_of("""
        from enum import IntEnum, StrEnum
        class Colour(StrEnum):
            RED = "red"
        class Size(IntEnum):
            BIG = 3
        CHOICE = {"colour": Colour.RED, "size": (Size.BIG, 2.0, True)}
        @node(when="q in CHOICE")
        def a(q): return q
    """)
    assert load(definition.to_json()) == definition
    assert definition.to_json().count('{"colour":"red","size":[3,2.0,true]}') == 1


def test_rule_32_what_the_top_level_may_hold() -> None:
    definition = chain_of('''
        """About."""
        from __future__ import annotations
        import functools, re
        from typing import TYPE_CHECKING
        try:
            import json
        except ImportError:
            json = None
        if TYPE_CHECKING:
            from collections.abc import Mapping
        import tinyflow_nb as tf
        from tinyflow_nb import Output as Out, Chain
        WORD = re.compile(r"\\w+")
        first, *rest = "abc"
        CHAIN = Chain(deadline="2h", max_concurrency=5)
        class _Model: ...
        @functools.cache
        def _index(): return {}
        @tf.node(timeout=5)
        def a(q: str) -> dict[str, int]:
            return _index()
        @functools.lru_cache
        def b(a): return WORD.findall(str(a))
    ''')
    assert (definition.settings.deadline, definition.settings.max_concurrency) == (7200.0, 5)
    assert definition.node("a").timeout == 5.0
    assert [n.id for n in definition.nodes] == ["a", "b"]


@pytest.mark.parametrize(
    ("function", "schema"),
    [
        ("def a(q) -> Iterator[str]:\n    yield q", {"type": "string"}),
        ("async def a(q) -> AsyncIterator[str]:\n    yield q", {"type": "string"}),
        ("def a(q) -> Iterator[int]:\n    yield 1", {"items": {"type": "integer"}, "type": "array"}),
        ("def a(q) -> Generator[str, None, int]:\n    yield q\n    return 1", {"type": "integer"}),
        ("def a(q) -> Generator[str, None, None]:\n    yield q", {"type": "string"}),
        ("async def a(q) -> AsyncGenerator[str, None]:\n    yield q", {"type": "string"}),
        ("def a(q) -> Iterator[str | Output[int]]:\n    yield Output(1)", {"type": "integer"}),
        ("def a(q) -> Iterable[str]:\n    yield q", {"type": "string"}),
        ("def a(q) -> Iterator:\n    yield q", None),
        ("def a(q):\n    yield q", None),
        ("def a(q) -> Any:\n    return q", None),
        ("def a(q) -> None:\n    pass\n    return None", {"type": "null"}),
        ("@llm\ndef a(q):\n    '''{{ q }}'''", {"type": "string"}),
        ("@confirm\ndef a(q):\n    '''{{ q }}?'''", {"type": "boolean"}),
    ],
)
def test_rule_33_output_types(function: str, schema: dict[str, Any] | None) -> None:
    imports = "from typing import Any\nfrom collections.abc import *\n".replace(
        "*", "AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator"
    )
    assert parse(imports + function, "chain").node("a").output_schema == schema


def test_rule_34_a_body_returns_the_prompt() -> None:
    definition = chain_of('''
        history: list
        SEED = 5
        @llm(["openai:x", "smollm2"], temperature=0.2, stop_sequences=["."], seed=SEED, reasks=0)
        def a(question, history):
            """You are {{ question }}.
               Kind.
            """
            if not history:
                return question
            return prompt("...", user(question), assistant("yes"), *history)
        question: str
    ''')
    options = definition.node("a").options
    assert options == {
        "models": ["openai:x", "smollm2"], "prompt": "", "system": "You are {{ question }}.\nKind.",
        "body": True, "settings": {"temperature": 0.2, "stop_sequences": ["."], "seed": 5}, "tools": [],
        "max_steps": 8, "reasks": 0,
    }  # fmt: skip


def test_rule_35_tools_are_no_nodes() -> None:
    definition = chain_of('''
        @tool
        def search(q: str) -> str:
            """Search."""
            return q
        def lookup(q: str) -> str:
            """Look up."""
            return q
        @llm(tools=[search, lookup], max_steps=3)
        def a(question):
            """{{ question }}"""
    ''')
    assert [n.id for n in definition.nodes] == ["a"]
    assert definition.node("a").options["tools"] == ["search", "lookup"]
    assert definition.node("a").options["max_steps"] == 3


def test_rule_34_the_context_is_no_input() -> None:
    definition = chain_of(
        """
        def a(q, ctx: ExecutionContext): return ctx.run
        def b(q, ctx: "ExecutionContext | None" = None, other: ExecutionContext | None = None): return 1
    """.replace('"ExecutionContext | None"', '"ExecutionContext"')
    )
    assert [p.source for n in definition.nodes for p in n.parameters] == [
        "input", "context", "input", "context", "context",
    ]  # fmt: skip
    assert [i.name for i in definition.inputs] == ["q"]


def test_rule_37_a_value_no_branch_covers_is_a_warning() -> None:
    warnings: list[Problem] = []
    chain_of(
        """
        from typing import Literal
        def intent(q) -> Literal["refund", "bug", "other"]: return "bug"
        @node(when="intent == 'bug'")
        def a(q): return 1
        @node(when="intent in ['refund']")
        def b(q): return 2
        """,
        warnings=warnings,
    )
    assert [(p.line, p.column, p.message, p.severity) for p in warnings] == [
        (3, 5, "no branch covers intent == 'other'", "warning")
    ]


@pytest.mark.parametrize(
    "rest",
    [
        "@node(when=\"intent != 'bug'\")\ndef b(q): return 2",
        "@node(when=\"not (intent == 'bug')\")\ndef b(q): return 2",
        '@node(when="intent == q")\ndef b(q): return 2',
        "def b(intent, a=None): return 2",
    ],
)
def test_rule_37_covered_values_are_not_warned_of(rest: str) -> None:
    warnings: list[Problem] = []
    text = "from typing import Literal\ndef intent(q) -> Literal['refund', 'bug']: return 'bug'\n"
    parse(text + "@node(when=\"intent == 'bug'\")\ndef a(q): return 1\n" + rest, "chain", warnings=warnings)
    assert warnings == []


def test_names_that_are_a_functions_own_are_no_nodes() -> None:
    """SEMANTICS 37 is about names that mean the node, not about those that only look like it."""
    chain_of(
        """
        class Reply:
            draft = 1
            def draft_of(self, draft): return self.draft, draft
        def draft(q): return q
        def a(q):
            draft = 1
            def inner(draft): return draft
            return [draft for draft in [draft]], {"draft": inner}, (lambda draft: draft)
        def b(q):
            for draft in q:
                pass
            with q as draft:
                pass
            try:
                import draft
            except ValueError as draft:
                pass
            match q:
                case {"x": draft, **rest}:
                    return draft, rest
            return q.draft
    """.replace("import draft", "import json as draft")
    )


def test_rule_37_bindings_are_neither_in_the_definition_nor_in_its_hash() -> None:
    text = """
        LIMIT = rows[0]
        @node(when="flag and LIMIT > 0")
        def a(q): return rows
    """
    one = chain_of(text, bindings={"rows": [1, 2], "flag": True, "unused": 5})
    two = chain_of(text, bindings={"rows": [3], "flag": False})
    assert one.hash == two.hash
    assert one.bindings == ("flag", "rows")
    assert "flag" not in one.constants
    assert load(one.to_json()) == one


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rows", object(), "is no JSON but a object"),
        ("rows", {1: 2}, "is no JSON but a dict"),
        ("rows", float("nan"), "is no JSON but a float"),
        ("rows", "x" * 70_000, "is larger than 64 KB"),
        ("api_key", "x", "looks like a secret, and would be stored with the run"),
        ("rows", ["sk-" + "a" * 20], "looks like a secret, and would be stored with the run"),
    ],
)
def test_rule_37_what_may_not_be_bound(name: str, value: Any, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse(f"def a(q): return {name}", "chain", bindings={name: value})
    assert [p.message for p in caught.value.problems] == [f"`--bind {name}`: the value {message}"]


def test_rule_37_a_binding_the_cell_defines_itself() -> None:
    with pytest.raises(DefinitionError, match="the cell defines 'rows' itself"):
        parse("rows = 1\ndef a(q): return rows", "chain", bindings={"rows": 1})


def test_windows_line_ends_and_a_byte_order_mark() -> None:
    plain = parse("def a(q):\n    return q\n", "chain")
    assert parse("\ufeffdef a(q):\r\n    return q\r\n", "chain") == plain


def test_rule_32_type_aliases_where_python_has_them() -> None:
    text = "from typing import Literal\ntype Kind = Literal['a', 'b']\ndef a(q) -> Kind: return 'a'\n"
    text += "@node(when=\"a == 'c'\")\ndef b(a): return a\n"
    with pytest.raises(DefinitionError) as caught:
        parse(text, "chain")
    problem = caught.value.problems[0]
    if sys.version_info >= (3, 12):
        assert (problem.line, problem.message) == (4, "'a' can't be 'c': this is never true")
    else:
        assert (problem.line, problem.message) == (2, "not valid Python: invalid syntax")


def test_words_from_where_they_are_defined() -> None:
    definition = chain_of("""
        from tinyflow_nb.model.context import ExecutionContext as Context
        from tinyflow_nb.decorators import node as n
        import tinyflow_nb
        @n(retry=2)
        def a(ctx: Context): return ctx.run
        @tinyflow_nb.confirm
        def ok(a):
            '''Right?'''
    """)
    assert definition.inputs == ()
    assert (definition.node("a").retry.max, definition.node("ok").type) == (2, "confirm")


def test_reading_takes_time_linear_in_the_nodes() -> None:
    """Four times the nodes, far less than the sixteen times of anything quadratic."""

    def seconds(count: int) -> float:
        text = "question: str\ndef n0(question): return question\n"
        for i in range(1, count):
            before = f"n{i - 1}"
            text += (
                f'@llm("m", when="{before} != 1")\ndef n{i}({before}):\n    """Say {{{{ {before} }}}}"""\n'
            )
        start = time.process_time()
        parse(text, "chain")
        return time.process_time() - start

    seconds(50)
    assert min(seconds(800) for _ in range(3)) < 9 * max(seconds(200) for _ in range(3))
