"""A connection for threads: leases are renewed while the event loop is busy (SEMANTICS 19)."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

import hiredis

from tinyflow_nb.stores.redis.link import LinkLost, new_reader, pack
from tinyflow_nb.stores.redis.servers import Place, Servers

SECONDS = 5.0
"""Most it waits, for the connection or for an answer."""


class BlockingLinks:
    """One connection to each server, made when it is needed."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._links: dict[Place, _BlockingLink] = {}
        self._lock = threading.Lock()

    def call(self, key: str, commands: list[tuple[Any, ...]]) -> list[Any]:
        """The answers to commands sent as one; errors among them as values.

        Raises:
            OSError, LinkLost
        """
        place = self._servers.place(key)
        with self._lock:
            link = self._links.get(place)
            try:
                if link is None:
                    link = self._links[place] = _BlockingLink(self._servers, place)
                return link.call(commands)
            except (OSError, LinkLost):
                if link is not None:
                    self._links.pop(place).close()
                raise

    def close(self) -> None:
        with self._lock:
            for link in self._links.values():
                link.close()
            self._links.clear()


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
