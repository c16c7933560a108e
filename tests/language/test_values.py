"""What travels between nodes (SEMANTICS 33)."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import json
import math
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from tinyflow_nb.errors import ValueNotJson
from tinyflow_nb.language import values
from tinyflow_nb.language.values import WrongType, from_json, to_json, typed


class Reply(BaseModel):
    text: str = "hi"
    on: dt.date | None = None


@dataclasses.dataclass
class Row:
    id: int
    more: Any = None


class Shade(enum.StrEnum):
    LIGHT = "light"


class LoudText(str):
    __slots__ = ()


def numpy_scalar(value: Any) -> Any:
    """What numpy's scalars look like to us: their module, no dimension, `item()`."""
    members = {"__module__": "numpy", "ndim": 0, "item": lambda self: value}
    return type("int64", (), members)()


ITSELF: list[Any] = []
ITSELF.append(ITSELF)

PLAIN = [
    (1, "1"),
    (True, "true"),
    (None, "null"),
    (1.5, "1.5"),
    ("é\n", '"é\\n"'),
    (10**40, "1" + "0" * 40),
    ([], "[]"),
    ({"a": [1, {"b": 2.5}], "c": ""}, '{"a":[1,{"b":2.5}],"c":""}'),
    (Reply(on=dt.date(2031, 5, 28)), '{"text":"hi","on":"2031-05-28"}'),
    (Row(1, Reply()), '{"id":1,"more":{"text":"hi","on":null}}'),
    ([Row(1), {"r": Row(2)}], '[{"id":1,"more":null},{"r":{"id":2,"more":null}}]'),
    (collections.OrderedDict(a=1), '{"a":1}'),
    (LoudText("loud"), '"loud"'),
    (numpy_scalar(3), "3"),
    ({"n": [numpy_scalar(2.5), 1]}, '{"n":[2.5,1]}'),
]


@pytest.mark.parametrize(("value", "text"), PLAIN, ids=lambda v: repr(v)[:30])
def test_rule_33_unannotated_values(value: Any, text: str) -> None:
    assert to_json(value, None, "draft") == text


AS_LIST = "return a list, or annotate the return type, as in `-> "
NO_NUMBER = "return None for a number that is not there"
REFUSED = [
    ((1, 2), "a tuple, which JSON would turn into a list", AS_LIST + "tuple[int, str]`"),
    ({1}, "a set, which JSON would turn into a list", AS_LIST + "set[str]`"),
    (
        {"a": [{1: 2}]},
        "a dict with the key 1 at ['a'][0], which JSON would turn into text",
        "use text keys, or annotate the return type, as in `-> dict[int, str]`",
    ),
    (math.nan, "nan, which is no JSON number", NO_NUMBER),
    ([1, -math.inf], "-inf at [1], which is no JSON number", NO_NUMBER),
    (numpy_scalar(math.nan), "nan, which is no JSON number", NO_NUMBER),
    (
        b"x",
        "a value of type bytes, which JSON can't hold",
        "return text (`.decode()`), or write it to a file and return its path",
    ),
    (
        dt.date(2031, 5, 28),
        "a value of type datetime's date, which JSON can't hold",
        "return `.isoformat()`, or annotate the return type to keep it",
    ),
    (
        Decimal("1.5"),
        "a value of type decimal's Decimal, which JSON can't hold",
        "return `float(...)` or `str(...)`, or annotate the return type to keep it",
    ),
    (
        (x for x in "ab"),
        "a value of type generator, which JSON can't hold",
        "return `list(...)` of it",
    ),
    (
        ITSELF,
        f"a value at {'[0]' * 20}, which holds itself or is nested too deeply",
        "at most 100 levels travel",
    ),
    (Row(1, (2,)), "a tuple at ['more'], which JSON would turn into a list", AS_LIST + "tuple[int, str]`"),
    (
        type("ndarray", (), {"__module__": "numpy", "ndim": 1})(),
        "a value of type numpy's ndarray, which JSON can't hold",
        "return `.tolist()`",
    ),
    (
        type("DataFrame", (), {"__module__": "pandas.core.frame"})(),
        "a value of type pandas's DataFrame, which JSON can't hold",
        'return `.to_dict("records")`',
    ),
]


@pytest.mark.parametrize(("value", "what", "fix"), REFUSED, ids=lambda v: repr(v)[:30])
def test_rule_33_what_json_would_change_fails_with_the_fix(value: Any, what: str, fix: str) -> None:
    with pytest.raises(ValueNotJson) as caught:
        to_json(value, None, "draft")
    assert str(caught.value) == f"draft gave {what}: {fix}"


@pytest.mark.parametrize("value", [Shade.LIGHT, object(), print, "\ud800", ["\ud800"], {"a": Row}])
def test_rule_33_other_things_json_cannot_hold(value: Any) -> None:
    with pytest.raises(ValueNotJson, match=r"^draft gave "):
        to_json(value, None, "draft")


ANNOTATED = [
    (tuple[int, str], (1, "a"), '[1,"a"]'),
    (dict[int, str], {1: "a"}, '{"1":"a"}'),
    (set[int], {1}, "[1]"),
    (Shade, Shade.LIGHT, '"light"'),
    (dt.date, dt.date(2031, 5, 28), '"2031-05-28"'),
    (Literal["a", "b"], "b", '"b"'),
    (list[Row], [Row(1)], '[{"id":1,"more":null}]'),
    (Reply, Reply(text="x"), '{"text":"x","on":null}'),
    (int | None, None, "null"),
]


@pytest.mark.parametrize(("annotation", "value", "text"), ANNOTATED, ids=lambda v: repr(v)[:30])
def test_rule_33_annotated_values_come_back_as_they_were(annotation: Any, value: Any, text: str) -> None:
    adapter = TypeAdapter(annotation)
    assert to_json(value, adapter, "draft") == text
    assert typed(text, adapter, "reply's draft") == value


def test_rule_33_a_dict_becomes_the_annotated_model() -> None:
    assert to_json({"text": "x"}, TypeAdapter(Reply), "draft") == '{"text":"x","on":null}'
    assert to_json([numpy_scalar(3)], TypeAdapter(list[int]), "draft") == "[3]"


def test_rule_33_a_value_that_is_not_what_its_annotation_says() -> None:
    with pytest.raises(WrongType) as caught:
        to_json("x", TypeAdapter(int), "draft")
    assert str(caught.value).startswith("draft gave 'x', which is not int: it should be a valid integer")
    with pytest.raises(WrongType) as caught:
        to_json({"on": 1.5, "text": 2}, TypeAdapter(Reply), "draft")
    assert "text: it should be a valid string; on" in str(caught.value)
    changed = Reply()
    changed.text = 3  # type: ignore[assignment]
    with pytest.raises(ValueNotJson, match="draft gave what JSON can't hold"):
        to_json(changed, TypeAdapter(Reply), "draft")


@pytest.mark.parametrize(
    ("annotation", "value"), [(float, math.nan), (list[float], [1.0, math.inf]), (bytes, b"\xff")]
)
def test_rule_33_an_annotation_does_not_make_it_json(annotation: Any, value: Any) -> None:
    with pytest.raises(ValueNotJson, match=r"^draft gave "):
        to_json(value, TypeAdapter(annotation), "draft")


def test_rule_33_the_reader_says_what_it_takes() -> None:
    assert typed("[1]", None, "n") == [1]
    with pytest.raises(WrongType) as caught:
        typed('"' + "z" * 200 + '"', TypeAdapter(int), "draft's parameter 'n'")
    message = str(caught.value)
    assert message.startswith("draft's parameter 'n' takes int, not \"zzz")
    assert "...: it should be a valid integer" in message
    assert len(message) < 250


def test_rule_46_a_value_of_more_than_64_mb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert values.MAX_BYTES == 64 * 1024 * 1024
    monkeypatch.setattr(values, "MAX_BYTES", 1024 * 1024)
    assert len(to_json("x" * (1024 * 1024 - 2), None, "draft")) == 1024 * 1024
    with pytest.raises(ValueNotJson, match="draft gave 1 MB of JSON, at most 1 MB travel: store it"):
        to_json("é" * (600 * 1024), None, "draft")


def test_the_deepest_value_that_is_written_can_be_read() -> None:
    value: Any = 1
    for _ in range(values.MAX_DEPTH):
        value = [value]
    assert from_json(to_json(value, None, "draft")) == value
    with pytest.raises(ValueNotJson, match="nested too deeply"):
        to_json([value], None, "draft")


texts = st.text(st.characters(codec="utf-8"))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
@settings(max_examples=150, deadline=None)
def test_every_json_value_survives_the_round_trip(value: Any) -> None:
    text = to_json(value, None, "draft")
    assert from_json(text) == value
    assert json.loads(text) == value
