"""Forms: what a person is asked, as JSON Schema, and what counts as an answer (SEMANTICS 16).

A form whose schema is a mapping with named fields takes a mapping of them. Any other form has one
value and takes that value itself, never wrapped in a mapping.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic_core import PydanticSerializationError, ValidationError

from tinyflow_nb.errors import ResumeError
from tinyflow_nb.language.form_schema import Schema, Violation, resolve, violations, without_null
from tinyflow_nb.language.secret_fields import at, changed, secrets_in

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from tinyflow_nb.model.definition import InputDefinition

FieldKind = Literal["text", "textarea", "number", "integer", "boolean", "choice", "list", "object"]

SHORT_TEXT = 120
"""A text that may not be longer gets one line, any other an area."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One field as a front end shows it. A form of one value has one, named ""."""

    name: str
    title: str
    kind: FieldKind
    """`choice` picks one of `choices`, `list` any of them if it has some; `object` is JSON."""
    description: str = ""
    choices: tuple[Any, ...] = ()
    required: bool = True
    optional: bool = False
    """Whether it may be null."""
    initial: Any = None
    """What it starts with: the form's initial value, else the type's default."""
    minimum: float | None = None
    maximum: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def check_answer(
    schema: Schema, answer: Any, initial: Any = None, adapter: TypeAdapter[Any] | None = None
) -> Any:
    """The complete answer as plain JSON: a field left out takes its initial value, else its default.

    For a form of one value, None takes the initial value unless None is an answer to it. With the
    answer type's adapter its own validators are asked too.

    Raises:
        ResumeError: it is refused; `fields` names every field that is wrong.
    """
    value, found = examine(schema, answer, initial)
    if found:
        raise ResumeError("; ".join(map(_told, found)), _field_names(found))
    if adapter is None:
        return value
    try:
        kept = adapter.dump_python(adapter.validate_python(value), mode="json")
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        refused = [Violation(d["loc"], d["msg"].replace("Input should", "it should")) for d in details]
        raise ResumeError("; ".join(map(_told, refused)), _field_names(refused)) from None
    except PydanticSerializationError as error:
        raise ResumeError(f"the answer can't be kept as JSON: {error}") from error
    return _with_secrets(schema, value, kept)


def _with_secrets(schema: Schema, answer: Any, kept: Any) -> Any:
    """A SecretStr turns into stars, where those who consume the answer need what it was."""
    return changed(
        kept, secrets_in(schema, answer),
        lambda path, told: at(answer, path) if isinstance(told, str) and not told.strip("*") else told,
    )  # fmt: skip


def examine(schema: Schema, answer: Any, initial: Any = None) -> tuple[Any, list[Violation]]:
    """(the completed answer, what is wrong with it); nothing is raised for a wrong answer."""
    form, optional = without_null(schema, schema)
    if _has_fields(form):
        if answer is None and optional:
            return None, []
        if answer is None:
            answer = {}
        if not isinstance(answer, Mapping):
            return answer, [Violation((), f"this form takes the fields {', '.join(form['properties'])}")]
        value = {**_defaults(form, schema), **_known(initial, form), **answer}
        value = {name: value[name] for name in (*form["properties"], *answer) if name in value}
    else:
        value = initial if answer is None and not optional else answer
        if isinstance(value, Mapping) and form.get("type") in (
            "string",
            "boolean",
            "integer",
            "number",
            "array",
        ):
            return value, [Violation((), "this form takes one value itself, not fields")]
    try:
        return value, list(violations(schema, value, schema))
    except RecursionError:
        return value, [Violation((), "the answer or the form is nested too deeply")]


def blank(schema: Schema) -> Any:
    """The form not yet filled in: the defaults, None where there is none."""
    form, _ = without_null(schema, schema)
    if not _has_fields(form):
        return form.get("default")
    return dict.fromkeys(form["properties"]) | _defaults(form, schema)


def form_fields(schema: Schema, initial: Any = None) -> list[FormField]:
    """The fields in their order, references resolved, for a front end to show."""
    form, _ = without_null(schema, schema)
    if not _has_fields(form):
        return [_field("", schema, schema, True, initial)]
    required = form.get("required", ())
    known = _known(initial, form)
    return [
        _field(name, part, schema, name in required and name not in known, known.get(name))
        for name, part in form["properties"].items()
    ]


def inputs_schema(inputs: Iterable[InputDefinition]) -> dict[str, Any]:
    """The form that asks for a chain's inputs."""
    properties: dict[str, Any] = {}
    definitions: dict[str, Any] = {}
    required = []
    for one in inputs:
        moved = _moved(one.json_schema, f"{one.name}.")
        for name, part in moved.pop("$defs", {}).items():
            definitions[f"{one.name}.{name}"] = part
        moved.setdefault("title", one.name)
        if one.description:
            moved["description"] = one.description
        if one.required:
            required.append(one.name)
        else:
            moved["default"] = one.default
        properties[one.name] = moved
    schema: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
    return schema | ({"$defs": definitions} if definitions else {})


def value_from_text(schema: Schema, text: str) -> Any:
    """What a text typed on a command line means for this type (SEMANTICS 38): where text is a legal
    value it is that text, else JSON, with yes and no for a boolean. It is not checked further."""
    form, optional = without_null(schema, schema)
    if optional and text.lower() in ("", "none", "null"):
        return None
    if not list(violations(form, text, schema)) or form.get("type") == "string":
        return text
    if form.get("type") == "boolean" and text.lower() in _YES_NO:
        return _YES_NO[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return text


_YES_NO = {
    "yes": True,
    "y": True,
    "true": True,
    "on": True,
    "no": False,
    "n": False,
    "false": False,
    "off": False,
}


def _has_fields(form: Schema) -> bool:
    return form.get("type") == "object" and bool(form.get("properties"))


def _defaults(form: Schema, root: Schema) -> dict[str, Any]:
    resolved = ((name, resolve(part, root)) for name, part in form["properties"].items())
    return {name: part["default"] for name, part in resolved if "default" in part}


def _known(initial: Any, form: Schema) -> dict[str, Any]:
    if not isinstance(initial, Mapping):
        return {}
    return {name: value for name, value in initial.items() if name in form["properties"]}


def _told(violation: Violation) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in violation.path).lstrip(
        "."
    )
    if violation.message.startswith(("must", "is ")):
        return f"{path or 'the answer'} {violation.message}"
    return f"{path}: {violation.message}" if path else violation.message


def _field_names(found: list[Violation]) -> list[str]:
    return list(dict.fromkeys(str(violation.path[0]) for violation in found if violation.path))


def _field(name: str, part: Schema, root: Schema, required: bool, initial: Any) -> FormField:
    form, optional = without_null(part, root)
    kind, choices = _kind(form, root)
    least, most = form.get("minimum"), form.get("maximum")
    if kind == "integer":  # a front end knows inclusive limits only
        least = form["exclusiveMinimum"] + 1 if "exclusiveMinimum" in form else least
        most = form["exclusiveMaximum"] - 1 if "exclusiveMaximum" in form else most
    return FormField(
        name=name, title=form.get("title", name), kind=kind, description=form.get("description", ""),
        choices=choices, required=required and "default" not in form, optional=optional,
        initial=form.get("default") if initial is None else initial, minimum=least, maximum=most,
    )  # fmt: skip


def _kind(form: Schema, root: Schema) -> tuple[FieldKind, tuple[Any, ...]]:
    if "const" in form:
        return "choice", (form["const"],)
    if "enum" in form:
        return "choice", tuple(form["enum"])
    match form.get("type"):
        case "boolean" | "integer" | "number" as kind:
            return kind, ()
        case "string":
            short = form.get("maxLength", SHORT_TEXT + 1) <= SHORT_TEXT
            return ("text" if short or "format" in form else "textarea"), ()
        case "array":
            items = form.get("items")
            return "list", tuple(resolve(items, root).get("enum", ())) if isinstance(items, Mapping) else ()
        case _:
            return "object", ()


def _moved(part: Any, prefix: str) -> Any:
    """The schema with its references pointing to definitions of a prefixed name."""
    if isinstance(part, list):
        return [_moved(item, prefix) for item in part]
    if not isinstance(part, Mapping):
        return part
    return {
        key: value.replace("#/$defs/", f"#/$defs/{prefix}", 1)
        if key == "$ref" and isinstance(value, str)
        else _moved(value, prefix)
        for key, value in part.items()
    }
