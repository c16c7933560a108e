"""StateStore and DefinitionStore in Redis: every change of a run is one script, in one round trip."""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import time
import zlib
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from tinyflow_nb.clock import SystemClock
from tinyflow_nb.errors import InvalidOperation, StoreError
from tinyflow_nb.model.commit import Claim, Commit, NewRun, Outcome
from tinyflow_nb.model.events import Event
from tinyflow_nb.model.lanes import Carried, lanes_of
from tinyflow_nb.model.shape import Shape, shape_of
from tinyflow_nb.model.state import ChainState, RunCounts, RunHeader, RunPage
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import Trigger
from tinyflow_nb.ports import Clock
from tinyflow_nb.stores.chunks import KEPT, decoded, encoded, positions
from tinyflow_nb.stores.reading import event_of, state_of
from tinyflow_nb.stores.redis import decoding, encoding
from tinyflow_nb.stores.redis.address import parse
from tinyflow_nb.stores.redis.blocking import BlockingCalls
from tinyflow_nb.stores.redis.dead_letters import Cemetery
from tinyflow_nb.stores.redis.definitions import Definitions
from tinyflow_nb.stores.redis.large import Large, LargeValues, is_reference
from tinyflow_nb.stores.redis.roster import Workers
from tinyflow_nb.stores.redis.server_time import ServerTime
from tinyflow_nb.stores.redis.servers import Servers
from tinyflow_nb.stores.redis.unsent import UnsentEvents
from tinyflow_nb.stores.redis.watching import Watching
from tinyflow_nb.stores.summaries import counts_of

SHARDS = 64
"""Parts a fleet's runs are spread over; a run's id says which. Never changes."""
BESIDE = (":ev", ":ch", ":big", ":q")
"""Ends of a run's other keys: its events, chunks, large values, and the queue of a bounded run."""
LISTS = (
    "runs", "kids", "due", "deadlines", "between", "waiting", "done", "definitions", "monitor",
)  # fmt: skip
RECONNECTING_SECONDS = 1.0
"""The longest pause before a holder tries to renew again."""
BACKLOG_RUNS = 1_000
AGAIN = 4
"""Position of the mark "it may have been applied already" among a script's arguments."""


def shard_of(run: str) -> int:
    return zlib.crc32(run.encode()) % SHARDS


@functools.lru_cache(maxsize=4096)
def key_of(run: str) -> str:
    return f"tf:{{s{shard_of(run):02}}}:r:{run}"


def _lists(name: str) -> list[str]:
    """A list of every shard's."""
    return [f"tf:{{s{shard:02}}}:{name}" for shard in range(SHARDS)]


class RedisStore:
    def __init__(self, address: str, clock: Clock, *, retention: float) -> None:
        """
        Args:
            clock: the system's own means the servers'; any other is used as it is (in tests).
            retention: seconds after which a finished run's keys vanish by themselves.

        Raises:
            SettingsError
        """
        where = parse(address)
        self._servers = Servers(where)
        self._clock = clock
        self._time = ServerTime()
        self._fixed = not isinstance(clock, SystemClock)
        self._origin = os.urandom(5).hex()
        self._numbers = itertools.count()
        self._retention = retention
        self._lease = Commit._field_defaults["lease"]
        """The one asked for last: a worker asks for the same each time."""
        self._shapes: dict[str, tuple[Shape, list[Any]]] = {}
        self._large = LargeValues(self._servers)
        self._threads = BlockingCalls(where)
        self._definitions = Definitions(self._servers)
        self._watching = Watching(self._servers, self._origin, key_of, self._fixed_now)
        self.put = self._definitions.put
        self.get = self._definitions.get
        self.signed = self._definitions.signed
        self.log = self._definitions.log
        self.append = self._definitions.append
        self.watch = self._watching.watch
        self._workers = Workers(self._servers, self._fixed_now)
        self.report = self._workers.report
        self.workers = self._workers.workers
        cemetery = Cemetery(self._servers)
        self.bury, self.is_buried = cemetery.bury, cemetery.is_buried
        self.dead_letters, self.dig_up = cemetery.dead_letters, cemetery.dig_up
        self._unsent = UnsentEvents(self._servers, _lists("monitor"), shard_of, self._fixed_now)
        self.unsent = self._unsent.unsent
        self.sent = self._unsent.sent

    async def start(self, stack: AsyncExitStack) -> None:
        await self._servers.open(stack)
        stack.callback(self._threads.close)
        stack.push_async_callback(self._watching.close)
        await self._definitions.check_schema()
        if not self._fixed:
            sent = time.monotonic()
            seconds, micros = await self._servers.call("", "TIME")
            self._time.told(int(seconds) + int(micros) / 1e6, sent)

    def now(self) -> float:
        return self._clock.now() if self._fixed else self._time.now()

    def _fixed_now(self) -> str:
        return repr(self._clock.now()) if self._fixed else ""

    def _common(self) -> tuple[Any, ...]:
        """The first five arguments of scripts that change a run."""
        return (
            self._fixed_now(), self._origin, f"{self._origin}.{next(self._numbers):x}", "", self._retention,
        )  # fmt: skip

    async def _change(self, name: str, run: str, *args: Any) -> Any:
        """An outcome as the script gives it."""
        sent = time.monotonic()
        reply = await self._script(name, run, *args)
        if reply is not None:
            self._time.told(float(reply[2]), sent)
        return reply

    def _script(self, name: str, run: str, *args: Any) -> Coroutine[Any, Any, Any]:
        keys = self._keys(run)
        return self._servers.script(name, keys, *self._common(), *args, again_at=AGAIN)

    def _keys(self, run: str) -> tuple[str, ...]:
        """The scripts know all keys by the run's. A cluster is told them, so that it refuses a change
        while it moves some of them to another node."""
        key = key_of(run)
        if not self._servers.is_cluster:
            return (key,)
        shard = key.partition(":r:")[0]
        return (key, *(key + part for part in BESIDE), *(f"{shard}:{name}" for name in LISTS))

    # ------------------------------------------------------------------ changing runs

    async def create(self, new: NewRun, shape: Shape) -> Outcome | None:
        large = Large()
        if new.definition not in self._shapes:
            self._know(new.definition, shape)
        args = encoding.new_run(new, self._shapes[new.definition][1], large)
        reply = await self._change("create", new.run, *args)
        return await self._outcome(new.run, 1, reply, large)

    async def commit(self, commit: Commit) -> Outcome | None:
        large = Large()
        reply = await self._change("commit", commit.run, *encoding.commit(commit, large))
        reopened = commit.steps[0][0] == "reopen"
        return await self._outcome(commit.run, commit.generation + reopened, reply, large)

    async def claim(
        self, trigger: Trigger, worker: str, lease: float, tags: Carried = None
    ) -> Outcome | None:
        self._lease = lease
        named = (trigger.unit, trigger.generation, trigger.attempt, trigger.kind)
        given = (worker, lease, encoding.carried(tags))
        reply = await self._change("claim", trigger.run, *named, *given)
        return await self._outcome(trigger.run, trigger.generation, reply, Large())

    async def _outcome(self, run: str, generation: int, reply: Any, large: Large) -> Outcome | None:
        if reply is None:
            return None
        if large.texts:
            self._large.remember(large.texts)
        outcome = decoding.outcome_of(run, generation, reply)
        events = outcome.events
        assert isinstance(events, decoding.LazyEvents)
        references = [*events.references(), *(r for c in outcome.claims for r in _references(c))]
        if not references:
            return outcome
        texts = await self._large.texts(key_of(run), references)
        claims = tuple(_with_texts(claim, texts) for claim in outcome.claims)
        return outcome._replace(claims=claims, events=events.resolve(texts))

    def renew(self, claims: Sequence[tuple[str, str, int]], lease: float) -> list[tuple[str, str, int]]:
        by_run: dict[str, list[tuple[str, str, int]]] = {}
        for claim in claims:
            by_run.setdefault(claim[0], []).append(claim)
        calls = [
            (key_of(run), *self._common(), lease, *(part for _, *held in mine for part in held))
            for run, mine in by_run.items()
        ]
        lost: list[tuple[str, str, int]] = []
        for mine, places in zip(by_run.values(), self._threads.scripts("renew", calls), strict=True):
            lost += [mine[place - 1] for place in places]
        return lost

    # ------------------------------------------------------------------ reading

    async def state(self, run: str, *, outputs: bool = True) -> ChainState | None:
        reply = await self._read(run, "all" if outputs else "units")
        if reply is None:
            return None
        header = decoding.header_of(run, reply)
        image = decoding.image_of(run, reply, await self._shape(header.definition))
        values = [image.new.inputs, *(u.value for u in image.units.values())]
        texts = await self._large.texts(key_of(run), [v for v in values if v is not None and is_reference(v)])
        return state_of(image, outputs=outputs, resolve=lambda v: texts.get(v, v) if v else v)

    async def header(self, run: str) -> RunHeader | None:
        reply = await self._read(run, "header")
        if reply is None:
            return None
        header = decoding.header_of(run, reply)
        if is_reference(header.inputs):
            texts = await self._large.texts(key_of(run), [header.inputs])
            header = header._replace(inputs=texts[header.inputs])
        return header

    async def values(self, run: str, nodes: Sequence[str]) -> dict[str, str | None]:
        found = await self._servers.script("values", (key_of(run),), *nodes) if nodes else []
        texts = await self._large.texts(key_of(run), [v for v in found if is_reference(v)])
        return {node: texts.get(v, v) for node, v in zip(nodes, found, strict=True)}

    async def request(self, run: str, unit: str) -> str | None:
        text = await self._servers.call(key_of(run), "HGET", key_of(run), f"d:{unit}")
        if text is None or not is_reference(text):
            return text  # type: ignore[no-any-return]
        return (await self._large.texts(key_of(run), [text]))[text]

    async def pending(self, run: str) -> list[Trigger]:
        reply = await self._read(run, "units")
        if reply is None:
            return []
        header = decoding.header_of(run, reply)
        return decoding.image_of(run, reply, await self._shape(header.definition)).pending()

    async def _read(self, run: str, what: str) -> Any:
        return await self._servers.script("read", (key_of(run),), what)

    async def _shape(self, hash: str) -> Shape:
        if hash not in self._shapes:
            definition = await self.get(hash)
            if definition is None:
                told = f"{self._servers.address} lacks the definition #{hash[:8]} of one of its runs"
                raise StoreError(told)
            self._know(hash, shape_of(definition))
        return self._shapes[hash][0]

    def _know(self, hash: str, shape: Shape) -> None:
        self._shapes[hash] = (shape, encoding.shape_arguments(shape))
        if len(self._shapes) > 256:
            del self._shapes[next(iter(self._shapes))]

    async def events(self, run: str, after: int = 0) -> list[Event]:
        key = key_of(run)
        entries = await self._servers.call(key, "XRANGE", f"{key}:ev", f"{after + 1}-0", "+")
        commits = decoding.stored_events(entries)
        texts = await self._large.texts(key, [r for commit in commits for r in commit.references()])
        return [event_of(raw) for commit in commits for raw in commit.resolve(texts) if raw[0] > after]

    async def append_chunks(self, run: str, chunks: Sequence[Event]) -> None:
        await self._script("append", run, positions(chunks), encoded(chunks), KEPT)

    async def chunks(self, run: str, after: int = 0) -> tuple[list[Event], int]:
        key = key_of(run)
        entries = await self._servers.call(key, "XRANGE", f"{key}:ch", f"{after + 1}-0", "+")
        return decoded(decoding.batches_of(entries), after)

    async def join_chunks(self, run: str, before: int, chunks: Sequence[Event]) -> None:
        await self._script("join", run, before, positions(chunks), encoded(chunks))

    async def runs(
        self, *, chain: str = "", status: Status | None = None, waiting: bool = False,
        children: bool = False, limit: int = 50, cursor: str = "",
    ) -> RunPage:  # fmt: skip
        wanted = encoding.NUMBERS[status] if status else 0
        args = (chain, wanted, "1" if waiting else "", limit + 1, f"({cursor}" if cursor else "+inf")
        pages = await self._every_shard("runs", "runs", *args)
        if children:
            pages += await self._every_shard("runs", "kids", *args)
        rows = sorted((row for page in pages for row in page), key=lambda row: int(row[0]), reverse=True)
        found = [decoding.summary_of(row) for row in rows[:limit]]
        return RunPage(found, rows[limit - 1][0] if len(rows) > limit else "")

    async def count(self, most: int) -> RunCounts:
        shards = await self._every_shard("count", "runs", -(-most // SHARDS))
        counted = [row for _, *rows in shards for row in rows]
        by = (((chain, encoding.STATUSES[status]), runs) for chain, status, runs in counted)
        return counts_of(by, all(complete for complete, *_ in shards))

    async def _every_shard(self, script: str, name: str, *args: Any) -> list[Any]:
        return await asyncio.gather(*(self._servers.script(script, (key,), *args) for key in _lists(name)))

    async def due(
        self, older: float = 0.0, again: float = 10.0, limit: int = 100, tags: Sequence[str] = ()
    ) -> list[Trigger]:
        args = (self._fixed_now(), older, again, limit, self._grace(), *lanes_of(tags))
        return self._triggers(await self._every_shard("due", "due", *args))

    def _grace(self) -> float:
        """Seconds for which leases that ran out while the servers were away are left to their holders: these
        renew them every third of a lease, and are not dead."""
        grace = self._lease / 3 + RECONNECTING_SECONDS
        return grace if self._servers.restored_within(grace) else 0.0

    async def deadlines(self, older: float = 0.0, again: float = 10.0) -> list[Trigger]:
        args = (self._fixed_now(), older, again)
        return self._triggers(await self._every_shard("deadlines", "deadlines", *args))

    async def between(self, older: float = 0.0, again: float = 10.0, limit: int = 100) -> list[Trigger]:
        args = (self._fixed_now(), older, again, limit)
        return self._triggers(await self._every_shard("between", "between", *args))

    @staticmethod
    def _triggers(shards: list[Any]) -> list[Trigger]:
        return [decoding.trigger_of(run, generation, reply) for s in shards for run, generation, *reply in s]

    async def backlog(self) -> int:
        return sum(await self._every_shard("backlog", "due", BACKLOG_RUNS))

    # ------------------------------------------------------------------ forgetting

    async def delete(self, run: str) -> bool:
        answer = await self._servers.script("forget", (key_of(run),))
        if answer < 0:
            raise InvalidOperation(f"run {run} is {encoding.STATUSES[-answer]}: stop it first")
        return bool(answer)

    async def release(self, run: str) -> None:
        await self._servers.script("release", (key_of(run),), self._fixed_now(), self._retention)

    async def expire(self, retention: float, suspended_ttl: float) -> list[str]:
        unanswered: set[str] = set()
        used: set[str] = set()
        shards = _lists("done")
        while shards:  # a script does a bounded piece of work
            calls = (
                self._servers.script("expire", (k,), *self._ages(retention, suspended_ttl)) for k in shards
            )
            answers = dict(zip(shards, await asyncio.gather(*calls), strict=True))
            for _, waiting, definitions in answers.values():
                unanswered.update(waiting)
                used.update(definitions)
            shards = [key for key, (more, _, _) in answers.items() if more]
        await asyncio.gather(*(self._definitions.keep(hash) for hash in used))
        return sorted(unanswered)

    def _ages(self, retention: float, suspended_ttl: float) -> tuple[Any, ...]:
        return self._fixed_now(), retention, suspended_ttl


def _references(claim: Claim) -> list[str]:
    texts = claim.values.values()
    if claim.child is not None:
        texts = [*texts, claim.child.value]  # type: ignore[assignment]
    if claim.item is not None or claim.previous is not None or claim.gather is not None:
        texts = [*texts, claim.item, claim.previous, *(claim.gather or ())]  # type: ignore[assignment]
    return [text for text in texts if text is not None and text[:1] == "\x00"]


def _with_texts(claim: Claim, texts: Mapping[str, str]) -> Claim:
    def text(value: str | None) -> str | None:
        return value if value is None else texts.get(value, value)

    return claim._replace(
        values={node: text(value) for node, value in claim.values.items()},
        item=text(claim.item), previous=text(claim.previous),
        gather=None if claim.gather is None else tuple(text(value) for value in claim.gather),
        child=claim.child and claim.child._replace(value=text(claim.child.value)),
    )  # fmt: skip
