"""Just enough of Redis's protocol to ask a server something, without its client."""

from __future__ import annotations

import socket


def redis_says(address: str, command: str) -> str:
    host, port = address.removeprefix("redis://").removesuffix("/0").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"{command}\r\nQUIT\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
