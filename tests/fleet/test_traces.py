"""One run's trace, written by two worker processes to an OTLP endpoint."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tinyflow_nb import ChainDefinition, ChainExecutor

FAN = """
import asyncio
import os
from pathlib import Path
from tinyflow_nb import node

docs: list[int]
folder: str

@node(each="d in docs")
async def part(d: int, folder: str) -> int:
    (Path(folder) / str(os.getpid())).touch()
    while len(list(Path(folder).iterdir())) < 2:  # the other worker has begun none yet
        await asyncio.sleep(0.02)
    return os.getpid()

async def who(part) -> list[int]:
    return sorted(set(part))
"""


class Collector:
    """What OTLP over HTTP brings it."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    for scope in resource.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def named(self, name: str) -> list[Any]:
        return [span for span in list(self.spans) if span.name == name]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


def attributes(span: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in span.attributes}


@pytest.mark.parametrize("scheduler", ["redis"])  # spans do not ask who carries wake-ups
async def test_two_workers_write_one_trace_of_a_run(
    client: ChainExecutor, start_worker: Any, collector: Collector, wait_until: Any,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    workers = [start_worker("--concurrency", "2") for _ in range(2)]
    for worker in workers:
        await wait_until(lambda w=worker: w.did("worker.started"))
    chain = ChainDefinition.from_source(FAN, name="fan")
    (tmp_path / "seen").mkdir()
    run = await client.execute_async(chain, {"docs": list(range(20)), "folder": str(tmp_path / "seen")})
    assert await client.wait(run, timeout=60) == sorted(w.process.pid for w in workers)
    await wait_until(lambda: len(collector.named("part")) == 20 and collector.named("fan"))
    [root] = collector.named("fan")
    assert not root.parent_span_id
    assert attributes(root)["tinyflow.run"] == run
    nodes = [*collector.named("part"), *collector.named("who")]
    assert {span.trace_id for span in nodes} == {root.trace_id}
    assert {span.parent_span_id for span in nodes} == {root.span_id}
    assert len({attributes(span)["tinyflow.worker"] for span in collector.named("part")}) == 2
    assert root.start_time_unix_nano <= min(span.start_time_unix_nano for span in nodes)
    assert root.end_time_unix_nano >= max(span.end_time_unix_nano for span in collector.named("part"))
