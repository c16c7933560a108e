"""The memory store: for tests, and for chains nobody needs tomorrow."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from tinyflow_nb.clock import SystemClock
from tinyflow_nb.errors import InvalidOperation
from tinyflow_nb.model.commit import Commit, NewRun, Outcome, RawEvent
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.events import Event
from tinyflow_nb.model.lanes import Carried
from tinyflow_nb.model.registry import RegistryEntry
from tinyflow_nb.model.shape import Shape
from tinyflow_nb.model.signature import Signature, SignedDefinition
from tinyflow_nb.model.state import ChainState, RunCounts, RunHeader, RunPage
from tinyflow_nb.model.status import TERMINAL, Status
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.model.workers import WorkerInfo
from tinyflow_nb.ports import Clock
from tinyflow_nb.stores.chunks import ChunkLog
from tinyflow_nb.stores.reading import event_of, state_of
from tinyflow_nb.stores.run_image import RunImage
from tinyflow_nb.stores.signatures import definition_of, readable
from tinyflow_nb.stores.summaries import counts_of, header_of, page_of, summary_of

WATCH_SECONDS = 0.05
"""How often the runs somebody watches are looked at."""


class MemoryStore:
    """StateStore and DefinitionStore in this process. Values are kept as JSON text here too, so
    that what a real store would change shows."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self.now = self._clock.now
        self._images: dict[str, RunImage] = {}
        self._events: dict[str, list[RawEvent]] = {}
        self._chunks: dict[str, ChunkLog] = {}
        self._definitions: dict[str, str] = {}
        self._signed: dict[str, dict[tuple[str, str], tuple[str, str]]] = {}
        self._log: list[str] = []
        self._workers: dict[str, tuple[WorkerInfo, float]] = {}

    async def start(self, stack: AsyncExitStack) -> None: ...

    # ------------------------------------------------------------------ definitions

    async def put(self, definition: ChainDefinition, signature: Signature) -> None:
        text = definition.to_json()
        self._definitions.setdefault(definition.hash, text)
        signed = self._signed.setdefault(definition.hash, {})
        signed[signature.key, signature.name] = (text, signature.to_json())

    async def get(self, hash: str) -> ChainDefinition | None:
        text = self._definitions.get(hash)
        return definition_of(text, hash) if text else None

    async def signed(self, hash: str) -> list[SignedDefinition]:
        return readable(self._signed.get(hash, {}).values())

    async def log(self, after: int = 0) -> list[RegistryEntry]:
        return [RegistryEntry.from_json(text) for text in self._log[after:]]

    async def append(self, entries: Sequence[RegistryEntry], epoch: int) -> bool:
        if len(self._log) != epoch:
            return False
        self._log += [entry.to_json() for entry in entries]
        return True

    # ------------------------------------------------------------------ runs

    async def create(self, new: NewRun, shape: Shape) -> Outcome | None:
        if new.run in self._images:
            return None
        image = self._images[new.run] = RunImage(new, shape, self.now())
        outcome = image.begin()
        self._events[new.run] = list(outcome.events)
        return outcome

    async def commit(self, commit: Commit) -> Outcome | None:
        image = self._images.get(commit.run)
        if image is None or not image.accepts(commit):
            return None
        outcome = image.apply(commit, self._clock.now())
        self._events[commit.run] += outcome.events
        return outcome

    async def claim(
        self, trigger: Trigger, worker: str, lease: float, tags: Carried = None
    ) -> Outcome | None:
        image = self._images.get(trigger.run)
        at = self.now()
        unit = image.claimable(trigger, at, False, tags) if image else None
        if image is None or unit is None:
            return None
        outcome = image.take_one(unit, worker, lease, at)
        self._events[trigger.run] += outcome.events
        return outcome

    def renew(self, claims: Sequence[tuple[str, str, int]], lease: float) -> list[tuple[str, str, int]]:
        lost = []
        for run, unit, token in claims:
            image = self._images.get(run)
            if image is None or not image.extend(unit, token, self.now() + lease):
                lost.append((run, unit, token))
        return lost

    # ------------------------------------------------------------------ reading

    async def state(self, run: str, *, outputs: bool = True) -> ChainState | None:
        image = self._images.get(run)
        return state_of(image, outputs=outputs) if image else None

    async def header(self, run: str) -> RunHeader | None:
        image = self._images.get(run)
        return header_of(image) if image else None

    async def values(self, run: str, nodes: Sequence[str]) -> dict[str, str | None]:
        image = self._images[run]
        return {node: image.value(node) for node in nodes}

    async def request(self, run: str, unit: str) -> str | None:
        image = self._images.get(run)
        return image.request(unit) if image else None

    async def pending(self, run: str) -> list[Trigger]:
        image = self._images.get(run)
        return image.pending() if image else []

    async def events(self, run: str, after: int = 0) -> list[Event]:
        return [event_of(raw) for raw in self._events.get(run, [])[after:]]

    async def append_chunks(self, run: str, chunks: Sequence[Event]) -> None:
        self._chunks.setdefault(run, ChunkLog()).append(chunks)

    async def chunks(self, run: str, after: int = 0) -> tuple[list[Event], int]:
        log = self._chunks.get(run)
        return log.read(after) if log else ([], 0)

    async def join_chunks(self, run: str, before: int, chunks: Sequence[Event]) -> None:
        if run in self._chunks:
            self._chunks[run].join(before, chunks)

    async def runs(
        self, *, chain: str = "", status: Status | None = None, waiting: bool = False,
        children: bool = False, limit: int = 50, cursor: str = "",
    ) -> RunPage:  # fmt: skip
        every = [
            summary_of(image) for image in reversed(self._images.values()) if children or not image.has_parent
        ]
        return page_of(every, chain=chain, status=status, waiting=waiting, limit=limit, cursor=cursor)

    async def count(self, most: int) -> RunCounts:
        of = [(image.new.chain, image.status) for image in self._images.values() if not image.has_parent]
        return counts_of(Counter(of[-most:]).items(), len(of) <= most)

    async def delete(self, run: str) -> bool:
        image = self._images.get(run)
        if image is None:
            return False
        if image.status not in TERMINAL:
            raise InvalidOperation(f"run {run} is {image.status}: stop it first")
        self._forget(run)
        return True

    def _forget(self, run: str) -> None:
        del self._images[run], self._events[run]
        self._chunks.pop(run, None)

    async def release(self, run: str) -> None:
        """Nothing to do: it goes with its parent."""

    async def expire(self, retention: float, suspended_ttl: float) -> list[str]:
        now = self.now()
        while old := [
            run
            for run, image in self._images.items()
            if image.finished_at is not None and now >= image.finished_at + retention
            and image.new.context.get("parent", "").partition("/")[0] not in self._images
        ]:  # fmt: skip
            for run in old:
                self._forget(run)
        return [
            run
            for run, image in self._images.items()
            if image.status is Status.SUSPENDED and now >= image.touched_at + suspended_ttl
            and not image.has_parent
        ]  # fmt: skip

    async def watch(self, runs: Mapping[str, int], timeout: float) -> set[str]:
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while True:  # another executor of this process may be on the same store
            changed = {run for run, seq in runs.items() if self._seq(run) != seq}
            left = until - loop.time()
            if changed or left <= 0:
                return changed
            await asyncio.sleep(min(WATCH_SECONDS, left))

    def _seq(self, run: str) -> int:
        image = self._images.get(run)
        return image.seq if image else -1

    # ------------------------------------------------------------------ workers

    async def report(self, worker: WorkerInfo, ttl: float) -> None:
        self._workers[worker.name] = (worker, self.now() + ttl)

    async def workers(self) -> list[WorkerInfo]:
        self._workers = {n: (w, until) for n, (w, until) in self._workers.items() if until > self.now()}
        return [worker for _, (worker, _) in sorted(self._workers.items())]
