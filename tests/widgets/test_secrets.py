"""What a type calls secret is used by the chain and shown to nobody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.cli.tree import RunTree
from tinyflow_nb.errors import ChainSuspended
from tinyflow_nb.language.secret_fields import changed, secrets_in
from tinyflow_nb.language.veil import DOTS, Veil
from tinyflow_nb_magics.run_story import story_of
from tinyflow_nb_widgets import RunView, render_html, render_svg
from tinyflow_nb_widgets.below import Below
from tinyflow_nb_widgets.detail import unit_detail
from tinyflow_nb_widgets.forms import answers
from tinyflow_nb_widgets.html import render_fragment, render_story, render_text

CELL = '''
from pydantic import BaseModel, Field, SecretStr

key: SecretStr

class Login(BaseModel):
    user: str
    password: SecretStr
    pin: int = Field(json_schema_extra={"writeOnly": True})

@confirm
def login(key) -> Login:
    """Sign in"""

def use(login: Login, key) -> str:
    print("signing in with", login.password.get_secret_value())
    return f"{login.user} by {login.password.get_secret_value()} {login.pin}"

@node(inputs={"loud": "use | upper"})
def shout(loud: str) -> str:
    return loud
'''
SECRETS = ("correct horse", "CORRECT HORSE", "8431", "topkey77")


async def test_a_secret_reaches_the_next_node_and_no_reader() -> None:
    definition = ChainDefinition.from_source(CELL, "shop")
    async with connect("memory://") as executor:
        run = await executor.execute_async(definition, {"key": "topkey77"})
        with pytest.raises(ChainSuspended):
            await executor.wait(run, people=False)
        answer = {"user": "ada", "password": "correct horse", "pin": 8431}
        await executor.resume_async(run, answer, who="ada")
        assert await executor.wait(run) == "ADA BY CORRECT HORSE 8431"
        state, events = await executor.state(run), await executor.recorded(run)
    assert state.nodes["use"].output == "ada by correct horse 8431"

    prompt = {"messages": [{"role": "user", "content": "it is correct horse"}]}
    view = RunView(definition, state, on_action=print, on_question=lambda _: prompt, events=events)
    live = RunView(definition, on_action=print, events=events)
    units = ("login", "use", "shout")
    shown = Veil(definition).state(state)
    tree = RunTree(definition, run, None)
    for event in events:
        tree.apply(event)
    everything = [
        view.widget.snapshot, live.widget.snapshot, *(v.mimebundle(final=True) for v in (view, live)),
        *(v._answer({"type": "node", "unit": unit}) for v in (view, live) for unit in units),
        view._answer({"type": "prompt", "unit": "use"}), answers(definition, shown),
        *(unit_detail(definition, shown, unit) for unit in units),
        "".join(map(str, tree.render().renderables)), render_text(definition, state),
        render_html(definition, state, events=events),
        render_fragment(definition, state, streams={"use": "correct horse"}), render_svg(definition, state),
    ]  # fmt: skip
    for told in everything:
        text = told if isinstance(told, str) else json.dumps(told)
        assert not [secret for secret in SECRETS[:1] + SECRETS[2:] if secret in text], text[:2000]
    assert answers(definition, shown)[0]["fields"] == [["User", "ada"], ["Password", DOTS], ["Pin", DOTS]]


async def test_what_is_secret_above_is_so_below() -> None:
    """The chain below takes it as any text: in the view inside the view, and on the page, it stays hidden."""
    cell = (
        'from pydantic import SecretStr\nkey: SecretStr\n@chain("inner")\ndef sub(text: str) -> str: ...\n'
        'def ask(key) -> dict:\n    return {"text": key.get_secret_value()}\n'
    ).replace('@chain("inner")', '@chain("inner", inputs={"text": "ask.text"})')
    inner = "text: str\ndef say(text: str) -> str:\n    return text + '!'\n"
    async with connect("memory://") as executor:
        await executor.publish(ChainDefinition.from_source(inner, "inner"))
        run = await executor.execute_async(ChainDefinition.from_source(cell, "outer"), {"key": "topkey77"})
        assert await executor.wait(run) == "topkey77!"
        story = await story_of(executor, run)
    page = render_story(story)
    assert "chain below" in page
    assert "topkey77" not in page
    below = story.below["sub"]

    def open_below(unit: str, wire: Below) -> RunView:
        return RunView(below.definition, below.state, on_action=print, wire=wire, events=below.events)

    view = RunView(story.definition, story.state, on_action=print, open_below=open_below, events=story.events)
    told = json.dumps(view._answer({"type": "below", "unit": "sub"}))
    assert f"{DOTS}!" in json.loads(told)["snapshot"]["run"]["result"]
    assert "topkey77" not in told


def test_a_chain_without_secrets_costs_nothing(make: Any) -> None:
    state, event = make.finished(), make.text("word", 0)
    veil = Veil(make.triage())
    assert veil.state(state) is state
    assert veil.event(event) is event


def test_secrets_are_found_wherever_a_schema_puts_them() -> None:
    secret = {"type": "string", "format": "password"}
    schema = {
        "type": "object",
        "properties": {
            "deep": {"$ref": "#/$defs/Deep"}, "many": {"type": "array", "items": secret},
            "maybe": {"anyOf": [secret, {"type": "null"}]}, "named": {"additionalProperties": secret},
            "pair": {"prefixItems": [{"type": "string"}, secret]}, "whole": {"writeOnly": True},
            "all": {"allOf": [{"properties": {"x": secret}}]}, "plain": {"type": "string"},
        },
        "$defs": {"Deep": {"properties": {"x": secret, "again": {"$ref": "#/$defs/Deep"}}}},
    }  # fmt: skip
    value = {
        "deep": {"x": "a", "again": {"x": "b"}}, "many": ["c", "d"], "maybe": "e", "named": {"n": "f"},
        "pair": ["-", "g"], "whole": {"h": 1}, "all": {"x": "i"}, "plain": "-", "unknown": "-",
    }  # fmt: skip
    found = secrets_in(schema, value)
    assert changed(value, found, lambda _, __: "*") == {
        "deep": {"x": "*", "again": {"x": "*"}}, "many": ["*", "*"], "maybe": "*", "named": {"n": "*"},
        "pair": ["-", "*"], "whole": "*", "all": {"x": "*"}, "plain": "-", "unknown": "-",
    }  # fmt: skip
    assert secrets_in(schema, {"maybe": None, "many": "no list"}) == []
