"""What the front end is told of forms, and that it judges answers as Python does (SEMANTICS 16)."""

from __future__ import annotations

from types import SimpleNamespace

from tests.widgets import form_cases
from tinyflow_nb_widgets.forms import answers, input_form, waiting_forms


def test_the_table_of_cases_is_what_python_says_today() -> None:
    """`form_rules.test.mjs` holds the page to the same table."""
    stale = "stale: python -m tests.widgets.form_cases"
    assert form_cases.TABLE.read_text(encoding="utf-8") == form_cases.text(), stale


def test_the_open_forms_of_a_run(make: SimpleNamespace) -> None:
    state = make.suspended(initial={"text": "We are sorry."})
    [form] = waiting_forms(state)
    assert (form["unit"], form["message"]) == ("approval", "Send this reply?")
    assert form["schema"] == make.approval
    assert form["initial"] == {"text": "We are sorry."}
    state.nodes["approval"].round = 2
    assert waiting_forms(state)[0]["key"] != form["key"]  # asked anew: an empty form, another answer_id


def test_missing_inputs_are_the_same_form(make: SimpleNamespace) -> None:
    form = input_form(make.triage().inputs, ["question"], {"top": 7})
    assert form["message"] == "Needed to start: question"
    assert (form["schema"]["required"], form["initial"]) == (["question"], {"top": 7})
    question, top = form["schema"]["properties"].values()
    assert (question["type"], question["description"]) == ("string", "what was asked")
    assert (top["type"], top["default"]) == ("integer", 5)


def test_who_answered_what(make: SimpleNamespace) -> None:
    state = make.finished()
    state.nodes["approval"].answered_by = {"who": "ada", "at": 5.0, "answer_id": "x"}
    state.nodes["approval"].output = {"approved": True}
    assert answers(make.triage(), state) == [{
        "unit": "approval", "node": "approval", "who": "ada", "at": 5.0, "fields": [["Approved", "yes"]],
    }]  # fmt: skip
