"""Cells that several parts of the suite run, and a body that waits to be let go."""

from __future__ import annotations

import asyncio

LINE = """
def a() -> int:
    return 1

def b(a: int) -> int:
    return a + 1

def c(b: int) -> int:
    return b + 1
"""

ASK = '''
def draft() -> str:
    return "hello"

@confirm
def ask(draft) -> bool:
    """Send {{ draft }}?"""

def end(ask: bool) -> str:
    return f"sent {ask}"
'''


class Gate:
    """A body that says it is there, and waits until it is let go."""

    def __init__(self) -> None:
        self.entered = 0
        self.cancelled = 0
        self.open = asyncio.Event()

    def body(self, result=1):
        async def gate():
            self.entered += 1
            try:
                await self.open.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            return result

        return gate
