"""How triggers travel: a JSON array of triggers, each an array of its fields in order."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError

from tinyflow_nb.model.trigger import Trigger

LARGEST = 256 * 1024
"""Characters; what is longer was not written by us."""

_BATCH: TypeAdapter[list[Trigger]] = TypeAdapter(list[Trigger])


def to_text(triggers: Sequence[Trigger]) -> str:
    return json.dumps(triggers, separators=(",", ":"))


def from_text(text: str | bytes) -> list[Trigger]:
    """Raises ValueError, saying what it is instead: anybody may write to a queue."""
    if len(text) > LARGEST:
        raise ValueError(f"{len(text)} characters are more than a wake-up has")
    try:
        return _BATCH.validate_json(text)
    except ValidationError as e:
        raise ValueError(f"no triggers: {e.errors(include_url=False)[0]['msg']}") from None
