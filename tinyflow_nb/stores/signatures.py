"""What the stores have in common of the definitions and signatures they keep."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from pydantic import ValidationError

from tinyflow_nb.errors import DefinitionError, Problem
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.signature import Signature, SignedDefinition


def readable(rows: Iterable[tuple[str, str]]) -> list[SignedDefinition]:
    """Definitions' texts and their signatures'; what is no signature vouches for nothing."""
    found = []
    for text, record in rows:
        with contextlib.suppress(ValueError):
            found.append(SignedDefinition(text, Signature.from_json(record)))
    return found


def definition_of(text: str, hash: str) -> ChainDefinition:
    """
    Raises:
        DefinitionError: somebody altered it: it is none any more.
    """
    try:
        return ChainDefinition.model_validate_json(text)
    except ValidationError as error:
        told = f"the definition #{hash[:8]} was altered in the store: it is none any more"
        raise DefinitionError([Problem(1, 1, told, "submit it again")]) from error
