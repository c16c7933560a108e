"""ExecutionContext: what a running node may know about its run. Immutable, inherited by children."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExecutionContext:
    """A parameter annotated `ExecutionContext` receives it."""

    run: str
    chain: str
    node: str
    item: int | None = None
    round: int = 1
    attempt: int = 1
    root: str = ""
    parent: str = ""
    parent_node: str = ""
    call_stack: tuple[str, ...] = ()
    """Chains from the root down to this one, `name@version` each."""
    depth: int = 0
    session: str = ""
    user: str = ""
    deadline: float | None = None
    """Unix seconds."""
    baggage: Mapping[str, str] = field(default_factory=dict)
    _cancelled: Callable[[], bool] = bool

    @property
    def idempotency_key(self) -> str:
        """`run/node/item/round`: the same on every attempt (SEMANTICS 18)."""
        item = "-" if self.item is None else self.item
        return f"{self.run}/{self.node}/{item}/{self.round}"

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants this attempt's result any more: it timed out or was stopped.
        A function in a thread can't be killed (SEMANTICS 19): ask, and return."""
        return self._cancelled()
