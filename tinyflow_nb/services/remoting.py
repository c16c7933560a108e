"""RocketMQ's older protocol, just enough to administer a server: no client needed, no second JVM."""

from __future__ import annotations

import json
import socket
import struct
from typing import Any, NamedTuple

from tinyflow_nb.services.ports import LOOPBACK

CREATE_TOPIC, LIST_TOPICS, ROUTE_OF_TOPIC, CREATE_GROUP, LIST_GROUPS = 17, 21, 105, 200, 201
SUCCESS = 0
ANSWER_SECONDS = 30.0
"""A server that has just started, on a machine with other things to do, takes its time."""
_LENGTH = 0xFFFFFF
"""Of the header; the byte above says that it is JSON."""


class Reply(NamedTuple):
    code: int
    remark: str
    body: bytes


def ask(port: int, code: int, body: bytes = b"", **fields: str) -> Reply:
    """One request to the name server or the broker.

    Raises:
        OSError: nobody answers.
    """
    request = {"code": code, "language": "OTHER", "opaque": 1, "flag": 0, "version": 0, "extFields": fields}
    header = json.dumps(request).encode()
    with socket.create_connection((LOOPBACK, port), timeout=ANSWER_SECONDS) as connection:
        lengths = struct.pack(">ii", 4 + len(header) + len(body), len(header))
        connection.sendall(lengths + header + body)
        stream = connection.makefile("rb")
        lengths = stream.read(8)
        if len(lengths) < 8:
            raise ConnectionError(f"port {port} closed without an answer")
        length, header_length = struct.unpack(">ii", lengths)
        header_length &= _LENGTH
        answer: dict[str, Any] = json.loads(stream.read(header_length))
        return Reply(answer["code"], answer.get("remark") or "", stream.read(length - 4 - header_length))
