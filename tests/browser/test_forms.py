"""Forms, the inbox and the table of runs, as a reader uses them in JupyterLab."""

from __future__ import annotations

from tests.browser.conftest import IN_BOTH, OpenNotebook

ORDER = """%%tinyflow order
import datetime as dt
from typing import Literal
from pydantic import BaseModel, Field

class Line(BaseModel):
    article: str = Field(max_length=60)
    amount: int = Field(1, ge=1, le=99)

class Order(BaseModel):
    customer: str = Field(max_length=60)
    express: bool
    due: dt.date | None = None
    lines: list[Line] = Field(min_length=1, description="what is ordered")
    size: Literal["S", "M", "L"] = "M"

@confirm(initial={"customer": "'ada'"})
def check() -> Order: "Is this right?"

def told(check: Order) -> str:
    lines = [(x.article, x.amount) for x in check.lines]
    return f"{check.customer} {check.express} {check.due} {lines} {check.size}"
"""


@IN_BOTH
def test_a_rich_form_is_filled_in_and_judged_in_the_page(open_notebook: OpenNotebook) -> None:
    """Rule 16: a list of models, a date or none, limits; what is wrong is said at its field at once."""
    page = open_notebook("order", [ORDER, "await order.last.finished()"])
    page.run_all()
    page.until_kept("waiting for you")
    form = page.page.locator(".tf-form")
    assert form.get_by_label("Customer").input_value() == "ada"
    form.get_by_role("button", name="Send answer").click()
    assert form.locator('[data-field="express"] .tf-problem').inner_text() == "Please fill this in."
    assert "at least 1 items" in form.locator('[data-field="lines"] > .tf-problem').inner_text()
    form.get_by_role("button", name="Yes").click()
    form.get_by_role("button", name="Add to Lines").click()
    page.until("document.activeElement.matches('[data-field=lines] :is(input, textarea)')")
    page.page.keyboard.type("shoes")
    form.get_by_label("Amount").fill("100")
    form.get_by_role("switch", name="Due or none").check()
    form.locator("input[type=date]").fill("2031-05-28")
    page.page.keyboard.press("Control+Enter")
    wrong = form.locator(".tf-wrong .tf-problem:not(:empty)")
    assert wrong.all_inner_texts() == ["Must be at most 99."]
    assert page.page.evaluate("document.activeElement.value") == "100"
    page.page.keyboard.press("Control+A")
    page.page.keyboard.type("2")
    page.screenshot("form-order")
    page.page.keyboard.press("Control+Enter")
    page.until_executed(2)
    assert "ada True 2031-05-28 [('shoes', 2)] M" in page.text(2)
