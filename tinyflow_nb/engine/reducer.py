"""The pure core: what happened to a claimed unit, turned into the step to commit.

Nothing here waits, reads a clock, draws a random number or touches a store: time and chance are
arguments. What a step then makes ready is decided where it is counted (SEMANTICS 24).
"""

from __future__ import annotations

from typing import Any

from tinyflow_nb.model.commit import Again, Arrival, Claim, Settle
from tinyflow_nb.model.definition import NodeDefinition
from tinyflow_nb.model.shape import NodeShape, Shape
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import node_of

MAX_DEATHS = 3
"""Workers that may die holding a unit before it is FAILED (SEMANTICS 18)."""

ErrorInfo = dict[str, Any]


def succeeded(
    shape: Shape, node: NodeShape, claim: Claim, value: str, info: dict[str, Any] | None = None
) -> Settle:
    """A body's output, or a list gathered from its items."""
    if claim.item is not None:
        return Settle("settle", claim.unit, claim.token, Status.SUCCEEDED, value, info)
    arrivals = node.done if not node.handles else node.done + _stand_in(shape, node, claim, skipped=False)
    return Settle("settle", claim.unit, claim.token, Status.SUCCEEDED, value, info, arrivals)


def skipped(
    shape: Shape, node: NodeShape, claim: Claim, reason: str, error: ErrorInfo | None = None
) -> Settle:
    """A false condition, a parent it can't do without, or `on_error="skip"`."""
    info: dict[str, Any] = {"reason": reason}
    if error:
        info["error"] = error
    arrivals = () if claim.item is not None else node.skipped + _stand_in(shape, node, claim, skipped=True)
    return Settle("settle", claim.unit, claim.token, Status.SKIPPED, None, info, arrivals)


def failed(
    definition: NodeDefinition, shape: Shape, node: NodeShape, claim: Claim, error: ErrorInfo,
    now: float, chance: float, retryable: bool = True,
) -> Again | Settle:  # fmt: skip
    """A failed attempt: try again, or do what `on_error` says (SEMANTICS 5 and 10).

    Args:
        now: the store's time.
        chance: a random number from 0 to 1, for the jitter.
    """
    retry = definition.retry
    if retryable and claim.attempt <= retry.max and _matches(error, retry.on):
        wait = min(retry.max_wait, retry.wait * 2.0 ** min(claim.attempt - 1, 60))
        return Again("again", claim.unit, claim.token, now + wait * (0.5 + chance / 2), error)
    kind = definition.on_error.kind
    if kind == "skip":
        return skipped(shape, node, claim, f"failed: {error['message']}", error)
    if kind == "default":
        return succeeded(shape, node, claim, default_text(definition), {"error": error})
    whole = node_of(claim.unit)
    via = claim.unit if claim.item is not None else ""
    if kind == "handler":
        info = {"error": error, "handled_by": definition.on_error.handler}
        return Settle("settle", whole, claim.token, Status.FAILED, None, info, node.failed, None, via)
    return Settle("settle", whole, claim.token, Status.FAILED, None, {"error": error}, (), error, via)


def default_text(definition: NodeDefinition) -> str:
    """JSON text of what `on_error=default(v)` gives."""
    from tinyflow_nb.language.values import to_json

    return to_json(definition.on_error.value, None, f"on_error of {definition.id}")


def reason_of(node: NodeShape, claim: Claim) -> str:
    """Why a unit is skipped that can't do without a parent."""
    if node.any:
        return "none of its branches succeeded"
    if claim.skip == node.handles:
        return f"not needed: {node.handles} did not fail"
    return f"{claim.skip} was skipped"


def _matches(error: ErrorInfo, on: tuple[str, ...]) -> bool:
    return not on or any(name in on for name in error.get("types", (error.get("type"),)))


def _stand_in(shape: Shape, node: NodeShape, claim: Claim, *, skipped: bool) -> tuple[Arrival, ...]:
    """What the consumers of the node it handles are told, if that node did fail; and if that is a
    handler itself, those of the node it handles."""
    told: list[Arrival] = []
    while node.handles and claim.error is not None:
        handled = shape.nodes[node.handles]
        arrivals = handled.skipped if skipped else handled.done
        told += [a for a in arrivals if a.target != node.id]
        node = handled
    return tuple(told)
