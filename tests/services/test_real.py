"""Both services, for real. RocketMQ takes a while to start: once for all, and once more after a kill."""

from __future__ import annotations

import json
import os
import signal

import psutil
import pytest

from tests.conftest import RealServices
from tests.services.talk import redis_says
from tinyflow_nb import services
from tinyflow_nb.errors import ServiceError
from tinyflow_nb.services.processes import within
from tinyflow_nb.services.remoting import LIST_GROUPS, LIST_TOPICS, ROUTE_OF_TOPIC, SUCCESS, ask

LONG = 60.0
"""Seconds that a busy machine may take."""


def by_name(real: RealServices) -> dict[str, services.Service]:
    return {service.name: service for service in services.status(real.folder)}


def becomes(real: RealServices, name: str, state: str) -> bool:
    """Whether it is so in the end: a look has little patience."""
    return within(LONG, lambda: by_name(real)[name].state == state)


def type_of(real: RealServices, topic: str) -> str:
    """As the broker says."""
    broker = by_name(real)["rocketmq"].ports["broker"]
    attributes = json.loads(ask(broker, LIST_TOPICS).body)["topicConfigTable"][topic]["attributes"]
    return str(attributes["message.type"])


def test_both_run_and_answer(real_services: RealServices) -> None:
    assert all(becomes(real_services, name, "running") for name in ("redis", "rocketmq"))
    found = by_name(real_services)
    assert found["redis"].address == real_services.redis
    assert found["rocketmq"].address == real_services.rocketmq
    assert set(found["rocketmq"].pids) == {"nameserver", "rocketmq"}
    assert found["rocketmq"].version.startswith("5.3.3 (Java ")
    assert 0 < found["rocketmq"].memory < 1_000_000_000


def test_up_again_changes_nothing(real_services: RealServices) -> None:
    before = by_name(real_services)
    again = services.up(folder=real_services.folder)
    assert again == (real_services.redis, real_services.rocketmq)
    assert {n: s.pids for n, s in by_name(real_services).items()} == {n: s.pids for n, s in before.items()}


def test_nothing_listens_to_the_network(real_services: RealServices) -> None:
    """Of itself the server binds three listeners to every address."""
    for service in by_name(real_services).values():
        for pid in service.pids.values():
            listening = [
                c for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN
            ]
            assert listening
            assert {c.laddr.ip for c in listening} <= {"127.0.0.1", "::ffff:127.0.0.1"}


def test_topics_have_their_types_and_the_group_is_there(real_services: RealServices) -> None:
    assert type_of(real_services, "workflow_node_execution") == "NORMAL"
    assert type_of(real_services, "workflow_node_delay") == "DELAY"
    assert type_of(real_services, "workflow_task_monitor") == "NORMAL"
    broker = by_name(real_services)["rocketmq"].ports["broker"]
    assert "tinyflow_workers" in json.loads(ask(broker, LIST_GROUPS).body)["subscriptionGroupTable"]


def test_clients_can_use_every_topic_at_once(real_services: RealServices) -> None:
    """The server answers well before it can say where a topic is."""
    proxy = by_name(real_services)["rocketmq"].ports["remoting"]
    for topic in ("workflow_node_execution", "workflow_node_delay", "workflow_task_monitor"):
        assert ask(proxy, ROUTE_OF_TOPIC, topic=topic).code == SUCCESS


def test_topics_are_added_while_it_runs_and_those_there_stay(real_services: RealServices) -> None:
    more = {"workflow_node_delay": "FIFO", "one_more": "FIFO"}
    services.up(["rocketmq"], folder=real_services.folder, topics=more, groups=["more_workers"])
    assert type_of(real_services, "workflow_node_delay") == "DELAY"
    assert type_of(real_services, "one_more") == "FIFO"


def test_a_topic_that_the_broker_refuses_is_named(real_services: RealServices) -> None:
    with pytest.raises(ServiceError, match=r"RocketMQ refused to create no\.dots: "):
        services.up(["rocketmq"], folder=real_services.folder, topics={"no.dots": "NORMAL"})


def test_a_part_that_died_is_started_again_alone(real_services: RealServices) -> None:
    before = by_name(real_services)["rocketmq"]
    os.kill(before.pids["nameserver"], signal.SIGKILL)
    assert becomes(real_services, "rocketmq", "not answering")
    services.up(folder=real_services.folder)
    assert becomes(real_services, "rocketmq", "running")
    after = by_name(real_services)["rocketmq"]
    assert after.pids["rocketmq"] == before.pids["rocketmq"]
    assert after.ports == before.ports


def test_what_was_killed_starts_again_at_its_address_with_its_data(real_services: RealServices) -> None:
    """RocketMQ's own is in tests/fleet: it starts slowly."""
    redis_says(real_services.redis, "SET kept yes")
    services.crash(["redis"], folder=real_services.folder)
    assert by_name(real_services)["redis"].state == "stopped"
    assert services.up(["redis"], folder=real_services.folder).redis == real_services.redis
    assert becomes(real_services, "redis", "running")
    assert "yes" in redis_says(real_services.redis, "GET kept")
