"""What must hold once all is over, from the store, from the ledger, and from the workers' logs."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from tests.chaos.ledger import Ledger
from tests.chaos.load import Run, insist
from tests.chaos.stage import Worker
from tests.services.talk import redis_says
from tinyflow_nb import ChainExecutor, ChainState, Event, NodeState

LASTING = re.compile(r"tf:\{s\d\d\}:(runs|kids|done|definitions)|tf:\{(reg|wake|roster|monitor)\}.*")
"""Keys that are about no one run and may stay for ever."""
EMPTY = re.compile(r"tf:\{s\d\d\}:(due|deadlines|between|waiting|monitor)(:.*)?")
"""Lists of runs that wait for something: once all have ended, nothing does."""
OF_A_RUN = re.compile(r"tf:\{s\d\d\}:r:")
EXPECTED = ("StoreError", "LinkLost", "AioRpcError")
"""What a logged traceback may be about: a server that is away."""
RAISED = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Lost|Group)\b")
"""The line of a traceback that names the exception."""
WORKER_LOST = "WorkerLost"
DEATHS = 3


class Checks:
    def __init__(self, client: ChainExecutor, ledger: Ledger, harmed: Mapping[int, list[float]]) -> None:
        """
        Args:
            harmed: when each worker was killed or paused, by process id.
        """
        self._client = client
        self._ledger = ledger
        self._marks = ledger.ended_marks()
        self._keys = Counter(line.key for line in ledger.lines if line.mark == "B")
        self._harmed = harmed
        self.events: dict[str, list[Event]] = {}
        self.committed = 0
        """Units."""
        self.twice = 0
        self.again = 0
        """Executions beyond the attempts that the store knows of."""
        self.given_up = 0
        """Runs that failed as they must: three workers died with one unit (SEMANTICS 18)."""

    async def of(self, run: Run) -> list[str]:
        """What is wrong with a run, in words."""
        state = await insist(lambda: self._client.state(run.id))
        events = self.events[run.id] = await insist(lambda: self._client.recorded(run.id))
        if not state.status.terminal:
            waits = [f"{u.id} {u.status}" for u in _units(state) if not u.status.terminal]
            return [f"{run.id} is stuck, {state.status}: {', '.join(waits[:5])}"]
        if (run.error or state.error or {}).get("type") == WORKER_LOST and self._died_thrice(run):
            self.given_up += 1
            return []
        wrong = []
        if run.status != run.shape.status or run.status != state.status:
            told = f" ({state.error})" if state.error else ""
            wrong.append(f"{run.id} ended {run.status or 'unnoticed'}, in the store {state.status}{told}")
        elif not self._is_as_expected(run):
            wrong.append(f"{run.id} came to {run.result!r}")
        return wrong + await self._consistent(state, events)

    async def _consistent(self, state: ChainState, events: list[Event]) -> list[str]:
        """What a run, and those below it, say about themselves."""
        wrong = [f"{state.id}: {told}" for told in self._counted_once(state, events)]
        for unit in _units(state):
            executed = sum(self._keys[key] for key in _keys_of(state.id, unit))
            self.again += max(0, executed - max(unit.attempts, unit.round))
            if unit.child:
                child = await insist(partial(self._client.state, unit.child))
                below = await insist(partial(self._client.recorded, unit.child))
                wrong += await self._consistent(child, below)
        missing = [
            key for unit in _executed(state) for key in _keys_of(state.id, unit) if not self._keys[key]
        ]
        if missing and state.status == "SUCCEEDED":
            wrong.append(f"{state.id}: committed, but never executed: {', '.join(missing[:5])}")
        return wrong

    def _is_as_expected(self, run: Run) -> bool:
        if run.status != "SUCCEEDED":
            return True
        expected = run.shape.result
        return expected(run.result, self._marks, run.id) if callable(expected) else run.result == expected

    def _counted_once(self, state: ChainState, events: list[Event]) -> Iterator[str]:
        lifecycle = [e.seq for e in events if e.type not in ("node.output", "node.log", "stream.gap")]
        if lifecycle != list(range(1, len(lifecycle) + 1)):
            yield "its events are not numbered without gaps"
        settled = Counter(e.node for e in events if e.type in ("node.finished", "node.skipped"))
        self.committed += settled.total()
        twice = [unit for unit, times in settled.items() if times > 1]
        self.twice += len(twice)
        if twice:
            yield f"settled twice: {', '.join(twice)}"
        never = [u.id for u in _units(state) if u.status.terminal and not settled[u.id]]
        if never and state.status == "SUCCEEDED":
            yield f"settled without an event: {', '.join(never)}"
        ends = [e for e in events if e.type == "chain.finished"]
        if len(ends) != 1:
            yield f"it ended {len(ends)} times"

    def _died_thrice(self, run: Run) -> bool:
        deaths: Counter[str] = Counter()
        for e in self._ledger.executions():
            if e.key.startswith(f"{run.id}/"):
                deaths[e.key] += any(e.began <= at < e.ended for at in self._harmed.get(e.pid, ()))
        return max(deaths.values(), default=0) >= DEATHS


def _units(state: ChainState) -> Iterator[NodeState]:
    for node in state.nodes.values():
        yield from node.items or ()
        yield node


def _executed(state: ChainState) -> Iterator[NodeState]:
    """The units that a body must have ended for."""
    for unit in _units(state):
        is_gathered = unit.items is not None
        if unit.status == "SUCCEEDED" and not (unit.answered_by or unit.error or is_gathered or unit.child):
            yield unit


def _keys_of(run: str, unit: NodeState) -> list[str]:
    """One a round."""
    node, bracket, item = unit.id.partition("[")
    name = f"{run}/{node}/{item.rstrip(']') if bracket else '-'}"
    return [f"{name}/{round_number}" for round_number in range(1, unit.round + 1)]


def left_in_redis(address: str) -> list[str]:
    """What should not be there any more once every run has ended."""
    wrong = []
    for key in _lines(redis_says(address, "KEYS tf:*")):
        if EMPTY.fullmatch(key):
            waiting = _lines(redis_says(address, f"ZRANGE {key} 0 -1"))
            wrong += [f"{run} is still in {key}" for run in waiting]
        elif not LASTING.fullmatch(key):
            ttl = redis_says(address, f"TTL {key}").split("\r\n")[0]
            if ttl == ":-1":
                whose = "of a run that ended" if OF_A_RUN.match(key) else "of no known kind"
                wrong.append(f"key {key}, {whose}, has no TTL")
    return wrong


def _lines(reply: str) -> list[str]:
    """The strings of an array."""
    return [line for line in reply.split("\r\n") if line and line[0] not in "*$+"]


def logged(worker: Worker) -> list[str]:
    """What a worker says that it should not, or need not."""
    wrong = []
    for text in worker.log.read_text("utf-8", "replace").splitlines():
        try:
            line: dict[str, Any] = json.loads(text)
        except ValueError:
            if not worker.was_killed:
                wrong.append(f"worker {worker.name} printed: {text[:300]}")
            continue
        raised = [text for text in line.get("traceback", "").split("\n") if RAISED.match(text)]
        if raised and not any(name in raised[-1] for name in EXPECTED):
            wrong.append(f"worker {worker.name} logged {line['message'][:200]}: {raised[-1][:300]}")
    return wrong
