"""What goes wrong is told in one line, at the cell's line, with what was given and what to do."""

from __future__ import annotations

from typing import NamedTuple

from tests.browser.conftest import OpenNotebook
from tests.browser.test_items import house, named  # noqa: F401 - a fixture is found by its name
from tests.nodes.test_llm_endpoints import Endpoint

HEAD = """%%tinyflow {name} -i question="Where is it?"
import asyncio
from typing import Literal
from tinyflow_nb import llm, node, secret

"""


class Failing(NamedTuple):
    """A chain whose one node fails, and what its reader is told."""

    name: str
    body: str
    title: str
    line: str
    """Of the cell, marked."""
    remedy: str


FAILING = [
    Failing(
        "no_key", '@llm("keyed")\ndef draft(question) -> str:\n    "Answer: {{ question }}"',
        "SecretMissing: model 'keyed' needs the environment variable HOUSE_KEY, which is not set",
        "def draft(question) -> str:", 'os.environ["HOUSE_KEY"] = getpass.getpass()',
    ),
    Failing(
        "no_secret", "def draft(question: str) -> str:\n    return secret('HOUSE_KEY').get()",
        "SecretMissing: the secret HOUSE_KEY is missing",
        "return secret('HOUSE_KEY').get()", 'os.environ["HOUSE_KEY"] = getpass.getpass()',
    ),
    Failing(
        "no_server", '@llm("gone")\ndef draft(question) -> str:\n    "Answer: {{ question }}"',
        "ModelUnusable: model 'gone': can't be reached", "def draft(question) -> str:", "%tinyflow doctor",
    ),
    Failing(
        "no_model", '@llm("hose")\ndef draft(question) -> str:\n    "Answer: {{ question }}"',
        "ModelError: no model is named 'hose'; did you mean 'house'?", "def draft(question) -> str:", "",
    ),
    Failing(
        "no_fit",
        '@llm("house")\ndef draft(question) -> Literal["refund", "bug"]:\n    "Sort: {{ question }}"',
        "ModelError: model 'house' gave no valid", 'def draft(question) -> Literal["refund", "bug"]:',
        "the return annotation",
    ),
    Failing(
        "no_package", "def draft(question: str) -> str:\n    import notthere.at_all\n    return question",
        "ModuleNotFoundError: No module named 'notthere'", "import notthere.at_all", "%pip install notthere.",
    ),
    Failing(
        "no_time", "@node(timeout=0.1)\nasync def draft(question: str) -> str:\n    await asyncio.sleep(60)",
        "Timeout: it took longer than its timeout of 0.1 s", "async def draft(question: str) -> str:",
        "raise timeout=",
    ),
    Failing(
        "no_type", "def draft(question: str) -> int:\n    return question",
        "WrongType: node 'draft' gave 'Where is it?', which is not int", "def draft(question: str) -> int:",
        "the message names both",
    ),
    Failing(
        "no_name", "def draft(question: str) -> str:\n    return question.titel()",
        "AttributeError: 'str' object has no attribute 'titel'",
        "return question.titel()", "",
    ),
]  # fmt: skip


def test_a_failed_node_says_what_to_do(open_notebook: OpenNotebook, house: Endpoint) -> None:  # noqa: F811
    """A missing key, a model that is not there, an answer that does not fit, a package, a time, a type."""
    house.script = [["maybe"]] * 3
    page = open_notebook("failing", [named(house), *(HEAD.format(name=f.name) + f.body for f in FAILING)])
    page.run_all()
    page.until_executed(len(FAILING) + 1)
    for cell, failing in enumerate(FAILING, 2):
        page.until_kept("failed", cell)
        place = page.page.locator(".jp-Cell").nth(cell).locator(".tf-place .tf-live")
        error = place.locator("> div > .tf-error")
        title = error.locator(".tf-errortitle").text_content()
        assert title is not None
        assert title.startswith(failing.title)
        assert "\n" not in title
        assert failing.line in (error.locator(".tf-marked code").text_content() or "")
        assert error.locator(".tf-fix").count() == bool(failing.remedy)
        assert failing.remedy in (error.text_content() or "")
        error.get_by_role("button", name="Why?").click()
        place.locator(".tf-details [data-section=inputs]").get_by_text("Where is it?").wait_for()
        error.scroll_into_view_if_needed()
        page.screenshot(f"mistake-{failing.name}")
        if failing.name == "no_fit":
            error.locator("summary", has_text="The model's answer").click()
            assert error.locator("details[open] pre").inner_text() == "maybe"


WRONG_CELLS = [
    ('%%tinyflow wrong -i qestion="x"\ndef draft(question: str): return question',
     ["InputError: wrong was not started: unknown input 'qestion', did you mean 'question'?"]),
    ("%%tinyflow wrong -i many=few\ndef draft(many: int): return many",
     ["InputError: wrong was not started: many: must be a whole number"]),
    ("%%tinyflow wrong --no-rnu\ndef draft(): return 1",
     ["MagicError: %%tinyflow has no flag --no-rnu; did you mean --no-run?"]),
    ("%%tinyflow wrong\nimport notthere\n\ndef draft(text: str):\n    return lenght(text)",
     ["  line 5 |     return lenght(text)\n         |            ^\n         'lenght' is not defined"]),
    ("%%tinyflow wrong\nimport notthere\n\ndef draft(text: str): return text",
     ["  line 2 | import notthere\n", "'notthere' is not installed here", "%pip install notthere"]),
    ("%%tinyflow wrong\ndef draft(): return 1\n@node(when=\"drat == 1\")\ndef end(draft): return 1",
     ["  line 3 | @node(when=\"drat == 1\")", "did you mean 'draft'?"]),
    ("%tinyflow rns", ["MagicError: %tinyflow has no command 'rns'; did you mean 'runs'?"]),
]  # fmt: skip


def test_a_mistake_in_a_cell_is_told_before_anything_runs(open_notebook: OpenNotebook) -> None:
    """Rules 31-38: under its own line, and short: no stack of ours."""
    page = open_notebook("wrong", [cell for cell, _ in WRONG_CELLS])
    page.run(0)
    for number, (_, told) in enumerate(WRONG_CELLS, 1):
        page.run(number)
        said = page.text(number)
        assert all(words in said for words in told), said
        assert "Traceback" not in said
        assert len(said.splitlines()) <= 8
    page.page.locator(".jp-Cell").nth(4).scroll_into_view_if_needed()
    page.screenshot("mistakes-in-cells")
