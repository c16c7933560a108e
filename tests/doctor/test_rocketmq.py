"""The doctor over RocketMQ: a proxy of the tests' own for each trouble, and a real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from rocketmq.grpc_protocol import Code, MessageType, service_pb2, service_pb2_grpc

from tests.conftest import RealServices, free_port
from tinyflow_nb.doctor import Finding, Report, examine
from tinyflow_nb.schedulers.rocketmq_names import DELAY, EXECUTION, TYPES

GOOD = {topic: (Code.OK, type) for topic, type in TYPES.items()}


class Proxy(service_pb2_grpc.MessagingServiceServicer):
    def __init__(self, topics: dict[str, tuple[int, str]]) -> None:
        """
        Args:
            topics: code and message type to answer with; others are not found.
        """
        self.topics = topics

    def QueryRoute(self, request: Any, context: Any) -> Any:
        code, type = self.topics.get(request.topic.name, (Code.TOPIC_NOT_FOUND, ""))
        reply = service_pb2.QueryRouteResponse()
        reply.status.code, reply.status.message = code, "as the proxy says it"
        if type:
            reply.message_queues.add().accept_message_types.append(MessageType.Value(type))
        return reply


@pytest.fixture
def proxy() -> Iterator[Callable[[dict[str, tuple[int, str]]], str]]:
    """`address = proxy(topics)`"""
    servers = []

    def start(topics: dict[str, tuple[int, str]]) -> str:
        server = grpc.server(ThreadPoolExecutor(1))
        service_pb2_grpc.add_MessagingServiceServicer_to_server(Proxy(topics), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return f"rocketmq://127.0.0.1:{port}"

    yield start
    for server in servers:
        server.stop(None).wait()


async def look(scheduler: str) -> Report:
    return await examine("redis://127.0.0.1:1/0", scheduler, only_fleet=True)


def troubles(report: Report) -> list[Finding]:
    return [f for f in report.of("warning", "error") if f.check.startswith("rocketmq")]


async def test_all_is_well(proxy: Any) -> None:
    report = await look(proxy(GOOD))
    assert troubles(report) == []
    assert [f.check for f in report.findings if f.level == "ok"][-5:] == [
        "rocketmq.answers", *["rocketmq.topics"] * 3, "rocketmq.groups"
    ]  # fmt: skip


async def test_nothing_listens_there() -> None:
    port = free_port()
    trouble, left_out = troubles(await look(f"rocketmq://key:hidden@127.0.0.1:{port}"))
    assert trouble.level == "error"
    assert trouble.why == f"nothing answers at 127.0.0.1:{port}; without it a fleet is slower, not stuck"
    assert trouble.mend == f"tinyflow-nb services up rocketmq --rocketmq-port {port}"
    assert "2 more checks" in left_out.what


async def test_one_of_two_endpoints_is_dead(proxy: Any) -> None:
    port = free_port()
    trouble, _ = troubles(await look(f"{proxy(GOOD)};127.0.0.1:{port}"))
    assert f"127.0.0.1:{port}" in trouble.why


async def test_something_else_listens_there(redis_server: Any) -> None:
    trouble, _ = troubles(await look(f"rocketmq://127.0.0.1:{redis_server.port}"))
    assert trouble.level == "error"
    assert trouble.mend == "name the proxy's gRPC port, usually 8081, not the name server's"


async def test_wrong_credentials(proxy: Any) -> None:
    address = proxy({EXECUTION: (Code.UNAUTHORIZED, "")}).replace("://", "://who:secret@")
    trouble, _ = troubles(await look(address))
    assert trouble.what == "RocketMQ refuses this user"
    assert "rocketmq://KEY:SECRET@" in trouble.mend
    assert "secret" not in str(trouble)


async def test_a_missing_topic(proxy: Any) -> None:
    (trouble,) = troubles(await look(proxy({t: a for t, a in GOOD.items() if t != DELAY})))
    assert (trouble.level, trouble.what) == ("error", f"topic {DELAY} is missing")
    assert (
        f"mqadmin updateTopic -n NAMESERVER:9876 -c CLUSTER -t {DELAY} -a +message.type=DELAY" in trouble.mend
    )


async def test_a_topic_of_the_wrong_type(proxy: Any) -> None:
    (trouble,) = troubles(await look(proxy({**GOOD, DELAY: (Code.OK, "NORMAL")})))
    assert (trouble.level, trouble.what) == ("error", f"topic {DELAY} is of the wrong type")
    assert trouble.why == "it takes NORMAL messages, and refuses those that are DELAY"
    assert "deleteTopic" in trouble.mend


async def test_a_topic_that_can_not_be_looked_at(proxy: Any) -> None:
    (trouble,) = troubles(await look(proxy({**GOOD, DELAY: (Code.INTERNAL_SERVER_ERROR, "")})))
    assert (trouble.level, trouble.why) == ("warning", "INTERNAL_SERVER_ERROR: as the proxy says it")


async def test_names_have_the_settings_prefix(proxy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYFLOW_ROCKETMQ__TOPIC_PREFIX", "team-")
    assert len(troubles(await look(proxy(GOOD)))) == 3
    assert troubles(await look(proxy({f"team-{topic}": answer for topic, answer in GOOD.items()}))) == []


async def test_an_address_that_is_none() -> None:
    trouble, _ = troubles(await look("rocketmq://localhost"))
    assert trouble.mend == "--scheduler rocketmq://host:8081"


async def test_a_real_one(real_services: RealServices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYFLOW_SERVICES_FOLDER", str(real_services.folder))
    report = await examine(real_services.redis, real_services.rocketmq, only_fleet=True)
    assert [f.check for f in report.of("warning", "error")] == ["workers.alive"]
    groups = next(f for f in report.findings if f.check == "rocketmq.groups")
    assert groups.what == "the consumer groups are there: tinyflow_workers, tinyflow_timers"
    monkeypatch.setenv("TINYFLOW_ROCKETMQ__TOPIC_PREFIX", "nobodys-")
    told = [f.what for f in troubles(await examine(real_services.redis, real_services.rocketmq))]
    assert told == [
        *(f"topic nobodys-{topic} is missing" for topic in TYPES),
        "consumer groups are missing: nobodys-tinyflow_workers, nobodys-tinyflow_timers",
    ]
