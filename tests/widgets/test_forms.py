"""JSON Schema -> fields (SEMANTICS 16)."""

from __future__ import annotations

from enum import Enum
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from tinyflow_nb_widgets.forms import answers, fields_of, input_form, waiting_forms


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    weight: float


class Everything(BaseModel):
    yes: bool
    text: str = Field("", description="a long text")
    short: str = Field(max_length=20)
    count: int | None = None
    score: float = Field(ge=0, le=1)
    kind: Literal["refund", "bug"]
    colour: Colour | None = None
    part: Part
    tags: list[str] = []


def only(type_: Any) -> dict[str, Any]:
    [field] = fields_of(TypeAdapter(type_).json_schema())
    return field


def test_every_type_gets_its_control() -> None:
    fields = {f["name"]: f for f in fields_of(Everything.model_json_schema())}
    assert {name: f["kind"] for name, f in fields.items()} == {
        "yes": "boolean", "text": "text", "short": "line", "count": "integer", "score": "number",
        "kind": "choice", "colour": "choice", "part": "json", "tags": "json",
    }  # fmt: skip
    assert [name for name, f in fields.items() if f["required"]] == ["yes", "short", "score", "kind", "part"]
    assert [name for name, f in fields.items() if f["nullable"]] == ["count", "colour"]
    assert fields["kind"]["choices"] == ["refund", "bug"]
    assert fields["colour"]["choices"] == ["red", "blue"]
    assert (fields["score"]["minimum"], fields["score"]["maximum"]) == (0, 1)
    assert fields["text"]["description"] == "a long text"
    assert fields["tags"]["value"] == []


@pytest.mark.parametrize(("type_", "kind"), [
    (bool, "boolean"), (str, "text"), (int, "integer"), (Literal["a", "b"], "choice"), (list[int], "json"),
    (Colour, "choice"), (dict[str, int], "json"), (Literal["a"], "choice"),
])  # fmt: skip
def test_an_answer_of_one_value_is_one_field_without_a_name(type_: Any, kind: str) -> None:
    field = only(type_)
    assert (field["name"], field["kind"], field["required"]) == ("", kind, True)


def test_initial_pre_fills() -> None:
    fields = {f["name"]: f for f in fields_of(Everything.model_json_schema(), {"text": "hello", "count": 3})}
    assert (fields["text"]["value"], fields["count"]["value"]) == ("hello", 3)
    assert "value" not in fields["yes"]
    assert fields_of({"type": "boolean"}, False)[0]["value"] is False


def test_a_schema_that_refers_to_itself_ends() -> None:
    assert fields_of({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}})[0]["kind"] == "json"
    assert fields_of({"$ref": "#/nowhere"})[0]["kind"] == "json"


def test_the_open_forms_of_a_run(make: SimpleNamespace) -> None:
    state = make.suspended(initial={"text": "We are sorry."})
    [form] = waiting_forms(state)
    assert (form["unit"], form["message"]) == ("approval", "Send this reply?")
    assert form["fields"][1]["value"] == "We are sorry."
    state.nodes["approval"].round = 2
    assert waiting_forms(state)[0]["key"] != form["key"]  # asked anew: an empty form, another answer_id


def test_missing_inputs_are_the_same_form(make: SimpleNamespace) -> None:
    form = input_form(make.triage().inputs, ["question"], {"top": 7})
    assert form["message"] == "Needed to start: question"
    question, top = form["fields"]
    assert (question["kind"], question["required"], question["description"]) == (
        "text",
        True,
        "what was asked",
    )
    assert (top["kind"], top["required"], top["value"]) == ("integer", False, 7)


def test_who_answered_what(make: SimpleNamespace) -> None:
    state = make.finished()
    state.nodes["approval"].answered_by = {"who": "ada", "at": 5.0, "answer_id": "x"}
    state.nodes["approval"].output = {"approved": True}
    assert answers(state) == [
        {"unit": "approval", "node": "approval", "who": "ada", "at": 5.0, "answer": {"approved": True}}
    ]
