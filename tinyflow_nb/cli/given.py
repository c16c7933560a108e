"""What a person gives on the command line, made into chains, inputs and answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.prompt import Confirm, Prompt
from rich.text import Text

from tinyflow_nb.errors import InputError, ResumeError, SettingsError
from tinyflow_nb.language.durations import seconds
from tinyflow_nb.language.forms import FormField, form_fields, value_from_text
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.state import ChainState


def chain_of(text: str) -> ChainDefinition | str:
    """A file's definition, or the published name as it is.

    Raises:
        DefinitionError: the file has mistakes.
        SettingsError: there is no such file.
    """
    path = Path(text)
    if path.suffix not in (".py", ".json") and "/" not in text:
        return text
    if not path.is_file():
        raise SettingsError(f"there is no file {text}")
    source = path.read_text()
    if path.suffix == ".json":
        return ChainDefinition.from_json(source)
    return ChainDefinition.from_source(source, re.sub(r"\W", "_", path.stem))


def inputs_of(definition: ChainDefinition, given: list[str]) -> dict[str, Any]:
    """`name=value` texts as the inputs' schemas understand them; `@file` is a file's JSON.

    Raises:
        InputError
    """
    schemas = {i.name: i.json_schema for i in definition.inputs}
    values: dict[str, Any] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals:
            raise InputError(f"-i {item}: write it as name=value")
        if text.startswith("@"):
            try:
                values[name] = json.loads(Path(text[1:]).read_text())
            except (OSError, ValueError) as e:
                raise InputError(f"-i {item}: {e}") from None
        else:
            values[name] = value_from_text(schemas.get(name, {}), text)
    return values


def seconds_of(text: str, option: str = "--deadline") -> float | None:
    """None for an empty text.

    Raises:
        InputError: it is no length of time.
    """
    if not text:
        return None
    try:
        return seconds(float(text) if text.replace(".", "", 1).isdigit() else text)
    except ValueError as e:
        raise InputError(f"{option} {text}: it takes {e}") from None


def answer_of(state: ChainState, node: str, given: list[str]) -> Any:
    """The answer to a waiting form: fields, or for a form of one value the value.

    Raises:
        ResumeError
    """
    waiting = state.waiting()
    unit = node or (next(iter(waiting)) if len(waiting) == 1 else "")
    if unit not in waiting:
        return None  # the executor says what is wrong
    schema = (waiting[unit].waiting_for or {})["schema"]
    fields = {f.name: f for f in form_fields(schema)}
    if "" in fields:
        if len(given) > 1:
            raise ResumeError(f"{unit} takes one value")
        return value_from_text(schema, given[0]) if given else None
    answer: dict[str, Any] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals:
            raise ResumeError(f"{item}: write it as field=value; the form has {', '.join(fields)}")
        part = (schema.get("properties") or {}).get(name, {})
        answer[name] = value_from_text({**part, "$defs": schema.get("$defs", {})}, text)
    return answer


def ask_form(console: Console, unit: str, form: dict[str, Any]) -> Any:
    """Ask for each field in the terminal; enter takes the initial value."""
    console.print(Text(f"{unit}: {form.get('message', '')}", style="bold yellow"))
    fields = form_fields(form["schema"], form.get("initial"))
    answers = {f.name: _ask_field(console, f, form["schema"]) for f in fields}
    return answers[""] if "" in answers else {k: v for k, v in answers.items() if v is not None}


def _ask_field(console: Console, field: FormField, schema: dict[str, Any]) -> Any:
    label = field.title or field.name or "answer"
    if field.kind == "boolean":
        return Confirm.ask(label, console=console, default=bool(field.initial))
    shown = None if field.initial is None else field.initial
    shown = shown if isinstance(shown, str | None) else json.dumps(shown, ensure_ascii=False)
    choices = [str(c) for c in field.choices] or None
    text = Prompt.ask(
        label, console=console, choices=choices if field.kind == "choice" else None, default=shown
    )
    if text is None or text == shown:
        return field.initial
    part = (schema.get("properties") or {}).get(field.name, schema)
    return value_from_text({**part, "$defs": schema.get("$defs", {})}, text)
