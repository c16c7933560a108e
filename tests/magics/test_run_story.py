"""The page of a run: its whole story, and that of the chains below it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.errors import UnknownRun
from tinyflow_nb_magics import run_story
from tinyflow_nb_magics.run_story import story_of
from tinyflow_nb_widgets.html import render_story

DEEPEST = "word: str\ndef twice(word: str) -> str:\n    return word + word\n"
INNER = '''
text: str
def clean(text: str) -> str:
    print("cleaning", len(text), "characters")
    return text.strip()

@confirm(initial="clean")
def title(clean) -> str:
    """Which title?"""

@chain("deepest", inputs={"word": "title"})
def more(word: str) -> str: ...
'''
OUTER = '''
question: str

@node(each="n in [1, 2]", inputs={"label": "question ~ ' #' ~ n"})
def lookups(label: str, n: int) -> str:
    return label

@llm("smollm2", retry=Retry(max=2, wait=0))
def draft(question, lookups) -> str:
    """Answer: {{ question }}"""

@chain("inner", inputs={"text": "draft"})
def summary(text: str) -> str: ...
'''


def say() -> Any:
    tries = []

    async def draft(question: str, lookups: list[str]) -> AsyncIterator[str]:
        tries.append(1)
        if len(tries) < 2:
            raise ValueError("the model is busy")
        yield "We are sorry."

    return draft


@pytest.fixture
async def told() -> AsyncIterator[tuple[Any, str]]:
    async with connect("memory://", overrides={"draft": say()}) as executor:
        for source, name in ((DEEPEST, "deepest"), (INNER, "inner")):
            await executor.publish(ChainDefinition.from_source(source, name))
        definition = ChainDefinition.from_source(OUTER, "outer")
        run = await executor.execute_async(definition, {"question": "Shoes?"})
        async for event in executor.events(run):
            if event.type == "chain.suspended":
                await executor.resume_async(run, "Boots", node="summary/title", who="ada")
        yield executor, run


async def test_the_page_tells_the_whole_story(told: tuple[Any, str]) -> None:
    """Chains below, folded to any depth; prompts, attempts, logs, inputs, sources, answers."""
    story = await story_of(*told)
    assert story.prompts == {"draft": [{"role": "user", "content": "Answer: Shoes?"}]}
    inner = story.below["summary"]
    assert inner.below["more"].definition.name == "deepest"
    page = render_story(story)
    assert "<script" not in page
    assert [re.sub("<.*?>", "", name) for name in re.findall("chain below: (<b>.*?</b>)", page)] == [
        "inner", "deepest",
    ]  # fmt: skip
    for words in (
        "BootsBoots", "Answer: Shoes?", "ValueError: the model is busy", "cleaning 13 characters",
        "= question ~ &#x27; #&#x27; ~ n", "Shoes? #2", "def twice(word: str)", "answered by ada", "Boots",
    ):  # fmt: skip
        assert words in page, words
    attempts = page.partition("<summary>attempts</summary>")[2].partition("</details>")[0]
    assert re.findall(r"attempt \d", attempts) == ["attempt 1", "attempt 2"]
    assert page.count("<details") == page.count("</details>")


async def test_the_page_is_bounded(told: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not find room is named."""
    monkeypatch.setattr(run_story, "MOST_CHAINS", 2)
    story = await story_of(*told)
    assert not story.below["summary"].below
    child = next(unit.child for unit in story.below["summary"].state.units() if unit.child)
    assert f"chain below: run <code>{child}</code>" in render_story(story)
    monkeypatch.setattr("tinyflow_nb_widgets.story.MOST_CHARACTERS", 1)
    assert "not told here: lookups, draft, summary." in render_story(story)


async def test_a_run_that_is_not_there_is_said_so(told: tuple[Any, str]) -> None:
    with pytest.raises(UnknownRun):
        await story_of(told[0], "nothing-0")
