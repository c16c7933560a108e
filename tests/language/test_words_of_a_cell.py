"""What decorators record, prompts hold and secrets hide."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tinyflow_nb import decorators as words
from tinyflow_nb.decorators import ATTRIBUTE, Mark
from tinyflow_nb.errors import SecretMissing
from tinyflow_nb.prompts import Message, Prompt
from tinyflow_nb.secrets import redact


def test_a_decorated_function_stays_the_function_it_was() -> None:
    def f(x: int) -> int:
        return x + 1

    assert {words.node(f), words.llm(f), words.confirm(f), words.tool(f), words.node(retry=3)(f)} == {f}
    assert f(1) == 2
    assert getattr(f, ATTRIBUTE) == Mark("code", (), {"retry": 3})
    words.llm("m", temperature=0.5)(f)
    assert getattr(f, ATTRIBUTE) == Mark("llm", ("m",), {"temperature": 0.5})
    words.llm()(f)
    assert getattr(f, ATTRIBUTE) == Mark("llm")


def test_rule_34_a_prompt_is_its_messages() -> None:
    history = words.prompt("first", words.assistant("yes"))
    found = words.prompt(
        {"role": "system", "content": "s"}, *history.messages, history, words.user({"a": [1]}), 5
    )
    assert found == Prompt((
        Message("system", "s"), Message("user", "first"), Message("assistant", "yes"),
        Message("user", "first"), Message("assistant", "yes"),
        Message("user", '{\n  "a": [\n    1\n  ]\n}'), Message("user", "5"),
    ))  # fmt: skip
    with pytest.raises(ValueError, match="a message's role is"):
        words.prompt({"role": "boss", "content": "x"})


def test_rule_43_a_secret_never_shows_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    key = words.secret("MY_TEST_KEY")
    with pytest.raises(SecretMissing, match="MY_TEST_KEY"):
        key.get()
    monkeypatch.setenv("MY_TEST_KEY", "hunter2-hunter2")
    assert key.get() == "hunter2-hunter2"
    assert f"{key} {key!r} {[key]}" == "secret('MY_TEST_KEY') secret('MY_TEST_KEY') [secret('MY_TEST_KEY')]"
    assert {key, words.secret("MY_TEST_KEY")} == {key}
    assert redact("Bearer hunter2-hunter2!") == "Bearer [secret MY_TEST_KEY]!"
    with pytest.raises(ValueError, match="name of an environment variable"):
        words.secret("sk-123")


def test_the_words_load_nothing_heavy() -> None:
    heavy = "{'pydantic', 'asyncio', 'jinja2'}"
    code = f"import sys; from tinyflow_nb import decorators; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
