"""Fields of every kind, in a real browser (SEMANTICS 16)."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, SecretStr

from tests.widgets.page import sent
from tinyflow_nb import Attachment
from tinyflow_nb.language.forms import check_answer


class Line(BaseModel):
    article: str = Field(max_length=60)
    amount: int = Field(1, ge=1, le=99)


class Everything(BaseModel):
    name: str = Field(max_length=60)
    yes: bool
    size: Literal["S", "M"] = "M"
    country: Literal["a", "b", "c", "d", "e", "f", "g"] = "c"
    due: dt.date
    at: dt.time
    moment: dt.datetime
    share: float | None = Field(None, ge=0, le=1)
    secret: SecretStr
    tags: list[str] = []
    lines: list[Line] = Field(min_length=1)
    first: Line
    other: Line | None = None
    more: dict[str, int] = {}
    photo: Attachment | None = None


def answered(page: Any) -> Any:
    page.keyboard.press("Control+Enter")
    [message] = sent(page, "action")
    return message["action"]["answer"]


def test_every_kind_of_field_is_filled_in(make: SimpleNamespace, show: Any) -> None:
    page = show(make.suspended(Everything.model_json_schema(), {"name": "ada", "tags": ["one", "two"]}))
    form = page.locator(".tf-form")
    form.get_by_role("button", name="Yes").click()
    form.get_by_label("Country").select_option("e")
    form.get_by_label("Due").fill("2031-05-28")
    form.get_by_label("At", exact=True).fill("17:30")
    form.get_by_label("Moment").fill("2031-05-28T17:30")
    secret = form.get_by_label("Secret")
    assert secret.get_attribute("type") == "password"
    secret.fill("hush")
    form.get_by_role("switch", name="Share or none").check()
    form.locator('[data-field="share"] input').fill("0.5")
    form.get_by_role("button", name="Move down: Tags 1").click()
    form.get_by_role("button", name="Add to Tags").click()
    page.keyboard.type("three")
    form.get_by_role("button", name="Remove: Tags 1").click()
    form.get_by_role("button", name="Add to Lines").click()
    page.keyboard.type("shoes")
    form.locator('[data-field="first"]').get_by_label("Article").fill("laces")
    form.get_by_role("switch", name="Photo or none").check()
    file = {"name": "a.bin", "mimeType": "image/png", "buffer": b"\xff\x00"}
    form.locator("input[type=file]").set_input_files(files=file)
    form.get_by_text("Attached: a.bin").wait_for()
    form.get_by_label("Name").focus()
    answer = answered(page)
    assert answer == {
        "name": "ada", "yes": True, "size": "M", "country": "e", "due": "2031-05-28", "at": "17:30",
        "moment": "2031-05-28T17:30", "share": 0.5, "secret": "hush", "tags": ["one", "three"],
        "lines": [{"article": "shoes", "amount": 1}], "first": {"article": "laces", "amount": 1},
        "other": None, "more": {}, "photo": {"name": "a.bin", "mime": "image/png", "base64": "/wA="},
    }  # fmt: skip
    assert check_answer(Everything.model_json_schema(), answer) == answer


def test_what_is_wrong_stands_at_its_field_and_the_first_is_focused(make: SimpleNamespace, show: Any) -> None:
    page = show(make.suspended(Everything.model_json_schema(), {"first": {"article": "x", "amount": 100}}))
    page.locator(".tf-form").get_by_role("button", name="Send answer").click()
    wrong = page.locator(".tf-wrong > .tf-problem").evaluate_all(
        "(all) => all.map((e) => [e.parentElement.dataset.field, e.textContent])"
    )
    wanted = "Please fill this in."
    assert wrong == [
        ["name", wanted], ["yes", wanted], ["due", wanted], ["at", wanted], ["moment", wanted],
        ["secret", wanted], ["lines", "Must have at least 1 items."], ["amount", "Must be at most 99."],
    ]  # fmt: skip
    assert page.evaluate("document.activeElement.closest('[data-field]').dataset.field") == "name"
    assert sent(page, "action") == []


def test_a_file_that_is_too_large_is_refused_with_the_limit(make: SimpleNamespace, show: Any) -> None:
    page = show(make.suspended(Attachment.model_json_schema()))
    large = {"name": "big.txt", "mimeType": "text/plain", "buffer": b"x" * 1_000_001}
    page.locator("input[type=file]").set_input_files(files=large)
    page.get_by_text("big.txt has 1.0 MB; at most 1 MB can be attached.").wait_for()
    small = {"name": "small.txt", "mimeType": "text/plain", "buffer": "é".encode()}
    page.locator("input[type=file]").set_input_files(files=small)
    page.get_by_text("Attached: small.txt").wait_for()
    page.get_by_role("button", name="Send answer").focus()
    assert answered(page) == {"name": "small.txt", "mime": "text/plain", "text": "é"}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"text": "a", "base64": "YQ=="}, "either text or base64"),
        ({}, "either text or base64"),
        ({"base64": "!"}, "base64"),
        ({"text": "é" * 600_000}, "at most 1 MB"),
    ],
)
def test_an_attachment_is_one_small_content(fields: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Attachment(name="x", **fields)
    assert Attachment(name="x", base64="/wA=").content == b"\xff\x00"
    assert Attachment(name="x", text="é").content == "é".encode()
