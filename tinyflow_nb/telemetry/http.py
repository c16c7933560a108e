"""A worker's endpoints: /healthz, /readyz and /metrics, answered on threads of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, TypeVar
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from tinyflow_nb.errors import MissingExtra, SettingsError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from tinyflow_nb.engine.condition import Condition

T = TypeVar("T")
App = Callable[..., Iterable[bytes]]
PATIENCE = 3.0
"""Seconds the engine's loop may take to answer."""


class Endpoints:
    """Serves from its making until `close`."""

    def __init__(self, address: str, engine: Condition) -> None:
        """Call it on the engine's loop.

        Args:
            address: `host:port`; port 0: any that is free.

        Raises:
            SettingsError: the address is not understood, or can't be listened on.
            MissingExtra
        """
        try:
            from prometheus_client import make_wsgi_app

            from tinyflow_nb.telemetry.metrics import Metrics
        except ImportError as e:
            raise MissingExtra("a worker's /metrics", "fleet") from e
        self._engine = engine
        self._loop = asyncio.get_running_loop()
        metrics = Metrics(engine, lambda: self._ask(engine.backlog()))
        self._metrics: App = make_wsgi_app(metrics.registry)
        self._server = _listen(address, self._answer)
        host, port = self._server.server_address[:2]
        self.url = f"http://{host!s}:{port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="tinyflow-http", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        await asyncio.to_thread(self._server.shutdown)  # an answer under way may need the loop
        self._server.server_close()

    def _ask(self, answer: Coroutine[Any, Any, T]) -> T:
        """From a thread, what only the loop knows. Raises TimeoutError."""
        return asyncio.run_coroutine_threadsafe(answer, self._loop).result(PATIENCE)

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return self._metrics(environ, start)
        if path == "/healthz":
            return _text(start, "200 OK", "ok")
        if path == "/readyz":
            try:
                troubles = self._ask(self._engine.troubles())
            except TimeoutError:
                troubles = [f"the process is too busy to answer within {PATIENCE:g} s"]
            return _text(
                start, "503 Service Unavailable" if troubles else "200 OK", "\n".join(troubles) or "ok"
            )
        return _text(start, "404 Not Found", "there are /healthz, /readyz and /metrics")


def _text(start: StartResponse, status: str, text: str) -> Iterable[bytes]:
    start(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{text}\n".encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads who asked for health every second."""


def _listen(address: str, app: App) -> WSGIServer:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise SettingsError(f"--http {address}: use host:port, as 127.0.0.1:9464, or off")
    try:
        return make_server(host.strip("[]"), int(port), app, _Server, _Quiet)
    except (OSError, OverflowError) as e:
        raise SettingsError(f"--http {address}: {e}") from e
