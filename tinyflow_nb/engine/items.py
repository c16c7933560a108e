"""The items of an `each` node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinyflow_nb.errors import TinyflowError
from tinyflow_nb.model.definition import Each

MAX_ITEMS = 10_000

Evaluate = Callable[[str, Mapping[str, Any] | None], Any]
"""An expression's value, over the node's scope and these further names."""


class TooManyItems(TinyflowError):
    """`each` is over something that is no list, or a list that is too long."""


def items_of(each: Each, evaluate: Evaluate) -> list[list[Any]]:
    """Each item's variables, in the order of the list.

    Raises:
        TooManyItems
        ExpressionError, SkippedUsed: what `evaluate` raises.
    """
    found = evaluate(each.items, None)
    if not isinstance(found, list):
        raise TooManyItems(f"each={each.items!r} gives {type(found).__name__}, not a list")
    items = [_item(each.variables, value) for value in found]
    if each.condition:
        items = [i for i in items if evaluate(each.condition, dict(zip(each.variables, i, strict=True)))]
    if len(items) > MAX_ITEMS:
        raise TooManyItems(f"each={each.items!r} gives {len(items)} items; {MAX_ITEMS} are the most")
    return items


def _item(variables: tuple[str, ...], value: Any) -> list[Any]:
    if len(variables) == 1:
        return [value]
    if not isinstance(value, list) or len(value) != len(variables):
        raise TooManyItems(f"an item can't be unpacked into {', '.join(variables)}: {str(value)[:80]}")
    return list(value)
