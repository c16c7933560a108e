"""Changes: what this process brought about, for who counts, logs or traces it. Nobody listens: no cost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from tinyflow_nb.engine.live_run import LiveRun
from tinyflow_nb.model.commit import Outcome
from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.trigger import Trigger, node_of

log = logging.getLogger("tinyflow_nb.changes")

BEGUN_KEPT = 20_000
"""Attempts whose beginning is remembered; the oldest belong to runs that ended elsewhere."""

EARLY_KEPT = 1_000
"""Runs being looked up at once, at most."""


class Change(NamedTuple):
    """One lifecycle event, with what a reader outside should know besides."""

    run: str
    chain: str
    """`name@3`; "" if this process does not know the run."""
    seq: int
    type: EventType
    unit: str
    """`draft[3]`; "" for the chain's own."""
    node_type: str
    at: float
    """Unix seconds of the store's clock."""
    data: dict[str, Any]
    worker: str
    began: float | None
    """When what ends here began: the run, or the attempt; None if that is not known here."""

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        return None if self.began is None else max(0.0, self.at - self.began)


Listener = Callable[[Change], None]
WaitListener = Callable[[Trigger, float], None]

ENDS = (EventType.NODE_FINISHED, EventType.NODE_RETRYING, EventType.NODE_SUSPENDED)


class Changes:
    """One per engine."""

    def __init__(self, worker: str, live: Callable[[str], LiveRun | None]) -> None:
        """
        Args:
            live: what this process has at hand of a run.
        """
        self._worker = worker
        self._live = live
        self._listeners: list[Listener] = []
        self._wait_listeners: list[WaitListener] = []
        self._begun: dict[tuple[str, str], float] = {}
        self._early: dict[str, list[Outcome]] = {}
        """Of runs that are being looked up, to be worked on: by then it is known what they are."""

    def listen(self, listener: Listener) -> None:
        """Called on the engine's loop, for every change: be quick, and do not raise."""
        self._listeners.append(listener)

    def listen_to_waits(self, listener: WaitListener) -> None:
        """Called with each trigger that was accepted here, and the seconds its unit had been ready for."""
        self._wait_listeners.append(listener)

    def accepted(self, trigger: Trigger, now: float) -> None:
        """
        Args:
            now: the store's time.
        """
        if trigger.kind in ("run", "retry") and trigger.due:
            for listener in self._wait_listeners:
                listener(trigger, max(0.0, now - trigger.due))

    def tell(self, run: str, outcome: Outcome) -> None:
        """Once for each outcome of a commit made here."""
        logs = log.isEnabledFor(logging.INFO)
        if not (logs or self._listeners):
            return
        live = self._live(run)
        if live is None and outcome.claims and len(self._early) < EARLY_KEPT:
            self._early.setdefault(run, []).append(outcome)
            return
        for told in (*self._early.pop(run, ()), outcome):
            self._tell(run, live, told, logs=logs)

    def known(self, run: str) -> None:
        """What this process has at hand of it can be told with its changes."""
        logs = log.isEnabledFor(logging.INFO)
        for outcome in self._early.pop(run, ()):
            self._tell(run, self._live(run), outcome, logs=logs)

    def _tell(self, run: str, live: LiveRun | None, outcome: Outcome, *, logs: bool) -> None:
        for seq, type, unit, at, data in outcome.events:
            node_type = ""
            if live is not None and unit:
                with suppress(KeyError):  # of a unit that only a retry's definition had
                    node_type = live.plan.nodes[node_of(unit)].definition.type
            change = Change(
                run, live.chain if live else "", seq, type, unit, node_type, at, data, self._worker,
                self._began(run, live, type, unit, at),
            )  # fmt: skip
            if logs:
                _log(change)
            for listener in self._listeners:
                listener(change)

    def _began(self, run: str, live: LiveRun | None, type: EventType, unit: str, at: float) -> float | None:
        if type is EventType.NODE_STARTED:
            self._begun[run, unit] = at
            if len(self._begun) > BEGUN_KEPT:
                del self._begun[next(iter(self._begun))]
        elif type in ENDS:
            return self._begun.pop((run, unit), None)
        elif type is EventType.CHAIN_FINISHED and live is not None:
            return live.created_at
        return None


def _log(change: Change) -> None:
    """With the facts as an attribute of the record, for who formats it."""
    facts: dict[str, Any] = {"action": str(change.type), "run": change.run}
    if change.chain:
        facts["chain"] = change.chain
    if change.unit:
        facts["node"] = change.unit
    if change.node_type:
        facts["node_type"] = change.node_type
    for name in ("status", "attempt", "reason"):
        if change.data.get(name):
            facts[name] = change.data[name]
    facts["worker"] = change.worker
    if change.seconds is not None:
        facts["duration"] = round(change.seconds, 6)
    error = change.data.get("error")
    if error:
        facts["error"] = error.get("message", "")
        facts["error_type"] = error.get("type", "")
        if error.get("traceback"):
            facts["traceback"] = error["traceback"]
    log.info("%s %s %s", change.type, change.run, change.unit, extra={"facts": facts})
