"""One child process, as the worker sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio import IncompleteReadError
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable

from pydantic import ValidationError

from tinyflow_nb.errors import ProcessDied
from tinyflow_nb.isolation.messages import (
    HEAD,
    LARGEST,
    MARK,
    Chunk,
    FromChild,
    Log,
    ToChild,
    frame,
    from_child,
)

MODULE = "tinyflow_nb.isolation.child"
LINE = 10_000
"""Bytes of its standard error taken as one line, at most."""
MARK_SECONDS = 30.0
"""How long an answer waits for the mark on the standard error, which came before it."""

Heard = Callable[[Chunk | Log], None]


class Child:
    """Works on one request at a time. Nothing but `kill` can interrupt it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.loaded: set[str] = set()
        """Programs it has made the modules of."""
        self.requests = 0
        self._killed = False
        self._heard: Heard | None = None
        self._marked = asyncio.Event()
        self._last_words = ""
        self._listening = asyncio.get_running_loop().create_task(self._listen())

    @classmethod
    async def start(cls, memory: int) -> Child:
        """
        Args:
            memory: bytes it may take.
        """
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", MODULE, str(memory),
            stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_environment(), start_new_session=True,
        )  # fmt: skip
        return cls(process)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._killed

    async def ask(self, message: ToChild, heard: Heard | None = None) -> FromChild:
        """Its answer; what it streams meanwhile goes to `heard`. Who stops waiting ends the process.

        Raises:
            ProcessDied
        """
        self._heard = heard
        self._marked.clear()
        self.requests += 1
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(frame(message))
            await self._process.stdin.drain()
            while True:
                answer = await self._next()
                if not isinstance(answer, Chunk | Log):
                    with contextlib.suppress(TimeoutError):  # a cell may close whatever is open
                        async with asyncio.timeout(MARK_SECONDS):
                            await self._marked.wait()
                    return answer
                if heard is not None:
                    heard(answer)
        except (IncompleteReadError, OSError, ValidationError) as e:
            self.kill()
            raise ProcessDied(await self._how_it_died(e)) from None
        except BaseException:
            self.kill()
            raise
        finally:
            self._heard = None

    async def _next(self) -> FromChild:
        assert self._process.stdout is not None
        (length,) = HEAD.unpack(await self._process.stdout.readexactly(HEAD.size))
        if length > LARGEST:
            raise OSError(f"it sent a message of {length} bytes")
        return from_child.validate_json(await self._process.stdout.readexactly(length))

    async def _how_it_died(self, error: Exception) -> str:
        if isinstance(error, ValidationError):
            return "its process sent what is no answer, and was ended"
        if not isinstance(error, IncompleteReadError | ConnectionError):
            return f"its process was ended: {error}"
        code = await self._process.wait()
        await asyncio.gather(self._listening, return_exceptions=True)
        how = f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"
        return f"its process {how}" + (f": {self._last_words}" if self._last_words else "")

    async def _listen(self) -> None:
        """What is written to the standard error is the node's log."""
        assert self._process.stderr is not None
        rest = b""
        while data := await self._process.stderr.read(LINE):
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                text = line.removesuffix(MARK).decode("utf-8", "replace")
                if line.endswith(MARK):
                    self._marked.set()
                    if not text:
                        continue
                if text.startswith("Fatal Python error"):
                    self._last_words = text
                if self._heard is not None:
                    self._heard(Log(level="stderr", text=text + "\n"))

    def kill(self) -> None:
        """With all that it started."""
        if self.alive:
            self._killed = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def close(self) -> None:
        self.kill()
        await self._process.wait()
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        assert self._process.stdin is not None
        self._process.stdin.close()


def _environment() -> dict[str, str]:
    """This process's, but for our settings: addresses may carry passwords."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("TINYFLOW_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
