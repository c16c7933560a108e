"""Servers: the Redis servers of one address, and which of them a key lives on.

What is lost on the way is sent again with growing pauses. A script that changes a run is told that it
may have been carried out already, and then gives its first answer again (see `applied_already`).
"""

from __future__ import annotations

import asyncio
import binascii
import random
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import hiredis

from tinyflow_nb.errors import StoreError
from tinyflow_nb.stores.redis.address import Address
from tinyflow_nb.stores.redis.link import Answer, Link, LinkLost
from tinyflow_nb.stores.redis.scripts import Scripts
from tinyflow_nb.stores.redis.told import ELSEWHERE, TRANSIENT, UNKNOWN, has_code, plainly

PATIENCE_SECONDS = 30.0
"""How long calls are tried again while the servers can't be reached."""
SLOTS = 16_384
Place = tuple[str, int]


class Servers:
    def __init__(self, address: Address) -> None:
        self.address = address
        self.is_cluster = address.kind == "cluster"
        self._links: dict[Place, Link] = {}
        self._opening: dict[Place, asyncio.Task[Link]] = {}
        self._slots: list[Place] = []
        """Of a cluster: the server of each slot; empty until it is asked for."""
        self._only: Link | None = None
        """The link to all keys, if it is not a cluster."""
        self._since = 0.0
        """When the trouble began that is not over yet: all calls share one patience."""
        self._elsewhere = ELSEWHERE[address.kind]
        self.scripts = Scripts()

    async def open(self, stack: AsyncExitStack) -> None:
        """Raises StoreError."""
        stack.callback(self.close)
        try:
            await self._link("")
        except (OSError, TimeoutError, LinkLost, hiredis.HiredisError) as e:
            if not (isinstance(e, hiredis.ReplyError) and has_code(e, TRANSIENT)):
                raise plainly(str(self.address), e) from e
            await self.call("", "PING")

    def close(self) -> None:
        for task in self._opening.values():
            task.cancel()
        for link in self._links.values():
            link.close()

    # ------------------------------------------------------------------ calling

    def script(
        self, name: str, keys: tuple[str, ...], *args: Any, again_at: int = 0
    ) -> Coroutine[Any, Any, Answer]:
        """Run one of the scripts.

        Args:
            again_at: position, among `args` from 1, of the mark "it may have been applied already".

        Raises:
            StoreError
        """
        at = 2 + len(keys) + again_at if again_at else 0
        return self._do(keys[0], (*self.scripts.call(name), len(keys), *keys, *args), at, name)

    def call(self, key: str, *command: Any) -> Coroutine[Any, Any, Answer]:
        """Any command that may be sent twice.

        Raises:
            StoreError
        """
        return self._do(key, command, 0, "")

    async def _do(self, key: str, command: tuple[Any, ...], again_at: int, script: str) -> Answer:
        until, pause = 0.0, 0.02
        while True:
            try:
                link = self._only
                if link is None or not link.alive:
                    link = await self._link(key)
                answer = await link.call(*command)
                if isinstance(answer, hiredis.ReplyError):
                    if script and has_code(answer, UNKNOWN):
                        self.scripts.old |= "unknown command" in str(answer)
                        command = (*self.scripts.call(script), *command[2:])
                        await link.call(*self.scripts.load(script))
                        answer = await link.call(*command)
                    elif has_code(answer, ("ASK ",)):
                        answer = await self._asked_elsewhere(str(answer), command)
                if not isinstance(answer, hiredis.ReplyError):
                    self._since = 0.0
                    return answer
                trouble: Exception = answer
            except LinkLost as e:
                trouble = e
                if again_at:
                    command = (*command[:again_at], "1", *command[again_at + 1 :])
            except (OSError, TimeoutError, hiredis.HiredisError) as e:
                trouble = e
            if isinstance(trouble, hiredis.ReplyError):
                if has_code(trouble, self._elsewhere):
                    self._look_again()
                elif not has_code(trouble, TRANSIENT):
                    raise plainly(str(self.address), trouble) from trouble
            now = asyncio.get_running_loop().time()
            self._since = self._since or now
            until = until or self._since + PATIENCE_SECONDS
            if now >= until:
                raise plainly(str(self.address), trouble) from trouble
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, 1.0)

    async def _asked_elsewhere(self, answer: str, command: tuple[Any, ...]) -> Answer:
        host, _, port = answer.split()[2].rpartition(":")
        link = await self._open((host, int(port)))
        asking = link.call("ASKING")
        found = await link.call(*command)
        await asking
        return found

    # ------------------------------------------------------------------ where

    async def _link(self, key: str) -> Link:
        if self.is_cluster:
            return await self._open(await self._place_of(key))
        if self.address.kind == "sentinel":
            place = await self._master()
        else:
            place = self.address.hosts[0]
        self._only = await self._open(place)
        return self._only

    def place(self, key: str) -> Place:
        """Where a key lives, as far as is known without asking."""
        if self.is_cluster and self._slots:
            return self._slots[slot_of(key)]
        return next((p for p, link in self._links.items() if link is self._only), self.address.hosts[0])

    async def _open(self, place: Place) -> Link:
        link = self._links.get(place)
        if link is not None and link.alive:
            return link
        task = self._opening.get(place)
        if task is None:
            task = self._opening[place] = asyncio.ensure_future(self.new_link(place))
            task.add_done_callback(lambda _: self._opening.pop(place, None))
        link = await asyncio.shield(task)
        self._links[place] = link
        return link

    async def new_link(
        self, place: Place | None = None, heard: Callable[[list[Any]], None] | None = None
    ) -> Link:
        """A connection of one's own, to any server if no place is named."""
        host, port = place or self.place("")
        return await Link.open(host, port, tls=self.address.tls, greeting=self.greeting(), heard=heard)

    def greeting(self) -> list[tuple[str, ...]]:
        address = self.address
        said: list[tuple[str, ...]] = []
        if address.password:
            user = (address.username,) if address.username else ()
            said.append(("AUTH", *user, address.password))
        if address.database:
            said.append(("SELECT", str(address.database)))
        said.append(("CLIENT", "SETNAME", "tinyflow-nb"))
        return said

    def _look_again(self) -> None:
        self._slots = []
        self._only = None
        for link in self._links.values():
            if self.address.kind == "sentinel":
                link.close()

    async def _place_of(self, key: str) -> Place:
        if not self._slots:
            self._slots = await self._ask_for_slots()
        place = self._slots[slot_of(key)]
        link = self._links.get(place)
        if link is not None and not link.alive:  # it may be another's by now
            self._slots = await self._ask_for_slots()
            place = self._slots[slot_of(key)]
        return place

    async def _ask_for_slots(self) -> list[Place]:
        trouble: Exception = LinkLost("no node of the cluster answers")
        for place in {**self._links, **dict.fromkeys(self.address.hosts)}:
            try:
                ranges = await (await self._open(place)).call("CLUSTER", "SLOTS")
                if isinstance(ranges, Exception):
                    raise ranges
            except (OSError, TimeoutError, LinkLost, hiredis.HiredisError) as e:
                trouble = e
                continue
            slots: list[Place] = [place] * SLOTS
            covered = 0
            for first, last, master, *_ in ranges:
                slots[first : last + 1] = [(master[0] or place[0], master[1])] * (last + 1 - first)
                covered += last + 1 - first
            if covered == SLOTS:
                return slots
            trouble = hiredis.ReplyError("CLUSTERDOWN not all slots are served")
        raise trouble

    async def _master(self) -> Place:
        trouble: Exception = LinkLost("no Sentinel answers")
        for host, port in self.address.hosts:
            try:
                link = await Link.open(host, port, tls=self.address.tls, greeting=[])
                try:
                    found = await link.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.address.service)
                finally:
                    link.close()
            except (OSError, TimeoutError, LinkLost) as e:
                trouble = e
                continue
            if isinstance(found, list):
                return found[0], int(found[1])
            trouble = StoreError(f"{self.address} know no master named {self.address.service!r}")
        raise trouble


def slot_of(key: str) -> int:
    """A cluster's slot of a key: of what is between its first braces."""
    tag = key.partition("{")[2].partition("}")[0] or key
    return binascii.crc_hqx(tag.encode(), 0) % SLOTS
