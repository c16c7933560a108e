"""Every example notebook as a reader has it: run to its end, answered by hand, saved, opened again."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest

from tests.browser.conftest import Page, open_page

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
ANSWERED_BY_CODE = re.compile(r'^[\w.\[\]"]+\.resume\(.*\n', re.MULTILINE)
"""These lines go from the copy that is run: here a person answers."""


class Hand(NamedTuple):
    """What a person does with the open form, before the first cell with some words in it is run."""

    before: str
    typed: str
    presses: tuple[str, ...]


LAST_PICTURE = """(place) => {
  const {data} = jupyterapp.shell.currentWidget.context.model.toJSON().cells[place].outputs[0] ?? {};
  return data && !('application/vnd.jupyter.widget-view+json' in data)
    && /^\\w+: succeeded in .*\\n./.test([data['text/plain']].flat().join(''));
}"""

BY_HAND = {
    "quickstart": [
        Hand("support_triage.last.resume", "We are sorry! Money is on its way.", ("Yes", "Send answer"))
    ],
    "confirm_and_resume": [
        Hand("announce.last.resume(approved=True)", "Dear all, we move in May.", ("Yes", "Send answer")),
        Hand('run["approval"].resume', "", ("No", "Send answer")),
        Hand("await greeting.start", "Grace", ("Start",)),
    ],
    "publisher": [Hand("brief.last.resume", "The office moves.", ("Send answer",))],
    "user": [Hand('node="gist/approval"', "The canteen closes for good.", ("Send answer",))],
}
STORIES = [
    ["quickstart"], ["branches_and_joins"], ["confirm_and_resume"], ["streaming_and_tools"],
    ["publisher", "user"],
]  # fmt: skip
"""Each one's notebooks use what those before them publish."""

OpenExample = Callable[[str, str], Page]


def test_every_notebook_is_here() -> None:
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == sorted(itertools.chain(*STORIES))


@pytest.fixture
def example(request: pytest.FixtureRequest, browser: Any) -> Iterator[OpenExample]:
    """`example(where, name)`: the notebook without outputs, open at the server of the fixture `where`."""
    opened = ExitStack()

    def open_(where: str, name: str) -> Page:
        address, root = request.getfixturevalue(where)
        notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
                cell.source = ANSWERED_BY_CODE.sub("", cell.source)
        nbformat.write(notebook, root / f"{name}.ipynb")
        return open_page(opened, request.node, browser, address, f"{name}.ipynb")

    with opened:
        yield open_


def code_cells(name: str) -> dict[int, Any]:
    """As they are in the repository, by their place."""
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    return {place: cell for place, cell in enumerate(cells) if cell.cell_type == "code"}


def fails(cell: Any) -> bool:
    return "raises-exception" in cell.metadata.get("tags", ())


def shows_a_run(cell: Any) -> bool:
    starts = cell.source.startswith("%%tinyflow") and "--no-run" not in cell.source.partition("\n")[0]
    return (starts or cell.source.startswith("%tinyflow attach")) and not fails(cell)


def answer(page: Page, hand: Hand) -> None:
    form = page.page.locator(".tf-live .tf-form")
    form.wait_for()
    if hand.typed:
        form.locator("textarea").fill(hand.typed)
    for name in hand.presses:
        form.get_by_role("button", name=name, exact=True).click()
    form.wait_for(state="detached")


def run_through(page: Page, name: str) -> None:
    hands = list(BY_HAND.get(name, ()))
    for place, cell in code_cells(name).items():
        if hands and hands[0].before in cell.source:
            answer(page, hands.pop(0))
        page.run(place)
    assert not hands


def look_through(page: Page, name: str) -> None:
    """It is as a reader wants to find it."""
    shown = page.page.locator(".jp-Notebook")
    shown.wait_for()
    cells = code_cells(name)
    for place in filter(lambda place: shows_a_run(cells[place]), cells):
        cell = page.page.locator(".jp-Notebook .jp-Cell").nth(place)
        cell.scroll_into_view_if_needed()
        cell.locator(".tf-kept .tf-day").wait_for()
        assert cell.get_by_role("heading", name="Result").count() == 1
        labels = cell.locator(".tf-answer dt").evaluate_all("(all) => all.map((label) => label.offsetHeight)")
        assert all(height < 30 for height in labels), "a label stands on one line"
    assert "Error displaying widget" not in shown.inner_text()
    for hand in BY_HAND.get(name, ()):
        assert hand.typed in shown.inner_text()


@pytest.mark.parametrize(
    ("where", "story"),
    [*(("server", story) for story in STORIES), ("notebook_server", ["confirm_and_resume"])],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_an_example_is_run_answered_saved_and_found_again(
    where: str, story: list[str], example: OpenExample, request: pytest.FixtureRequest
) -> None:
    """Rule 42: what was seen is there without its kernel, and no output is an error but the intended ones."""
    for name in story:
        page = example(where, name)
        run_through(page, name)
        cells = code_cells(name)
        for place in filter(lambda place: shows_a_run(cells[place]), cells):
            page.until(LAST_PICTURE, place)
        page.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
        saved = nbformat.read(request.getfixturevalue(where)[1] / f"{name}.ipynb", as_version=4)
        for place, cell in cells.items():
            errors = [output.ename for output in saved.cells[place].outputs if output.output_type == "error"]
            assert errors == (["CellDefinitionError"] if fails(cell) else [])
        page.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        page.open()
        look_through(page, name)
        page.screenshot(f"example-{name}-{where}")
