"""One run's trace, written by two worker processes to an OTLP endpoint."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tinyflow_nb import ChainDefinition, ChainExecutor

FAN = """
import asyncio
import os
from tinyflow_nb import node

docs: list[int]

@node(each="d in docs")
async def part(d: int) -> int:
    await asyncio.sleep(0.05)
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
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    workers = [start_worker("--concurrency", "2") for _ in range(2)]
    for worker in workers:
        await wait_until(lambda w=worker: w.did("worker.started"), 60)
    chain = ChainDefinition.from_source(FAN, name="fan")
    run = await client.execute_async(chain, {"docs": list(range(20))})
    assert await client.wait(run, timeout=30) == sorted(w.process.pid for w in workers)
    await wait_until(lambda: len(collector.named("part")) == 20 and collector.named("fan"), 30)
    [root] = collector.named("fan")
    assert not root.parent_span_id
    assert attributes(root)["tinyflow.run"] == run
    nodes = [*collector.named("part"), *collector.named("who")]
    assert {span.trace_id for span in nodes} == {root.trace_id}
    assert {span.parent_span_id for span in nodes} == {root.span_id}
    assert len({attributes(span)["tinyflow.worker"] for span in collector.named("part")}) == 2
    assert root.start_time_unix_nano <= min(span.start_time_unix_nano for span in nodes)
    assert root.end_time_unix_nano >= max(span.end_time_unix_nano for span in collector.named("part"))
