"""The @llm node's logic, with models made of functions: prompts, answers, re-asks, tools, fallback."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest
from pydantic import BaseModel
from pydantic_ai.exceptions import ModelAuthenticationError, ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaThinkingPart, DeltaToolCall, FunctionModel

from tinyflow_nb.errors import ExpressionError, ModelError, SecretMissing
from tinyflow_nb.language.expressions import SkippedUsed
from tinyflow_nb.model.definition import Parameter
from tinyflow_nb.nodes.llm import LlmNode, rendered_messages
from tinyflow_nb.nodes.llm_models import Client
from tinyflow_nb.prompts import Message, assistant, prompt, user

Call = Any
Answer = str | list[str] | dict[int, DeltaToolCall] | dict[int, DeltaThinkingPart] | Exception


class Model:
    """Answers with what it is given, in turn, and remembers what it was asked."""

    def __init__(self, *answers: list[Answer] | Answer, **profile: Any) -> None:
        self.answers = [a if isinstance(a, list) else [a] for a in answers]
        self.asked: list[list[ModelMessage]] = []
        self.infos: list[AgentInfo] = []
        self.model = FunctionModel(stream_function=self._stream, model_name="fake", profile=profile or None)

    async def _stream(self, messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        self.asked.append(messages)
        self.infos.append(info)
        for piece in self.answers.pop(0):
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def said_to(self, request: int = 0) -> str:
        parts = [p for m in self.asked[request] if isinstance(m, ModelRequest) for p in m.parts]
        return "\n".join(str(p.content) for p in parts if isinstance(p, UserPromptPart))


def node(**models: Model | Exception) -> LlmNode:
    @asynccontextmanager
    async def open_client(name: str) -> AsyncIterator[Client]:
        model = models[name]
        if isinstance(model, Exception):
            raise model
        yield Client(name, model.model, {})

    return LlmNode(open_client)


def tool_call(name: str, arguments: str) -> dict[int, DeltaToolCall]:
    return {0: DeltaToolCall(name=name, json_args=arguments, tool_call_id="t1")}


def _wrong_key(message: str) -> Exception:
    return ModelHTTPError.for_category(
        ModelAuthenticationError, status_code=401, model_name="m", body={"message": message}
    )


NO_SCHEMA = {"supports_json_schema_output": False, "supports_tools": True}
MakeCall = Callable[..., Call]


async def test_text_streams_piece_by_piece(llm_call: MakeCall) -> None:
    call = llm_call()
    produced = await node(fake=Model(["Hel", "lo ", "you"])).execute(call)
    assert call.chunks == [("text", "Hel"), ("text", "lo "), ("text", "you")]
    assert produced.output == "Hello you"
    usage = produced.info["usage"]
    assert (usage["model"], usage["requests"]) == ("fake", 1)
    assert usage["input_tokens"] > 0
    assert usage["output_tokens"] > 0


async def test_thinking_is_a_chunk_of_its_own(llm_call: MakeCall) -> None:
    call = llm_call()
    produced = await node(fake=Model([{0: DeltaThinkingPart(content="hmm")}, "yes"])).execute(call)
    assert call.chunks == [("thinking", "hmm"), ("text", "yes")]
    assert produced.output == "yes"


class Order(BaseModel):
    name: str
    count: int


@pytest.mark.parametrize(
    ("output_type", "answer", "expected"),
    [
        (Literal["refund", "bug"], '{"response": "bug"}', "bug"),
        (Order, '{"name": "shoe", "count": 2}', Order(name="shoe", count=2)),
        (list[str], '{"response": ["a", "b"]}', ["a", "b"]),
        (bool, '{"response": true}', True),
        (int, '{"response": 3}', 3),
        (
            Order | None,
            '{"result": {"kind": "Order", "data": {"name": "shoe", "count": 2}}}',
            Order(name="shoe", count=2),
        ),
    ],
)
async def test_rule_34_the_return_annotation_is_the_answers_type(
    llm_call: MakeCall, output_type: Any, answer: str, expected: Any
) -> None:
    call = llm_call("x", output_type)
    assert (await node(fake=Model(answer)).execute(call)).output == expected
    assert call.emitted("text") == []


async def test_a_provider_without_schemas_is_asked_by_tool(llm_call: MakeCall) -> None:
    model = Model(tool_call("final_result", '{"name": "shoe", "count": 2}'), **NO_SCHEMA)
    assert (await node(fake=model).execute(llm_call("x", Order))).output == Order(name="shoe", count=2)
    assert [t.name for t in model.infos[0].output_tools] == ["final_result"]


async def test_a_provider_without_schemas_and_tools_is_asked_by_prompt(llm_call: MakeCall) -> None:
    model = Model('{"name": "shoe", "count": 2}', supports_json_schema_output=False, supports_tools=False)
    assert (await node(fake=model).execute(llm_call("x", Order))).output == Order(name="shoe", count=2)
    assert '"count"' in str(model.infos[0].instructions)


async def test_an_endpoint_that_refuses_the_schema_is_asked_by_prompt(llm_call: MakeCall) -> None:
    refusal = ModelHTTPError(400, "fake", {"message": "response_format is not supported"})
    model = Model([refusal], '{"name": "shoe", "count": 2}')
    assert (await node(fake=model).execute(llm_call("x", Order))).output == Order(name="shoe", count=2)


async def test_an_invalid_answer_is_asked_again(llm_call: MakeCall) -> None:
    model = Model("no idea", '{"name": "shoe"}', '{"name": "shoe", "count": 2}')
    produced = await node(fake=model).execute(llm_call("x", Order))
    assert produced.output == Order(name="shoe", count=2)
    assert produced.info["usage"]["requests"] == 3


@pytest.mark.parametrize("reasks", [0, 1, 2])
async def test_re_asks_are_bounded_and_the_raw_answer_is_kept(llm_call: MakeCall, reasks: int) -> None:
    model = Model(*["no"] * reasks, '{"name": "sandal"}', "never asked")
    with pytest.raises(ModelError) as caught:
        await node(fake=model).execute(llm_call("x", Order, reasks=reasks))
    assert caught.value.answer == '{"name": "sandal"}'
    assert str(caught.value) == (
        'model \'fake\' gave no valid Order: count: Field required; it said: {"name": "sandal"}'
    )
    assert model.answers == [["never asked"]]


async def test_rule_35_tools_run_and_show(llm_call: MakeCall) -> None:
    def stock(item: str) -> int:
        """How many there are."""
        return {"shoe": 4}[item]

    call = llm_call(module={"stock": stock}, tools=["stock"])
    model = Model(tool_call("stock", '{"item": "shoe"}'), "There are 4.")
    assert (await node(fake=model).execute(call)).output == "There are 4."
    assert call.emitted("tool_call") == [{"id": "t1", "tool": "stock", "args": {"item": "shoe"}}]
    assert call.emitted("tool_result") == [{"id": "t1", "tool": "stock", "result": 4}]
    assert model.infos[0].function_tools[0].description == "How many there are."


async def test_rule_35_wrong_arguments_of_a_tool_are_told_to_the_model(llm_call: MakeCall) -> None:
    async def double(n: int) -> int:
        return 2 * n

    call = llm_call(module={"double": double}, tools=["double"])
    model = Model(tool_call("double", '{"n": "many"}'), tool_call("double", '{"n": 2}'), "4")
    assert (await node(fake=model).execute(call)).output == "4"
    assert [set(r) - {"id", "tool"} for r in call.emitted("tool_result")] == [{"error"}, {"result"}]


async def test_rule_35_a_tools_own_error_is_the_nodes(llm_call: MakeCall) -> None:
    def broken() -> int:
        raise ZeroDivisionError("of the cell")

    model = Model(tool_call("broken", "{}"), "never asked")
    with pytest.raises(ZeroDivisionError, match="of the cell"):
        await node(fake=model).execute(llm_call(module={"broken": broken}, tools=["broken"]))


async def test_rule_35_a_tool_that_misses_a_secret_is_no_reason_for_the_next_model(
    llm_call: MakeCall,
) -> None:
    def stock() -> int:
        raise SecretMissing("the shop's key")

    other = Model("never asked")
    call = llm_call(module={"stock": stock}, tools=["stock"], models=["fake", "other"])
    with pytest.raises(SecretMissing, match="the shop's key"):
        await node(fake=Model(tool_call("stock", "{}")), other=other).execute(call)
    assert other.asked == []


async def test_rule_35_tool_calls_are_bounded(llm_call: MakeCall) -> None:
    counted = []

    def again() -> str:
        counted.append(1)
        return "call me again"

    model = Model(*[tool_call("again", "{}")] * 20)
    with pytest.raises(ModelError, match="more tool calls than max_steps allows"):
        await node(fake=model).execute(llm_call(module={"again": again}, tools=["again"], max_steps=3))
    assert len(counted) == 3


async def test_with_tools_a_typed_answer_comes_by_tool_too(llm_call: MakeCall) -> None:
    call = llm_call("x", Order, module={"stock": lambda: 1}, tools=["stock"])
    call.module["stock"].__name__ = "stock"
    model = Model(tool_call("stock", "{}"), tool_call("final_result", '{"name": "shoe", "count": 1}'))
    assert (await node(fake=model).execute(call)).output == Order(name="shoe", count=1)


async def test_an_unknown_tool_is_named(llm_call: MakeCall) -> None:
    with pytest.raises(ModelError, match="draft: tool 'stock' is no function of the cell"):
        await node(fake=Model("x")).execute(llm_call(tools=["stock"]))


async def test_rule_34_the_next_model_is_tried(llm_call: MakeCall) -> None:
    down = Model([ModelHTTPError(503, "down", {"message": "overloaded"})])
    call = llm_call(models=["keyless", "down", "fake"])
    produced = await node(keyless=SecretMissing("no key"), down=down, fake=Model("hi")).execute(call)
    assert produced.output == "hi"
    assert produced.info["usage"]["model"] == "fake"
    assert call.emitted("progress") == [
        {"model": "keyless", "error": "no key", "next": "down"},
        {
            "model": "down",
            "error": "model 'down': the endpoint answered with 503: overloaded",
            "next": "fake",
        },
    ]


async def test_rule_34_when_no_model_answers_all_reasons_are_told(llm_call: MakeCall) -> None:
    down = Model([_wrong_key("Incorrect key: sk-proj-12345678abc")])
    call = llm_call(models=["keyless", "down"])
    with pytest.raises(ModelError) as caught:
        await node(keyless=SecretMissing("no key"), down=down).execute(call)
    assert str(caught.value) == (
        "none of the 2 models answered:\n  no key\n"
        "  model 'down': the endpoint answered with 401: check the key: Incorrect key: ***"
    )


async def test_rule_34_an_invalid_answer_does_not_go_to_the_next_model(llm_call: MakeCall) -> None:
    other = Model("never asked")
    with pytest.raises(ModelError, match="gave no valid Order"):
        await node(fake=Model("no"), other=other).execute(
            llm_call("x", Order, models=["fake", "other"], reasks=0)
        )
    assert other.asked == []


async def test_an_answer_that_is_none_of_the_choices_names_them(llm_call: MakeCall) -> None:
    with pytest.raises(ModelError, match=re.escape("gave no valid Literal['refund', 'bug']: ")):
        await node(fake=Model("praise")).execute(llm_call("x", Literal["refund", "bug"], reasks=0))


async def test_settings_reach_the_model(llm_call: MakeCall) -> None:
    model = Model("hi")
    await node(fake=model).execute(llm_call(settings={"temperature": 0, "max_tokens": 5}))
    assert model.infos[0].model_settings == {"temperature": 0, "max_tokens": 5}


async def test_a_tool_called_wrongly_too_often_is_an_error(llm_call: MakeCall) -> None:
    def double(n: int) -> int:
        return 2 * n

    call = llm_call(module={"double": double}, tools=["double"], reasks=1)
    with pytest.raises(
        ModelError, match="model 'fake' gave no valid answer: n: Input should be a valid integer"
    ):
        await node(fake=Model(*[tool_call("double", '{"n": "many"}')] * 3)).execute(call)


async def test_a_setting_nobody_reads_is_refused(llm_call: MakeCall) -> None:
    with pytest.raises(
        ModelError, match="draft: no model has a setting 'temprature'; did you mean 'temperature'"
    ):
        await node(fake=Model("hi")).execute(llm_call(settings={"temprature": 0}))


async def test_no_model_named_takes_the_settings_default(
    llm_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINYFLOW_DEFAULT_MODEL", "house")
    produced = await node(house=Model("hi")).execute(llm_call(models=[]))
    assert produced.info["usage"]["model"] == "house"


def test_rule_46_five_minutes() -> None:
    assert LlmNode().timeout == 300


# ------------------------------------------------------------------ prompts


async def test_rule_34_text_as_is_anything_else_as_json(llm_call: MakeCall) -> None:
    call = llm_call("{{ q }} {{ d }}", scope={"q": "<b>&", "d": {"a": 1}}, system="Be {{ q }}")
    messages = await rendered_messages(call)
    assert [m["role"] for m in messages] == ["system", "user"]
    assert messages[0]["content"] == "Be <b>&"
    assert messages[1]["content"].replace("\n", "").replace(" ", "") == '<b>&{"a":1}'


async def test_the_model_gets_what_the_rendered_messages_say(llm_call: MakeCall) -> None:
    model = Model("hi")
    await node(fake=model).execute(llm_call("Reply to {{ q }}", scope={"q": "Ann"}, system="Be kind"))
    assert model.said_to() == "Reply to Ann"
    assert model.infos[0].instructions == "Be kind"


async def test_rule_34_a_body_returns_the_prompt(llm_call: MakeCall) -> None:
    async def draft(question: str) -> Any:
        return prompt(Message("system", "Be brief"), user("hello"), assistant("hi"), user(question))

    call = llm_call(body=True, function=draft, arguments={"question": "who?"}, system="Be kind")
    assert await rendered_messages(call) == [
        {"role": "system", "content": "Be kind"},
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hi"},
        {"role": "user", "content": "who?"},
    ]
    model = Model("hi")
    await node(fake=model).execute(call)
    assert [type(m).__name__ for m in model.asked[0]][-2:] == ["ModelResponse", "ModelRequest"]
    assert isinstance(model.asked[0][-2], ModelResponse)
    assert model.said_to() == "hello\nwho?"


async def test_rule_34_a_body_may_return_a_text(llm_call: MakeCall) -> None:
    call = llm_call(body=True, function=lambda n: f"Count to {n}", arguments={"n": 3})
    assert await rendered_messages(call) == [{"role": "user", "content": "Count to 3"}]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "draft: the body returned NoneType: return a text, or prompt"),
        (prompt(), "draft: the body returned an empty prompt"),
        (prompt(user("hi"), assistant("ho")), "draft: the prompt must end with a user's message"),
    ],
)
async def test_a_body_that_gives_no_prompt(llm_call: MakeCall, given: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        await rendered_messages(llm_call(body=True, function=lambda: given))


async def test_a_parameter_fed_by_an_expression_is_seen(llm_call: MakeCall) -> None:
    fed = Parameter(name="order", source="expression", reference="orders[0]")
    call = llm_call("{{ order.name }}", parameters=(fed,), arguments={"order": Order(name="shoe", count=1)})
    assert (await rendered_messages(call))[0]["content"] == "shoe"


@pytest.mark.parametrize(
    ("default", "template", "expected"),
    [
        ("none yet", "{{ a }}", "none yet"),
        (None, "{{ a | default('-') }}", "-"),
        (None, "{{ a or 'x' }}", "x"),
    ],
)
async def test_rules_2_and_3_a_skipped_parent(
    llm_call: MakeCall, default: Any, template: str, expected: str
) -> None:
    def draft(a: Any = default) -> str: ...  # type: ignore[empty-body]

    parameter = Parameter(name="a", source="node", reference="a", required=False)
    call = llm_call(template, parameters=(parameter,), skipped=("a",), function=draft)
    assert (await rendered_messages(call))[0]["content"] == expected


async def test_rule_3_a_prompt_that_needs_a_skipped_node_skips(llm_call: MakeCall) -> None:
    with pytest.raises(SkippedUsed):
        await node(fake=Model("x")).execute(llm_call("{{ a }}", skipped=("a",)))


async def test_a_prompt_that_cannot_be_rendered(llm_call: MakeCall) -> None:
    with pytest.raises(ExpressionError):
        await node(fake=Model("x")).execute(llm_call("{{ 1 / 0 }}"))
