"""A connection for threads: leases are renewed while the event loop is busy (SEMANTICS 19)."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import hiredis

from tinyflow_nb.stores.redis.link import LinkLost, new_reader, pack
from tinyflow_nb.stores.redis.servers import Place, Servers
from tinyflow_nb.stores.redis.told import UNKNOWN, has_code

SECONDS = 5.0
"""Most it waits, for the connection or for an answer."""


class BlockingLinks:
    """One connection to each server, made when it is needed."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._links: dict[Place, _BlockingLink] = {}
        self._lock = threading.Lock()

    def scripts(self, name: str, calls: list[tuple[Any, ...]]) -> list[Any]:
        """Run a script for each of several keys, those of a server sent as one.

        Args:
            calls: key, then the script's arguments.

        Returns:
            Their answers, errors among them as values.

        Raises:
            OSError, LinkLost
        """
        by_place: dict[Place, list[int]] = {}
        for number, (key, *_) in enumerate(calls):
            by_place.setdefault(self._servers.place(key), []).append(number)
        answers: list[Any] = [None] * len(calls)
        with self._lock:
            for place, numbers in by_place.items():
                found = self._at(place, name, [(1, *calls[n]) for n in numbers])
                for number, answer in zip(numbers, found, strict=True):
                    answers[number] = answer
        return answers

    def _at(self, place: Place, name: str, calls: list[tuple[Any, ...]]) -> list[Any]:
        known = place in self._links
        try:
            return self._send(place, name, calls)
        except (OSError, LinkLost):
            self._drop(place)
            if not known:
                raise
        return self._send(place, name, calls)  # a renewal may be sent twice

    def _send(self, place: Place, name: str, calls: list[tuple[Any, ...]]) -> list[Any]:
        link = self._links.get(place)
        if link is None:
            link = self._links[place] = _BlockingLink(self._servers, place)
        scripts = self._servers.scripts
        answers = link.call([(*scripts.call(name), *call) for call in calls])
        if any(isinstance(a, hiredis.ReplyError) and has_code(a, UNKNOWN) for a in answers):
            link.call([scripts.load(name)])
            answers = link.call([(*scripts.call(name), *call) for call in calls])
        return answers

    def _drop(self, place: Place) -> None:
        link = self._links.pop(place, None)
        if link is not None:
            link.close()

    def close(self) -> None:
        with self._lock:
            for place in list(self._links):
                self._drop(place)


class _BlockingLink:
    def __init__(self, servers: Servers, place: Place) -> None:
        self._socket = socket.create_connection(place, timeout=SECONDS)
        tls = servers.address.tls
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname=place[0])
        self._reader = new_reader()
        for answer in self.call(servers.greeting()):
            if isinstance(answer, hiredis.ReplyError):
                raise LinkLost(str(answer))

    def call(self, commands: list[Any]) -> list[Any]:
        self._socket.sendall(b"".join(pack(command) for command in commands))
        answers: list[Any] = []
        while len(answers) < len(commands):
            answer = self._reader.gets()
            if answer is not False:
                answers.append(answer)
                continue
            data = self._socket.recv(65_536)
            if not data:
                raise LinkLost("the server closed the connection")
            self._reader.feed(data)
        return answers

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()
