"""Handles: chains, runs and nodes from a cell (rules 15, 41)."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from functools import partial
from typing import Any

import pytest

from tests.magics.conftest import Notebook
from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.errors import (
    ChainCancelled,
    ChainFailed,
    ChainSuspended,
    ChainTimeout,
    InputError,
    InvalidOperation,
    ResumeError,
)
from tinyflow_nb_magics import ChainHandle, RunHandle
from tinyflow_nb_magics.single_node import prompt_in_run

TWO = """%%tinyflow two --no-run
from pydantic import BaseModel
class Size(BaseModel):
    n: int
def measure(text: str) -> Size:
    print("measuring", text)
    return Size(n=len(text))
def double(measure: Size, factor: int = 2) -> int:
    return measure.n * factor
"""
ASK = """%%tinyflow ask --no-run
from pydantic import BaseModel
class Answer(BaseModel):
    ok: bool
    why: str
@confirm(initial={"why": "reason"})
def sure(reason: str) -> Answer: "Sure?"
def end(sure: Answer) -> str: return f"{sure.ok}: {sure.why}"
"""
SAY = """%%tinyflow say --no-run
from collections.abc import Iterator
def words(text: str) -> Iterator[str]:
    yield from text.split()
@node(each="n in [1, 2]")
def more(words, n: int) -> Iterator[str]:
    yield f"{words}{n}"
"""
PROMPT = """%%tinyflow p --no-run
question: str
tone: str = Input("polite")
parts: list[str]
@llm("smollm2")
def draft(question, tone) -> str:
    "Write a {{ tone }} reply to: {{ question }}"
@llm("smollm2")
def check(draft) -> bool:
    "Is this rude? {{ draft }}"
@llm("smollm2", each="part in parts")
def each_part(part) -> str:
    "Say {{ part }}"
"""


@pytest.fixture
def two(notebook: Notebook) -> ChainHandle:
    notebook.ok(TWO)
    return notebook["two"]


@pytest.fixture
def ask(notebook: Notebook) -> RunHandle:
    notebook.ok(ASK)
    return notebook["ask"].start(reason="why not")


def test_start_takes_keywords_or_one_dict(two: ChainHandle) -> None:
    assert two.start(text="abc").result() == 6
    assert two.start({"text": "abcd"}).result() == 8
    with pytest.raises(InvalidOperation, match="by keyword or as one dict"):
        two.start({"text": "a"}, text="b")
    with pytest.raises(InputError, match="text is missing"):
        two.start()
    with pytest.raises(InputError, match="input text gave"):
        two.start(text=object())


def test_a_value_without_a_name_is_refused(two: ChainHandle) -> None:
    """Rule 41: values go by keyword or as one dict."""
    for act in (two.start, partial(two.call, "measure")):
        with pytest.raises(InputError, match="'abc' has no name"):
            act("abc")


def test_start_knows_later_options_by_name(two: ChainHandle) -> None:
    with pytest.raises(InvalidOperation, match="not there yet"):
        two.start(text="a", given={"measure": 1})


def test_last_is_the_newest(two: ChainHandle) -> None:
    with pytest.raises(InvalidOperation, match=r"two has no run yet: two.start\(text=...\)"):
        _ = two.last
    two.start(text="a")
    newest = two.start(text="b")
    assert two.last.id == newest.id


async def test_a_run_is_awaited_in_the_readers_own_loop(two: ChainHandle) -> None:
    run = two.start(text="abc")
    assert await run == 6
    assert await run == 6
    assert await asyncio.gather(run.finished(), two.start(text="z").finished()) == [6, 2]


def test_await_and_result_raise_where_only_people_are_awaited(ask: RunHandle) -> None:
    """Rule 15."""
    with pytest.raises(ChainSuspended) as caught:
        ask.result()
    assert caught.value.forms["sure"]["initial"] == {"why": "why not"}
    assert ask.status == "SUSPENDED"


def test_the_way_to_answer_is_told_as_it_is_written(notebook: Notebook) -> None:
    """Rule 15."""
    notebook.ok(
        "%%tinyflow both\n@confirm\ndef first() -> bool: '1?'\n@confirm\ndef second() -> bool: '2?'\n"
        "def end(first, second): return [first, second]"
    )
    run = notebook["both"].last
    with pytest.raises(ChainSuspended) as caught:
        run.result()
    told = str(caught.value).partition("or: ")[2]
    assert told == "run.resume(value, node='first')"
    eval(told, {"run": run, "value": True})
    with pytest.raises(ChainSuspended) as caught:
        run.result()
    assert str(caught.value).endswith("or: run.resume(value)")


async def test_finished_waits_on_for_people(ask: RunHandle) -> None:
    """Rule 15."""
    waiting = asyncio.ensure_future(ask.finished())
    await asyncio.to_thread(_answer_once_it_waits, ask)
    assert await waiting == "True: why not"


def _answer_once_it_waits(run: RunHandle) -> None:
    with pytest.raises(ChainSuspended):
        run.result()
    run.resume(ok=True)


async def test_cancelling_a_wait_stops_nothing(ask: RunHandle) -> None:
    """Rule 15."""
    waiting = asyncio.ensure_future(ask.finished())
    with pytest.raises(ChainSuspended):
        await asyncio.to_thread(ask.result)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert ask.status == "SUSPENDED"


def test_interrupting_a_wait_stops_nothing(notebook: Notebook, tmp_path: Any) -> None:
    """Rule 15."""
    notebook.ok(
        f"%%tinyflow c -i gate='{tmp_path / 'gate'}'\nimport asyncio\nfrom pathlib import Path\n"
        "async def a(gate: str) -> str:\n"
        "    while not Path(gate).exists():\n        await asyncio.sleep(0.01)\n    return 'open'"
    )
    ran = notebook.run(
        "import os, signal, threading\n"
        "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\nc.last.result()"
    )
    assert isinstance(ran.error, KeyboardInterrupt)
    assert notebook["c"].last.status == "RUNNING"
    (tmp_path / "gate").touch()
    assert notebook.ok("await c.last").value == "open"


async def test_an_interrupt_reaches_an_awaited_run(ask: RunHandle) -> None:
    """Rule 15; a kernel's handler queues the cancelling, but does not wake the loop for it."""
    waiting = asyncio.ensure_future(ask.finished())
    loop = asyncio.get_running_loop()
    before = signal.signal(signal.SIGUSR1, lambda *_: loop.call_soon(waiting.cancel))
    interrupt = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    interrupt.start()
    start = time.monotonic()
    await asyncio.wait([waiting], timeout=60)
    interrupt.join()
    signal.signal(signal.SIGUSR1, before)
    assert waiting.cancelled()
    assert time.monotonic() - start < 50, "by a loop that wakes, not by the end of the wait"
    with pytest.raises(ChainSuspended):
        await asyncio.to_thread(ask.result)


def test_result_validates(notebook: Notebook) -> None:
    from pydantic import BaseModel

    class Size(BaseModel):
        n: int

    notebook.ok("%%tinyflow c\ndef a(): return {'n': 3}")
    assert notebook["c"].last.result(Size) == Size(n=3)
    with pytest.raises(Exception, match=r"result\(\) takes int"):
        notebook["c"].last.result(int)


def test_result_gives_up_waiting(notebook: Notebook) -> None:
    notebook.ok("%%tinyflow c\nimport asyncio\nasync def a(): await asyncio.sleep(30)")
    run = notebook["c"].last
    with pytest.raises(ChainTimeout, match=run.id):
        run.result(timeout=0.05)
    assert run.status == "RUNNING"
    run.stop()
    assert run.status == "CANCELLED"
    with pytest.raises(ChainCancelled):
        run.result()


def test_resume(ask: RunHandle) -> None:
    """Rule 16: fields by keyword or one dict; a refused answer changes nothing."""
    with pytest.raises(ChainSuspended):
        ask.result()
    with pytest.raises(ResumeError) as caught:
        ask.resume(ok="perhaps", more=1)
    assert set(caught.value.fields) == {"ok", "more"}
    with pytest.raises(ResumeError, match=r"no node 'other'"):
        ask.resume(node="other", ok=True)
    ask.resume({"ok": False, "why": "no"})
    assert ask.result() == "False: no"
    with pytest.raises(ResumeError, match="takes no answers"):
        ask.resume(ok=True)


def test_a_form_of_one_value_takes_it(notebook: Notebook) -> None:
    notebook.ok("%%tinyflow c\n@confirm\ndef one() -> int: 'How many?'\ndef end(one): return one + 1")
    run = notebook["c"].last
    with pytest.raises(ChainSuspended):
        run.result()
    run["one"].resume(4)
    assert run.result() == 5


def test_retry_goes_on(notebook: Notebook, tmp_path: Any) -> None:
    flag = tmp_path / "mended"
    notebook.ok(
        f"%%tinyflow c -i path='{flag}'\nfrom pathlib import Path\n"
        "def first(path: str) -> str: return path\ndef second(first) -> str: return Path(first).read_text()"
    )
    run = notebook["c"].last
    with pytest.raises(ChainFailed):
        run.result()
    assert run["second"].error is not None
    assert run["second"].error["type"] == "FileNotFoundError"
    flag.write_text("fine")
    run.retry()
    assert run.result() == "fine"
    assert run["first"].state.attempts == 1
    with pytest.raises(InvalidOperation, match="SUCCEEDED"):
        run.retry()


async def test_stream(notebook: Notebook) -> None:
    """Rule 41: (node, item, text), from the start, and it ends."""
    await asyncio.to_thread(notebook.ok, SAY)
    for _ in range(20):  # the reader comes at another moment each time
        run = notebook["say"].start(text="a b")
        said = [piece async for piece in run.stream()]
        assert said[:2] == [("words", None, "a"), ("words", None, "b")]
        assert sorted(said[2:]) == [("more", 0, "ab1"), ("more", 1, "ab2")]
    assert [piece async for piece in run.stream("words")] == said[:2]
    assert [piece async for piece in run.stream("more[1]")] == [("more", 1, "ab2")]
    with pytest.raises(InvalidOperation, match="did you mean 'words'"):
        _ = [piece async for piece in run.stream("word")]


async def test_a_stream_ends_where_people_are_awaited(ask: RunHandle) -> None:
    assert [piece async for piece in ask.stream()] == []
    assert ask.status == "SUSPENDED"


def test_node_views(two: ChainHandle, notebook: Notebook) -> None:
    run = two.start(text="abc")
    run.result()
    view = run["measure"]
    assert (view.status, view.output, view.error, view.usage) == ("SUCCEEDED", {"n": 3}, None, None)
    assert view.log == "measuring abc\n"
    assert run["double"].log == ""
    assert repr(view) == f"<measure of run {run.id}: SUCCEEDED>"
    with pytest.raises(InvalidOperation, match="no node 'measur'; did you mean 'measure'"):
        _ = run["measur"]
    notebook.ok(SAY)
    said = notebook["say"].start(text="x")
    said.result()
    assert said["more"].output == ["x1", "x2"]
    assert said["more[1]"].output == "x2"
    with pytest.raises(InvalidOperation, match="more has 2 items"):
        _ = said["more[2]"]


def test_prompt_shows_what_would_be_sent(notebook: Notebook) -> None:
    """Rule 41: no model is called."""
    notebook.ok(PROMPT)
    chain = notebook["p"]
    messages = chain.prompt("draft", question="Why?")
    assert messages == [{"role": "user", "content": "Write a polite reply to: Why?"}]
    assert repr(messages) == "user:\nWrite a polite reply to: Why?"
    assert chain.prompt("check", {"draft": "Go."})[0]["content"] == "Is this rude? Go."
    assert chain.prompt("each_part", part="b")[0]["content"] == "Say b"
    for wrong, told in [
        (lambda: chain.prompt("drft", question="x"), "did you mean 'draft'"),
        (lambda: chain.prompt("check"), "check needs draft=..."),
        (lambda: chain.prompt("draft", question="x", tune="y"), "did you mean 'tone'"),
        (lambda: chain.prompt("each_part"), "needs part=..."),
    ]:
        with pytest.raises((InputError, InvalidOperation), match=told):
            wrong()


def test_prompt_of_a_code_node_is_refused(two: ChainHandle) -> None:
    with pytest.raises(InvalidOperation, match="measure is a code node: only @llm nodes have a prompt"):
        two.prompt("measure", text="a")


async def test_prompt_in_a_run() -> None:
    """The values are the run's own, those of a handler and of an item too."""
    definition = ChainDefinition.from_source(
        """
names: list[str]
@node(on_error="stand_in")
def greeting() -> str: raise ValueError
def stand_in() -> str: return "Dear"
@llm("smollm2", each="name in names if name != 'Bob'")
def letter(greeting, name) -> str: "{{ greeting }} {{ name }}"
@confirm
def wait(letter): "Go on?"
@llm("smollm2")
def later(wait) -> str: "{{ wait }}"
""",
        "c",
    )
    async with connect("memory://", overrides={"letter": lambda greeting, name: name}) as executor:
        run = await executor.execute_async(definition, {"names": ["Ada", "Bob", "Cyd"]})
        with pytest.raises(ChainSuspended):
            await executor.wait(run, people=False)
        assert await prompt_in_run(executor, run, "letter[1]") == [{"role": "user", "content": "Dear Cyd"}]
        with pytest.raises(InvalidOperation, match="letter runs per item"):
            await prompt_in_run(executor, run, "letter")
        with pytest.raises(InvalidOperation, match="later reads wait, which has not ended yet"):
            await prompt_in_run(executor, run, "later")
        with pytest.raises(InvalidOperation, match="greeting is a code node"):
            await prompt_in_run(executor, run, "greeting")


def test_call_runs_one_node(two: ChainHandle, notebook: Notebook) -> None:
    """Rule 41: decorated or not; typed in, JSON out; nothing is stored."""
    assert two.call("measure", text="abcd") == {"n": 4}
    assert two.call("double", measure={"n": 4}) == 8
    assert two.call("double", measure={"n": 4}, factor=3) == 12
    assert not two.has_run
    notebook.ok(SAY)
    assert notebook["say"].call("words", text="a b") == "ab"
    assert notebook["say"].call("more", words="w", n=7) == "w7"
    with pytest.raises(InputError, match=r"double needs measure=\.\.\."):
        two.call("double")
    with pytest.raises(Exception, match="takes Size"):
        two.call("double", measure="x")
    notebook.ok(ASK)
    with pytest.raises(InvalidOperation, match="asks a person"):
        notebook["ask"].call("sure", reason="x")
    notebook.ok("%%tinyflow bad --no-run\ndef a(x): return 1 / x")
    with pytest.raises(ZeroDivisionError):
        notebook["bad"].call("a", x=0)


def test_handles_show_themselves(two: ChainHandle, notebook: Notebook) -> None:
    assert repr(two) == "<chain two(text, factor=2): measure, double>"
    bundle = two._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg")
    run = two.start(text="abc")
    run.result()
    assert repr(run) == f"<run {run.id}: SUCCEEDED>"
    (shown,) = notebook.ok("two.last").shown
    assert shown["text/plain"].endswith("\n6")
    assert shown["image/svg+xml"].startswith("<svg")
    assert shown["image/svg+xml"] == run.svg() == run._repr_mimebundle_()["image/svg+xml"]
    assert run.html().startswith("<!doctype html>")
    assert two.svg() == bundle["image/svg+xml"]
    assert two.mermaid() == 'flowchart LR\n    n0["measure"]\n    n1["double"]\n    n0 --> n1\n'
    assert "application/vnd.jupyter.widget-view+json" not in shown


def test_a_node_tells_what_it_was_given(two: ChainHandle, notebook: Notebook) -> None:
    run = two.start(text="abc")
    run.result()
    assert run["measure"].inputs == {"text": "abc"}
    assert run["double"].inputs == {"measure": {"n": 3}, "factor": 2}
    notebook.ok("%%tinyflow up --no-run\n@node(until='up > 2')\ndef up(up: int = 0) -> int: return up + 1")
    run = notebook["up"].start()
    run.result()
    assert run["up"].inputs == {"up": 2}


def test_a_node_can_not_wait_for_the_notebook(notebook: Notebook) -> None:
    """The engine's loop never waits for itself."""
    notebook.ok("%%tinyflow c --no-run\ndef a(): return 1")
    session = notebook["c"]._session

    async def inside() -> Any:
        return notebook["c"].start()

    with pytest.raises(InvalidOperation, match="a node can't call a handle"):
        session.call(inside())
