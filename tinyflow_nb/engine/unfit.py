"""Unfit: what this process can't execute, and passing its wake-ups on to who can (SEMANTICS 23)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from tinyflow_nb.errors import DefinitionError, NotTrusted
from tinyflow_nb.model.trigger import Trigger

CHAINS = 256
RUNS = 4096
PASSED = 1024
"""Wake-ups kept to be passed on, at most; the sweep of others finds the rest."""
PASSES = 20
"""Then it is dropped: it may be of the past. If not, the sweep brings it anew."""
SOONEST, LATEST = 0.1, 3.0
"""Seconds until a wake-up is passed on: longer each time it comes back."""

Chain = tuple[str, str]
"""Hash and name of a definition: who may vouch for it depends on both."""


class Unfit:
    def __init__(self, send: Callable[[Sequence[Trigger]], None]) -> None:
        """
        Args:
            send: carries a wake-up to any worker.
        """
        self._send = send
        self._chains: dict[Chain, str] = {}
        self._runs: dict[str, Chain] = {}
        self._passed: dict[Trigger, int] = {}
        """How often each wake-up was passed on."""
        self._waiting: dict[Trigger, asyncio.TimerHandle] = {}
        self._round = (0, 0)
        self.changed: Callable[[], None] = lambda: None
        """Called when there is a chain more."""

    def __bool__(self) -> bool:
        return bool(self._chains)

    @property
    def reasons(self) -> dict[str, str]:
        """By definition hash."""
        return {hash: why for (hash, _), why in self._chains.items()}

    def since(self, round: tuple[int, int]) -> None:
        """Another round of trust: what was refused in an earlier one is tried again."""
        if round != self._round:
            self._round = round
            self._chains.clear()
            self._runs.clear()

    def mark(self, run: str, chain: Chain, error: DefinitionError | NotTrusted) -> None:
        is_new = chain not in self._chains
        self._chains[chain] = why_of(error)
        _bound(self._chains, CHAINS)
        self.add(run, chain)
        if is_new:
            self.changed()

    def add(self, run: str, chain: Chain) -> bool:
        """Whether a run of that chain can't be executed here; then it is known from now on."""
        if chain not in self._chains:
            return False
        self._runs[run] = chain
        _bound(self._runs, RUNS)
        return True

    def has(self, run: str) -> bool:
        return run in self._runs

    def fit(self, run: str) -> None:
        """Its code can be loaded here now."""
        chain = self._runs.pop(run, None)
        if chain is not None:
            self._chains.pop(chain, None)

    def forget(self, run: str) -> None:
        """It ended."""
        self._runs.pop(run, None)

    def pass_on(self, trigger: Trigger) -> None:
        """Send a wake-up that came here to the others, a while later: it may come here again."""
        if trigger in self._waiting or len(self._waiting) >= PASSED:
            return
        passed = self._passed.pop(trigger, 0)
        if passed == PASSES:
            return
        self._passed[trigger] = passed + 1
        _bound(self._passed, PASSED)
        wait = min(LATEST, SOONEST * 2.0**passed)
        self._waiting[trigger] = asyncio.get_running_loop().call_later(wait, self._pass_on_now, trigger)

    def _pass_on_now(self, trigger: Trigger) -> None:
        del self._waiting[trigger]
        self._send([trigger])

    def close(self) -> None:
        """Send what waits at once."""
        waiting, self._waiting = self._waiting, {}
        for timer in waiting.values():
            timer.cancel()
        if waiting:
            self._send(list(waiting))


def why_of(error: DefinitionError | NotTrusted) -> str:
    """In a few words: "pandas is missing"."""
    if isinstance(error, NotTrusted):
        return error.reason
    if isinstance(error.__cause__, ModuleNotFoundError) and error.__cause__.name:
        return f"{error.__cause__.name.partition('.')[0]} is missing"
    return next((f"line {problem.line}: {problem.message}" for problem in error.problems), str(error))


def _bound(kept: dict[Any, Any], most: int) -> None:
    if len(kept) > most:
        del kept[next(iter(kept))]
