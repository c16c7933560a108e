"""Values of the magic line and the notebook: what `k=v`, `k=@v` and `--bind v` mean."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tinyflow_nb.errors import ValueNotJson
from tinyflow_nb.language.forms import value_from_text
from tinyflow_nb.language.values import from_json, to_json
from tinyflow_nb_magics.arguments import did_you_mean
from tinyflow_nb_magics.magic_line import MagicError, Word

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition


def read_inputs(
    definition: ChainDefinition, pairs: Mapping[str, Word], variables: Mapping[str, Any]
) -> dict[str, Any]:
    """The inputs a line gives, as the chain's input types read them; unknown ones are kept as text, for
    the engine refuses them.

    Raises:
        MagicError: `@name` names nothing, or nothing that JSON can hold.
    """
    schemas = {i.name: i.json_schema for i in definition.inputs}
    return {name: read_value(schemas.get(name, {}), word, variables) for name, word in pairs.items()}


def read_value(schema: Mapping[str, Any], word: Word, variables: Mapping[str, Any]) -> Any:
    """What one `k=v` means for a type.

    Raises:
        MagicError: as `read_inputs`.
    """
    if word.value.startswith("@") and not word.quoted:
        return by_copy(word.value[1:], variables, f"{word.name}=")
    return value_from_text(dict(schema), word.value)


def by_copy(name: str, variables: Mapping[str, Any], where: str) -> Any:
    """A variable of the notebook as plain JSON. Raises MagicError."""
    return from_json(_json_of(name, variables, where))


def read_bindings(names: list[str], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `--bind`, which may name several with commas. The language refuses what it can't
    keep, so they are given to it as they are.

    Raises:
        MagicError: a name is not bound in the notebook.
    """
    wanted = [name for group in names for name in group.split(",") if name]
    return {name: copy.deepcopy(_variable(name, variables, "--bind ")) for name in wanted}


def _json_of(name: str, variables: Mapping[str, Any], where: str) -> str:
    try:
        return to_json(_variable(name, variables, where), None, f"{where}@{name}")
    except ValueNotJson as error:
        raise MagicError(str(error)) from None


def _variable(name: str, variables: Mapping[str, Any], where: str) -> Any:
    if name not in variables:
        known = [n for n in variables if not n.startswith("_")]
        hint = did_you_mean(name, known) or "run the cell that defines it first"
        raise MagicError(
            f"{where}@{name}: the notebook has no {name!r}; {hint}".replace("--bind @", "--bind ")
        )
    return variables[name]
