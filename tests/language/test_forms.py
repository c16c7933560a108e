"""Forms and their answers (SEMANTICS 16)."""

from __future__ import annotations

import datetime as dt
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter, field_validator

from tinyflow_nb.errors import ResumeError
from tinyflow_nb.language.forms import (
    FormField,
    blank,
    check_answer,
    examine,
    form_fields,
    inputs_schema,
    value_from_text,
)
from tinyflow_nb.model.definition import InputDefinition


class Priority(Enum):
    low = "low"
    high = "high"


class Line(BaseModel):
    text: str
    amount: int = Field(1, ge=1)


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


class Approval(BaseModel):
    approved: bool
    text: str = Field(description="the reply as it will be sent", max_length=20)
    priority: Priority = Priority.low
    stars: int | None = Field(None, gt=0, le=5)
    lines: list[Line] = []
    due: dt.date | None = None

    @field_validator("text")
    @classmethod
    def _polite(cls, text: str) -> str:
        if "!" in text:
            raise ValueError("no shouting")
        return text


ADAPTER = TypeAdapter(Approval)
SCHEMA = ADAPTER.json_schema()
DEFAULTS = {"priority": "low", "stars": None, "lines": [], "due": None}


def schema_of(annotation: Any) -> dict[str, Any]:
    return TypeAdapter(annotation).json_schema()


def test_rule_16_a_field_left_out_takes_its_initial_value_else_its_default() -> None:
    answer = check_answer(SCHEMA, {"approved": True}, {"text": "draft", "stars": 2})
    assert answer == {"approved": True, "text": "draft"} | DEFAULTS | {"stars": 2}
    assert list(answer) == list(SCHEMA["properties"]), "in the form's order, whatever the answer's"
    assert check_answer(SCHEMA, {"approved": True, "text": "mine"}, {"text": "draft"})["text"] == "mine"
    assert check_answer(SCHEMA, None, {"text": "draft", "approved": False})["approved"] is False


WRONG = [
    ({}, "approved is missing; text is missing", ["approved", "text"]),
    ({"approved": "yes", "text": "a"}, "approved must be true or false", ["approved"]),
    ({"approved": 1, "text": "a"}, "approved must be true or false", ["approved"]),
    ({"approved": True, "text": "a" * 21}, "text must have at most 20 characters", ["text"]),
    ({"approved": True, "text": 3}, "text must be a text", ["text"]),
    (
        {"approved": True, "text": "a", "txt": "b"},
        "txt: there is no such field; did you mean 'text'?",
        ["txt"],
    ),
    (
        {"approved": True, "text": "a", "priority": "mid"},
        "priority must be one of 'low', 'high'",
        ["priority"],
    ),
    ({"approved": True, "text": "a", "stars": 0}, "stars must be more than 0", ["stars"]),
    ({"approved": True, "text": "a", "stars": 6}, "stars must be at most 5", ["stars"]),
    ({"approved": True, "text": "a", "stars": 1.5}, "stars must be a whole number or none", ["stars"]),
    ({"approved": True, "text": "a", "due": "soon"}, "due must be a date, as in 2031-05-28", ["due"]),
    (
        {"approved": True, "text": "a", "lines": [{"text": "x"}, {"more": 1}]},
        "lines[1].text is missing; lines[1].more: there is no such field (there is: text, amount)",
        ["lines"],
    ),
    (
        {"approved": None, "text": None},
        "approved must be true or false; text must be a text",
        ["approved", "text"],
    ),
    (True, "this form takes the fields approved, text, priority, stars, lines, due", []),
    ("x", "this form takes the fields approved, text, priority, stars, lines, due", []),
]


@pytest.mark.parametrize(("answer", "message", "fields"), WRONG)
def test_rule_16_a_wrong_answer_names_its_fields(answer: Any, message: str, fields: list[str]) -> None:
    with pytest.raises(ResumeError) as caught:
        check_answer(SCHEMA, answer)
    assert str(caught.value) == message
    assert list(caught.value.fields) == fields


def test_rule_16_an_initial_value_that_does_not_fit_is_the_persons_to_mend() -> None:
    with pytest.raises(ResumeError, match="text must have at most 20 characters"):
        check_answer(SCHEMA, {"approved": True}, {"text": "x" * 30})
    assert (
        check_answer(SCHEMA, {"approved": True, "text": "a"}, {"text": "x" * 30, "other": 1})["text"] == "a"
    )


def test_rule_16_the_types_own_validators_are_asked() -> None:
    answer = {"approved": True, "text": "a", "due": "2031-05-28"}
    assert check_answer(SCHEMA, answer, adapter=ADAPTER) == DEFAULTS | answer
    with pytest.raises(ResumeError) as caught:
        check_answer(SCHEMA, {"approved": True, "text": "a!"}, adapter=ADAPTER)
    assert str(caught.value) == "text: Value error, no shouting"
    assert caught.value.fields == ("text",)


ONE_VALUE = [
    (bool, True, None, True),
    (bool, None, False, False),
    (Literal["a", "b"], "b", None, "b"),
    (Literal[1, "b"], 1, None, 1),
    (str, "x", "y", "x"),
    (str, None, "y", "y"),
    (bool | None, None, True, None),
    (list[int], [1, 2], None, [1, 2]),
    (dict[str, int], {"a": 1}, None, {"a": 1}),
    (int | str, "x", None, "x"),
    (Approval | None, None, None, None),
    (tuple[int, str], [1, "a"], None, [1, "a"]),
    (Any, {"anything": [1]}, None, {"anything": [1]}),
]


@pytest.mark.parametrize(("annotation", "answer", "initial", "value"), ONE_VALUE)
def test_rule_16_a_form_of_one_value_takes_the_value_itself(
    annotation: Any, answer: Any, initial: Any, value: Any
) -> None:
    assert check_answer(schema_of(annotation), answer, initial) == value


ONE_WRONG = [
    (bool, "yes", "the answer must be true or false"),
    (bool, None, "the answer must be true or false"),
    (bool, {"value": True}, "this form takes one value itself, not fields"),
    (Literal["a", "b"], "c", "the answer must be one of 'a', 'b'"),
    (Literal[1, 2], True, "the answer must be one of 1, 2"),
    (list[int], [1, "x"], "[1] must be a whole number"),
    (list[int], [1, True], "[1] must be a whole number"),
    (dict[str, int], {"a": "x"}, "a must be a whole number"),
    (int | str, [], "the answer must be a whole number or a text"),
    (tuple[int, str], [1], "the answer must have at least 2 items"),
    (
        Annotated[str, Field(pattern="^[a-z]+$", min_length=1)],
        "",
        "the answer must not be empty; the answer must match ^[a-z]+$",
    ),
    (Annotated[float, Field(multiple_of=0.5)], 0.7, "the answer must be a multiple of 0.5"),
    (float, float("nan"), "the answer must be a number"),
    (dt.datetime, "x", "the answer must be a time, as in 2031-05-28T17:30:00"),
    (Line | None, {"text": 3}, "text must be a text"),
    (
        Tree,
        {"name": "a", "children": [{"name": "b", "children": [{}]}]},
        "children[0].children[0].name is missing",
    ),
]


@pytest.mark.parametrize(("annotation", "answer", "message"), ONE_WRONG)
def test_rule_16_wrong_answers_of_one_value(annotation: Any, answer: Any, message: str) -> None:
    with pytest.raises(ResumeError) as caught:
        check_answer(schema_of(annotation), answer)
    assert str(caught.value) == message


def test_examine_tells_missing_fields_from_wrong_ones() -> None:
    value, found = examine(SCHEMA, {"approved": 3})
    assert value == {"approved": 3} | DEFAULTS
    assert [(v.path, v.missing) for v in found] == [(("approved",), False), (("text",), True)]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/Gone"},
        {"$defs": {"A": {"$ref": "#/$defs/A"}}, "$ref": "#/$defs/A"},
    ],
)
def test_a_form_made_by_hand_that_lies(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the form refers to"):
        check_answer(schema, 1)


def test_a_form_that_never_ends_is_refused() -> None:
    loop = {"$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}]}}, "$ref": "#/$defs/A"}
    with pytest.raises(ResumeError, match="nested too deeply"):
        check_answer(loop, 1)


def test_form_fields() -> None:
    fields = {f.name: f for f in form_fields(SCHEMA, {"text": "draft"})}
    assert fields["approved"] == FormField("approved", "Approved", "boolean")
    assert fields["text"] == FormField(
        "text", "Text", "text", description="the reply as it will be sent", required=False, initial="draft"
    )
    assert fields["priority"] == FormField(
        "priority", "Priority", "choice", choices=("low", "high"), required=False, initial="low"
    )
    assert fields["stars"] == FormField(
        "stars", "Stars", "integer", required=False, optional=True, minimum=1, maximum=5
    )
    assert fields["lines"] == FormField("lines", "Lines", "list", required=False, initial=[])
    assert (fields["due"].kind, fields["due"].optional) == ("text", True)
    assert fields["text"].to_dict()["initial"] == "draft"


KINDS = [
    (bool, "boolean", ()),
    (Literal["a", "b"], "choice", ("a", "b")),
    (Literal["a"], "choice", ("a",)),
    (Priority, "choice", ("low", "high")),
    (Literal["a", "b"] | None, "choice", ("a", "b")),
    (str, "textarea", ()),
    (Annotated[str, Field(max_length=60)], "text", ()),
    (dt.date, "text", ()),
    (int, "integer", ()),
    (float, "number", ()),
    (list[str], "list", ()),
    (list[Literal["a", "b"]], "list", ("a", "b")),
    (list[Priority], "list", ("low", "high")),
    (dict[str, int], "object", ()),
    (int | str, "object", ()),
    (Any, "object", ()),
]


@pytest.mark.parametrize(("annotation", "kind", "choices"), KINDS)
def test_rule_16_kinds_of_fields(annotation: Any, kind: str, choices: tuple[Any, ...]) -> None:
    [field] = form_fields(schema_of(annotation))
    assert (field.name, field.kind, field.choices) == ("", kind, choices)


def test_blank() -> None:
    assert blank(SCHEMA) == {"approved": None, "text": None} | DEFAULTS
    assert blank(schema_of(bool)) is None
    assert blank({"type": "string", "default": "x"}) == "x"


def test_rule_31_a_chains_inputs_are_a_form() -> None:
    schema = inputs_schema(
        [
            InputDefinition(name="order", json_schema=schema_of(Line)),
            InputDefinition(name="orders", json_schema=schema_of(list[Line]), required=False, default=[]),
            InputDefinition(name="tone", required=False, default="polite", description="how it sounds"),
        ]
    )
    assert check_answer(schema, {"order": {"text": "x"}}) == {
        "order": {"text": "x"}, "orders": [], "tone": "polite",
    }  # fmt: skip
    with pytest.raises(ResumeError) as caught:
        check_answer(schema, {"orders": [{"text": 1}], "tune": 1})
    assert str(caught.value) == (
        "order is missing; orders[0].text must be a text; tune: there is no such field; did you mean 'tone'?"
    )
    assert [f.name for f in form_fields(schema) if f.required] == ["order"]
    assert form_fields(schema)[2].description == "how it sounds"


TYPED = [
    (str, "3", "3"),
    (str, "", ""),
    (int, "3", 3),
    (int, "x", "x"),
    (float, "1e3", 1000.0),
    (bool, "yes", True),
    (bool, "False", False),
    (bool | None, "none", None),
    (int | None, "", None),
    (int | str, "3", "3"),
    (list[int], "[1, 2]", [1, 2]),
    (dict[str, int], '{"a": 1}', {"a": 1}),
    (Line, '{"text": "a"}', {"text": "a"}),
    (Literal["1", "2"], "1", "1"),
    (Literal[1, 2], "1", 1),
    (dt.date, "2031-05-28", "2031-05-28"),
]


@pytest.mark.parametrize(("annotation", "text", "value"), TYPED)
def test_rule_38_text_becomes_what_the_annotation_says(annotation: Any, text: str, value: Any) -> None:
    found = value_from_text(schema_of(annotation), text)
    assert found == value
    assert type(found) is type(value)
