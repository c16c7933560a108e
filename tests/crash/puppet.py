# ruff: noqa: ASYNC240  (nothing else runs on these loops)
"""A process that does with one executor what it is told, a line of JSON each: `[method, arguments]`."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinyflow_nb import ChainDefinition, TinyflowError, connect
from tinyflow_nb.clock import SystemClock
from tinyflow_nb.settings import Settings


class Ahead:
    """The machine's clock, some seconds ahead: to who has it, leases have run out that others just made."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def now(self) -> float:
        return time.time() + self._seconds

    def call_at(self, when: float, call: Callable[[], None]) -> Callable[[], None]:
        return SystemClock().call_at(when - self._seconds, call)


async def main() -> None:
    address, lease, ahead = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    async with connect(address, settings=Settings(lease=lease), clock=Ahead(ahead)) as executor:
        loop = asyncio.get_running_loop()
        print(json.dumps({"pid": os.getpid()}), flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            method, arguments = json.loads(line)
            try:
                answer = {"result": await do(executor, method, arguments)}
            except TinyflowError as e:
                answer = {"error": type(e).__name__, "message": str(e)}
            print(json.dumps(answer), flush=True)


async def do(executor: Any, method: str, arguments: dict[str, Any]) -> Any:
    if method == "start":
        source = Path(arguments.pop("file")).read_text()
        definition = ChainDefinition.from_source(source, "puppets")
        return await executor.execute_async(definition, arguments.pop("inputs", {}), **arguments)
    if method == "state":
        return (await executor.state(**arguments)).to_dict()
    return await getattr(executor, method)(**arguments)


asyncio.run(main())
