"""Chains that call each other, for the tests of nested runs."""

from __future__ import annotations

from tinyflow_nb.model.trigger import child_run_id

DOUBLE = """
def double(n: int) -> int:
    return n * 2
"""
ASK = '''
def draft(n) -> str:
    return f"draft {n}"

@confirm(initial="draft")
def ask(draft) -> str:
    """Send {{ draft }}?"""

def sent(ask) -> str:
    return f"sent {ask}"
'''
FAIL = """
def boom(n):
    raise ValueError(f"no {n}")
"""


def calls(child: str, options: str = "") -> str:
    return f'''
@chain("{child}"{options})
def below(n): ...

def after(below):
    return below
'''


async def tower(house, executor, bottom: str, depth: int) -> str:
    """Publishes chains that call each other `depth` deep; the name of the highest."""
    await executor.publish(house.define(bottom, "level0"))
    for level in range(1, depth + 1):
        await executor.publish(house.define(calls(f"level{level - 1}"), f"level{level}"))
    return f"level{depth}"


async def lowest(executor, run: str, depth: int) -> str:
    """The run `depth` levels below."""
    for _ in range(depth):
        run = child_run_id(run, "below", 1)
    return run
