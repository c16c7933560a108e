"""Just enough of both protocols to ask a server something, without its client."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

LIST_TOPICS, LIST_GROUPS = 21, 201


def redis_says(address: str, command: str) -> str:
    host, port = address.removeprefix("redis://").removesuffix("/0").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"{command}\r\nQUIT\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()


def broker_says(port: int, code: int) -> dict[str, Any]:
    """The document that the broker answers an administrator's request with."""
    header = json.dumps({"code": code, "language": "OTHER", "opaque": 1, "flag": 0, "version": 0}).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(struct.pack(">ii", 4 + len(header), len(header)) + header)
        stream = connection.makefile("rb")
        length, header_length = struct.unpack(">ii", stream.read(8))
        stream.read(header_length & 0xFFFFFF)
        document: dict[str, Any] = json.loads(stream.read(length - 4 - (header_length & 0xFFFFFF)))
    return document
