"""A run's inputs: complete, known and of their types, before anything is started."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from tinyflow_nb.errors import InputError
from tinyflow_nb.model.definition import ChainDefinition, InputDefinition

_PLAIN: dict[str, tuple[type, ...]] = {"integer": (int,), "string": (str,), "boolean": (bool,)}


def check_inputs(definition: ChainDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with their defaults, as plain JSON.

    Raises:
        InputError: with every unknown, missing and wrong one.
    """
    known = {i.name: i for i in definition.inputs}
    wrong = [_unknown(name, list(known)) for name in given if name not in known]
    missing = [i.name for i in definition.inputs if i.required and i.name not in given]
    wrong += [f"{name} is missing" for name in missing]
    values: dict[str, Any] = {}
    for name, spec in known.items():
        if name in given:
            values[name] = given[name]
            if (fault := _fault(spec, given[name])) is not None:
                wrong.append(f"{name}: {fault}")
        elif not spec.required:
            values[name] = spec.default
    if wrong:
        takes = ", ".join(known) or "no inputs"
        raise InputError(f"{definition.name} was not started: {'; '.join(wrong)} (it takes {takes})", missing)
    return values


def inputs_text(definition: ChainDefinition, inputs: Mapping[str, Any]) -> str:
    """Checked inputs as JSON text.

    Raises:
        InputError: naming those that JSON can't hold.
    """
    try:
        return _text(inputs)
    except (TypeError, ValueError, RecursionError):
        wrong = [told for name, value in inputs.items() if (told := _not_json(name, value))]
        raise InputError(f"{definition.name} was not started: {'; '.join(wrong)}") from None


def _text(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    if not text.isascii():
        text.encode()  # half a surrogate pair is no text
    return text


def _not_json(name: str, value: Any) -> str:
    try:
        _text(value)
    except (TypeError, ValueError, RecursionError) as error:
        return f"{name} is what JSON can't hold: {error}"
    return ""


def _unknown(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f"unknown input {name!r}" + (f", did you mean {close[0]!r}?" if close else "")


def _fault(spec: InputDefinition, value: Any) -> str | None:
    """What is wrong with a value; the plain types without a validator, for they are most."""
    schema = spec.json_schema
    kind = _PLAIN.get(schema.get("type", "")) if schema.keys() <= {"type", "title", "description"} else None
    if kind is not None and type(value) in kind:
        return None
    if not schema:
        return None
    from tinyflow_nb.language.form_schema import violations

    found = [
        f"{'.'.join(map(str, v.path))}: {v.message}" if v.path else v.message
        for v in violations(schema, value, schema)
    ]
    return "; ".join(found) or None
