"""Several models in turn: what makes the next one try, and what is said when none is left."""

from __future__ import annotations

from collections.abc import Sequence

from tinyflow_nb.errors import ModelError, TinyflowError


class ModelUnusable(ModelError):
    """This model can't be reached, refused, or its provider's package is missing."""


def none_answered(failures: Sequence[TinyflowError]) -> TinyflowError:
    """One failure is itself; several are told together, in the order they were tried."""
    if len(failures) == 1:
        return failures[0]
    each = "\n".join(f"  {failure}" for failure in failures)
    return ModelError(f"none of the {len(failures)} models answered:\n{each}")
