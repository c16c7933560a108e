"""The chains that are run, and what each must come to.

Every body tells the ledger when it begins and ends: one line, appended at once, with its idempotency key.
"""

from __future__ import annotations

import functools
import random
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tinyflow_nb import ChainDefinition

PRELUDE = """
import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import contextmanager
from typing import Any
from tinyflow_nb import ExecutionContext, Retry, chain, confirm, default, node

ledger: str

def _write(ledger: str, mark: str, key: str, nonce: str) -> None:
    now = time.clock_gettime(time.CLOCK_REALTIME)  # also where a worker's clock is wrong
    line = f"{mark} {key} {os.getpid()} {nonce} {now:.6f}\\n"
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)

@contextmanager
def _told(ledger: str, ctx: Any) -> Any:
    nonce = os.urandom(6).hex()
    _write(ledger, "B", ctx.idempotency_key, nonce)
    try:
        yield nonce
    finally:
        _write(ledger, "E", ctx.idempotency_key, nonce)
"""


def _line() -> str:
    """Each node adds the mark of its own execution: the result tells which ones counted."""
    nodes = []
    for i in range(6):
        before = f"n{i - 1}: list[str], " if i else ""
        grown = f"[*n{i - 1}, nonce]" if i else "[nonce]"
        kind, rest = ("def", "time.sleep") if i % 3 == 2 else ("async def", "await asyncio.sleep")
        nodes.append(
            f"{kind} n{i}({before}ledger: str, ctx: ExecutionContext) -> list[str]:\n"
            f"    with _told(ledger, ctx) as nonce:\n        {rest}(0.25)\n        return {grown}\n"
        )
    return "\n".join(nodes)


def _fan(width: int) -> str:
    nodes = [
        f"async def b{i}(ledger: str, ctx: ExecutionContext) -> int:\n"
        f"    with _told(ledger, ctx):\n        await asyncio.sleep({0.1 + 0.05 * (i % 10):.2f})\n"
        f"        return {i}\n"
        for i in range(width)
    ]
    names = [f"b{i}" for i in range(width)]
    nodes.append(
        f"async def total({', '.join(f'{n}: int' for n in names)},"
        " ledger: str, ctx: ExecutionContext) -> int:\n"
        f"    with _told(ledger, ctx):\n        return {' + '.join(names)}\n"
    )
    return "\n".join(nodes)


EACH = """
docs: list[int]

@node(each="d in docs", max_concurrency=8)
async def part(d: int, ledger: str, ctx: ExecutionContext) -> int:
    with _told(ledger, ctx):
        await asyncio.sleep(0.2)
        return d * d

async def total(part: list[int], ledger: str, ctx: ExecutionContext) -> int:
    with _told(ledger, ctx):
        return sum(part)
"""

ROUNDS = """
@node(until="better >= 5", max_rounds=8)
async def better(ledger: str, ctx: ExecutionContext, better: int = 0) -> int:
    with _told(ledger, ctx):
        await asyncio.sleep(0.2)
        return better + 1

async def last(better: int, ledger: str, ctx: ExecutionContext) -> int:
    with _told(ledger, ctx):
        return better * 10
"""

FLAKY = """
@node(retry=Retry(max=3, wait=0.3))
async def soon(ledger: str, ctx: ExecutionContext) -> int:
    with _told(ledger, ctx):
        if ctx.attempt < 3:
            raise ValueError(f"attempt {ctx.attempt} fails")
        return ctx.attempt

@node(retry=Retry(max=1, wait=2.5))
async def later(soon: int, ledger: str, ctx: ExecutionContext) -> int:
    with _told(ledger, ctx):
        if ctx.attempt < 2:
            raise ValueError("the first attempt fails")
        return soon + ctx.attempt
"""

HANDLER = """
@node(on_error="rescue")
def risky(ledger: str, ctx: ExecutionContext) -> str:
    with _told(ledger, ctx):
        time.sleep(0.05)
        raise OSError("it always fails")

async def rescue(ledger: str, ctx: ExecutionContext, error: Any = None) -> str:
    with _told(ledger, ctx):
        return f"rescued from {error['type']}"

async def last(risky: str, ledger: str, ctx: ExecutionContext) -> str:
    with _told(ledger, ctx):
        return risky.upper()
"""

FORM = """
async def draft(ledger: str, ctx: ExecutionContext) -> str:
    with _told(ledger, ctx):
        return "draft"

@confirm
def approval(draft) -> str:
    '''Send it?'''

async def send(approval: str, ledger: str, ctx: ExecutionContext) -> str:
    with _told(ledger, ctx):
        await asyncio.sleep(0.05)
        return f"sent {approval}"
"""

UNANSWERED = """
@confirm(timeout=2, on_error=default(False))
def approval() -> bool:
    '''Nobody answers this.'''

async def after(approval: bool, ledger: str, ctx: ExecutionContext) -> str:
    with _told(ledger, ctx):
        return "sent" if approval else "not sent"
"""

STREAM = """
async def words(ledger: str, ctx: ExecutionContext) -> AsyncIterator[str]:
    with _told(ledger, ctx):
        for i in range(8):
            await asyncio.sleep(0.1)
            yield f"w{i} "

async def last(words: str, ledger: str, ctx: ExecutionContext) -> int:
    with _told(ledger, ctx):
        return len(words.split())
"""

FAILING = """
async def good(ledger: str, ctx: ExecutionContext) -> int:
    with _told(ledger, ctx):
        return 1

@node(retry=Retry(max=1, wait=0.1))
async def bad(good: int, ledger: str, ctx: ExecutionContext) -> int:
    with _told(ledger, ctx):
        raise ValueError("as it must")
"""

STOPPED = """
async def endless(ledger: str, ctx: ExecutionContext) -> int:
    with _told(ledger, ctx):
        await asyncio.sleep(60)
        return 1
"""

NESTED_CHILD = """
n: int

async def twice(n: int, ledger: str, ctx: ExecutionContext) -> int:
    with _told(ledger, ctx):
        await asyncio.sleep(0.2)
        return n * 2

async def more(twice: int, ledger: str, ctx: ExecutionContext) -> int:
    with _told(ledger, ctx):
        return twice + 1
"""

NESTED = """
docs: list[int]

@chain("chaos_child", each="n in docs")
def parts(n: int, ledger: str) -> int: ...

async def total(parts: list[int], ledger: str, ctx: ExecutionContext) -> int:
    with _told(ledger, ctx):
        return sum(parts)
"""

CHILDREN = {"chaos_child": NESTED_CHILD}
"""Chains that others call, by name; published before."""

Act = Literal["", "answer", "stop"]


@dataclass(frozen=True)
class Shape:
    name: str
    body: str
    result: Any = None
    """A value, or a function of (result, the marks of all ended executions by key, run)."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    status: str = "SUCCEEDED"
    act: Act = ""
    """What the program does with it, some time after it has begun."""
    weight: float = 1.0
    is_measured: bool = True
    """Whether it is always to be seen moving on, so that a stand-still is the fault's doing."""

    @functools.cached_property
    def definition(self) -> ChainDefinition:
        return ChainDefinition.from_source(PRELUDE + textwrap.dedent(self.body), name=self.name)


def _marks_counted(result: Any, marks: Mapping[str, set[str]], run: str) -> bool:
    return len(result) == 6 and all(mark in marks[f"{run}/n{i}/-/1"] for i, mark in enumerate(result))


def shapes(width: int) -> list[Shape]:
    """
    Args:
        width: of the widest fan.
    """
    return [
        Shape("line", _line(), _marks_counted, weight=3),
        Shape("fan", _fan(width), sum(range(width)), weight=0.5),
        Shape("each", EACH, sum(i * i for i in range(20)), {"docs": list(range(20))}),
        Shape("nested", NESTED, 15, {"docs": [1, 2, 3]}),
        Shape("rounds", ROUNDS, 50, weight=2),
        Shape("flaky", FLAKY, 5, is_measured=False),
        Shape("handler", HANDLER, "RESCUED FROM OSERROR"),
        Shape("form", FORM, "sent by the program", act="answer", is_measured=False),
        Shape("unanswered", UNANSWERED, "not sent", is_measured=False),
        Shape("stream", STREAM, 8, weight=2),
        Shape("failing", FAILING, status="FAILED", is_measured=False),
        Shape("stopped", STOPPED, status="CANCELLED", act="stop", is_measured=False),
    ]


def children() -> list[ChainDefinition]:
    """To be published before anything is started."""
    return [ChainDefinition.from_source(PRELUDE + body, name=name) for name, body in CHILDREN.items()]


def chooser(all_shapes: list[Shape], seed: int) -> Callable[[], Shape]:
    """The same seed gives the same row of shapes."""
    dice = random.Random(f"shapes {seed}")
    weights = [shape.weight for shape in all_shapes]
    return lambda: dice.choices(all_shapes, weights)[0]
