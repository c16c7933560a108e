"""@llm against OpenAI-compatible endpoints: names, keys, and everything an endpoint can do wrong."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tinyflow_nb.errors import ModelError, SecretMissing
from tinyflow_nb.nodes import llm_models
from tinyflow_nb.nodes.llm import LlmNode

MakeCall = Callable[..., Any]
KEY = "sk-a-very-secret-key-0123456789"


class Endpoint:
    """A local OpenAI-compatible server that follows a script, one entry per request.

    A list of texts is streamed; an int answers that status; "garbage", "half", "broken" (half, by its
    own length) and "hang" do that.
    """

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.release = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                endpoint.requests.append(json.loads(self.rfile.read(length)))
                endpoint.keys.append(self.headers.get("authorization", ""))
                endpoint.answer(self, endpoint.script.pop(0))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def answer(self, handler: BaseHTTPRequestHandler, what: Any) -> None:
        if what == "hang":
            self.release.wait(100)
            return
        status, body = (
            (what, {"error": {"message": f"key {KEY} refused"}}) if isinstance(what, int) else (200, None)
        )
        handler.send_response(status)
        handler.send_header("content-type", "application/json" if body else "text/event-stream")
        if what == "broken":
            handler.send_header("content-length", "100000")
        handler.end_headers()
        if body:
            handler.wfile.write(json.dumps(body).encode())
        elif what == "garbage":
            handler.wfile.write(b"data: <html>not json\n\n")
        else:
            pieces = ["Half an ans"] if isinstance(what, str) else what
            for piece in pieces:
                handler.wfile.write(self._event({"role": "assistant", "content": piece}))
            if not isinstance(what, str):
                handler.wfile.write(self._event({}, "stop") + b"data: [DONE]\n\n")

    @staticmethod
    def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        chunk = {
            "id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }  # fmt: skip
        if finish:
            chunk["usage"] = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        return b"data: " + json.dumps(chunk).encode() + b"\n\n"

    def close(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    yield server
    server.close()


@pytest.fixture
def named(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """The endpoint under two names, one with a key."""
    monkeypatch.setenv("HOUSE_KEY", KEY)
    models = {
        "plain": {"model": "openai:small", "base_url": endpoint.url},
        "keyed": {"model": "team/big:7b", "base_url": endpoint.url, "key": "HOUSE_KEY"},
    }
    monkeypatch.setenv("TINYFLOW_MODELS", json.dumps(models))
    return endpoint


async def test_two_names_point_at_any_compatible_endpoint(named: Endpoint, llm_call: MakeCall) -> None:
    named.script = [["a", "b"], ["c"]]
    plain = llm_call("Hello", models=["plain"], system="Be kind", settings={"temperature": 0})
    produced = await LlmNode().execute(plain)
    assert plain.chunks == [("text", "a"), ("text", "b")]
    assert produced.info == {
        "usage": {"input_tokens": 7, "output_tokens": 3, "requests": 1, "model": "plain"}
    }
    assert (await LlmNode().execute(llm_call("Hello", models=["keyed"]))).output == "c"
    assert [r["model"] for r in named.requests] == ["small", "team/big:7b"]
    assert named.requests[0]["messages"] == [
        {"role": "system", "content": "Be kind"},
        {"role": "user", "content": "Hello"},
    ]
    assert named.requests[0]["temperature"] == 0
    assert named.keys[1] == f"Bearer {KEY}"
    assert KEY not in named.keys[0]


async def test_calls_at_one_time_share_a_client_and_leave_nothing_open(
    named: Endpoint, llm_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    build = llm_models._build
    monkeypatch.setattr(llm_models, "_build", lambda *a: built.append(1) or build(*a))
    named.script = [["a"]] * 8
    await asyncio.gather(*(LlmNode().execute(llm_call(models=["plain"])) for _ in range(8)))
    assert built == [1]
    assert llm_models._in_use == {}


async def test_no_proxy_comes_between_a_server_on_this_machine(
    named: Endpoint, llm_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    named.script = [["direct"]]
    assert (await LlmNode().execute(llm_call(models=["plain"]))).output == "direct"


@pytest.mark.parametrize("status", [500, 429, 503, 401, 404])
async def test_an_error_names_endpoint_and_status_but_no_key(
    named: Endpoint, llm_call: MakeCall, status: int
) -> None:
    named.script = [status]
    with pytest.raises(ModelError) as caught:
        await LlmNode().execute(llm_call(models=["keyed"], settings={"max_retries": 0}))
    text = str(caught.value)
    assert text.startswith(f"model 'keyed': the endpoint at {named.url} answered with {status}")
    assert "refused" in text
    assert KEY not in text


async def test_rule_34_an_endpoint_with_errors_is_left_at_once(named: Endpoint, llm_call: MakeCall) -> None:
    named.script = [500, ["fine"]]
    produced = await LlmNode().execute(llm_call(models=["keyed", "plain"]))
    assert produced.output == "fine"
    assert len(named.requests) == 2


async def test_garbage_is_no_answer(named: Endpoint, llm_call: MakeCall) -> None:
    named.script = ["garbage"]
    with pytest.raises(
        ModelError, match=f"model 'plain': the endpoint at {named.url} answered: Failed to decode"
    ):
        await LlmNode().execute(llm_call(models=["plain"], settings={"max_retries": 0}))


@pytest.mark.parametrize(("how", "message"), [("half", "ended without a"), ("broken", "broke off at")])
async def test_half_a_stream_is_no_answer(
    named: Endpoint, llm_call: MakeCall, how: str, message: str
) -> None:
    named.script = [how]
    call = llm_call(models=["plain"], settings={"max_retries": 0})
    with pytest.raises(ModelError, match=f"model 'plain': .*{message}"):
        await LlmNode().execute(call)
    assert call.chunks == [("text", "Half an ans")]


async def test_no_answer_in_time(named: Endpoint, llm_call: MakeCall) -> None:
    named.script = ["hang"]
    call = llm_call(models=["plain"], settings={"max_retries": 0, "request_timeout": 0.2})
    with pytest.raises(ModelError, match=f"model 'plain': no answer in time at {named.url}"):
        await LlmNode().execute(call)


async def test_a_cancelled_attempt_lets_go_at_once(
    named: Endpoint, llm_call: MakeCall, wait_until: Callable[..., Any]
) -> None:
    named.script = ["hang"]
    task = asyncio.create_task(LlmNode().execute(llm_call(models=["plain"])))
    await wait_until(lambda: named.requests)
    task.cancel()
    await asyncio.wait([task], timeout=60)
    assert task.cancelled(), "it does not wait for the endpoint, which hangs for ever"


async def test_an_unreachable_endpoint_is_named_without_credentials(
    llm_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody:  # holds the port, and does not listen
        nobody.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{nobody.getsockname()[1]}/v1"
        models = {"gone": {"model": "m", "base_url": f"http://someone:hidden@{place}"}}
        monkeypatch.setenv("TINYFLOW_MODELS", json.dumps(models))
        with pytest.raises(ModelError) as caught:
            await LlmNode().execute(llm_call(models=["gone"], settings={"max_retries": 0}))
    assert f"model 'gone': can't be reached, or broke off at http://{place}" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (
            "openai:gpt-4o-mini",
            SecretMissing,
            "needs the environment variable OPENAI_API_KEY, which is not set",
        ),
        ("keyed", SecretMissing, "model 'keyed' needs the environment variable HOUSE_KEY, which is not set"),
        ("keyd", ModelError, "no model is named 'keyd'; did you mean 'keyed'?"),
        ("nobody:gpt", ModelError, "no model is named 'nobody:gpt'; Use provider:model"),
        ("anthropic:claude", ModelError, r"needs a package: pip install 'pydantic-ai-slim\[anthropic\]'"),
    ],
)
async def test_a_model_that_cannot_be_used_says_why(
    named: Endpoint, llm_call: MakeCall, monkeypatch: pytest.MonkeyPatch,
    model: str, error: type[Exception], message: str,
) -> None:  # fmt: skip
    for variable in ("HOUSE_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(error, match=message):
        await LlmNode().execute(llm_call(models=[model]))


async def test_a_named_model_may_bring_its_own_key_to_a_provider(
    named: Endpoint, llm_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", named.url)
    monkeypatch.setenv("TINYFLOW_MODELS", json.dumps({"own": {"model": "openai-chat:m", "key": "HOUSE_KEY"}}))
    named.script = [["hi"]]
    assert (await LlmNode().execute(llm_call(models=["own"]))).output == "hi"
    assert named.keys == [f"Bearer {KEY}"]
