"""What both sides say of an answer: `form_cases.json`, made of types and values.

    python -m tests.widgets.form_cases      writes it anew, with what Python says today

`test_forms.py` holds Python to the file, `form_rules.test.mjs` the page.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AnyUrl, BaseModel, ConfigDict, Field, SecretStr, TypeAdapter

from tinyflow_nb.language.form_schema import violations

TABLE = Path(__file__).with_name("form_cases.json")


class Size(Enum):
    small = 1
    large = 2.5


class Line(BaseModel):
    text: str = Field(max_length=5)
    amount: int = Field(1, ge=1)


class Node(BaseModel):
    name: str
    children: list[Node] = []


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int
    b: str | None = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


SCALARS: list[Any] = [None, True, False, 0, 1, -1, 2.5, 1e21, 3.0, "", "a", "yes", "é🙂x", [], {}]
TEXTS = ["2031-05-28", "2031-02-30", "2031-5-28", "0000-01-01", "2028-02-29", "2031-05-28T17:30:00",
         "2031-05-28T17:30", "2031-05-28 17:30:00.5", "2031-05-28T17:30:00Z", "2031-05-28T24:00", "17:30",
         "17:30:00", "25:00", "17:60", "17:30:00+02:00", "soon", "a@b", "a@b@c", "a b@c", "@", "a@b.org",
         "https://example.org/x?y=1", "no address", "mailto:a@b", "x:", str(uuid.UUID(int=7)), "f" * 32,
         "{" + str(uuid.UUID(int=9)) + "}", "urn:uuid:" + str(uuid.UUID(int=9)), "f" * 31]  # fmt: skip

CASES: list[tuple[Any, list[Any]]] = [
    *((one, SCALARS) for one in (bool, int, float, str, Any, int | None, int | str, str | None, list[int],
                                 dict[str, int], Literal["a", 1, True], Literal["it's", 'a "b"'], Size,
                                 Size | None, Literal["a"] | None)),
    *((one, TEXTS) for one in (dt.date, dt.datetime, dt.time, uuid.UUID, AnyUrl, dt.date | None)),
    (Annotated[str, Field(json_schema_extra={"format": "email"})], TEXTS),
    (SecretStr, ["", "x", 1, None]),
    (Annotated[int, Field(ge=1, le=5)], [0, 1, 5, 6, 2.5, "3"]),
    (Annotated[int, Field(gt=1, lt=5)], [1, 2, 4, 5]),
    (Annotated[float, Field(multiple_of=0.1)], [0.3, 0.35, 7, 1e9, -0.2]),
    (Annotated[int, Field(multiple_of=3)], [0, 3, 4, -6]),
    (Annotated[str, Field(min_length=1, max_length=3)], ["", "abc", "abcd", "🙂🙂🙂", "🙂🙂🙂🙂"]),
    (Annotated[str, Field(min_length=2)], ["a", "ab"]),
    (Annotated[str, Field(pattern=r"^[a-z]+\d?$")], ["abc", "abc1", "ABC", "", "é"]),
    (Annotated[list[int], Field(min_length=1, max_length=2)], [[], [1], [1, 2, 3], [1, "x"], "no"]),
    (set[str], [[], ["a", "b"], ["a", "a"], [1]]),
    (tuple[int, str], [[1, "a"], ["a", 1], [1], [1, "a", 2]]),
    (list[list[int]], [[[1], [2, "x"]], [1], [[]]]),
    (dict[str, Line], [{"x": {"text": "a"}}, {"x": {"text": "abcdef"}}, {"x": 1}, {}]),
    (Line, [{"text": "a"}, {}, {"text": None}, {"text": "a", "amount": 0}, {"text": "a", "more": 1}, "x"]),
    (list[Line], [[{"text": "a"}, {"amount": 2}], [{"text": "abcdef", "amount": "x"}]]),
    (Line | None, [None, {"text": "a"}, {"text": 3}, 1]),
    (Node, [{"name": "a", "children": [{"name": "b"}, {"children": []}]}, {"name": 1}]),
    (Strict, [{"a": 1}, {"a": 1, "b": None}, {"a": 1, "c": 2}, {}]),
    (Cat | Dog, [{"kind": "cat", "lives": 9}, {"kind": "dog"}, {"kind": "cow"}, 1]),
    (list[Line] | None, [None, [], [{"text": 1}], {}]),
]  # fmt: skip


def _known_by_itself(message: str) -> str:
    """Without the guess at what was meant, which the page leaves to Python."""
    return "there is no such field" if message.startswith("there is no such field") else message


def said(schema: dict[str, Any], value: Any) -> list[list[Any]]:
    """[path, message] of everything Python finds wrong."""
    return [[list(v.path), _known_by_itself(v.message)] for v in violations(schema, value, schema)]


def table() -> list[dict[str, Any]]:
    made = []
    for type_, values in CASES:
        schema = TypeAdapter(type_).json_schema()
        made.append({"schema": schema, "values": [[value, said(schema, value)] for value in values]})
    return made


def text() -> str:
    """One case a line."""
    lines = (json.dumps(case, ensure_ascii=False) for case in table())
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    TABLE.write_text(text(), encoding="utf-8")
