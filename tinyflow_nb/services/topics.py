"""RocketMQ's topics and groups: they must be there before the first message."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tinyflow_nb.errors import ServiceError
from tinyflow_nb.schedulers.rocketmq_names import TIMERS, TYPES, WORKERS
from tinyflow_nb.services.processes import within
from tinyflow_nb.services.remoting import (
    CREATE_GROUP,
    CREATE_TOPIC,
    LIST_GROUPS,
    LIST_TOPICS,
    ROUTE_OF_TOPIC,
    SUCCESS,
    Reply,
    ask,
)

TOPICS: Mapping[str, str] = TYPES
"""Each topic takes messages of its own type only."""
GROUPS = (WORKERS, TIMERS)
KNOWN_WITHIN = 30.0
_QUEUES = "4"
_READ_AND_WRITE = "6"


def create(broker: int, nameserver: int, topics: Mapping[str, str], groups: Iterable[str]) -> None:
    """Create what is missing, and wait until clients can find every topic; what is there stays as it is.

    Raises:
        ServiceError: the broker refuses one, or the name server does not get to know it.
    """
    try:
        there = json.loads(ask(broker, LIST_TOPICS).body)["topicConfigTable"]
        for topic, type in topics.items():
            if topic not in there:
                _announce(broker, topic, attributes=f"+message.type={type}")
        there = json.loads(ask(broker, LIST_GROUPS).body)["subscriptionGroupTable"]
        for group in groups:
            if group not in there:
                _done(group, ask(broker, CREATE_GROUP, json.dumps(_group(group)).encode()))
        if within(KNOWN_WITHIN, lambda: not _unknown(broker, nameserver, topics)):
            return
    except OSError as e:
        raise ServiceError(f"RocketMQ stopped answering: {e}") from None
    raise ServiceError(f"RocketMQ's name server does not know all of {', '.join(topics)}; try again")


def _unknown(broker: int, nameserver: int, topics: Iterable[str]) -> list[str]:
    """The broker misses its first chance to announce itself if it connects a little late, and waits 10 s
    for the next; a change of a topic makes it announce that at once."""
    unknown = [t for t in topics if ask(nameserver, ROUTE_OF_TOPIC, topic=t).code != SUCCESS]
    for topic in unknown:
        _announce(broker, topic)
    return unknown


def _announce(broker: int, topic: str, attributes: str = "") -> None:
    reply = ask(
        broker, CREATE_TOPIC, topic=topic, defaultTopic="TBW102", readQueueNums=_QUEUES,
        writeQueueNums=_QUEUES, perm=_READ_AND_WRITE, topicFilterType="SINGLE_TAG", topicSysFlag="0",
        order="false", attributes=attributes,
    )  # fmt: skip
    _done(topic, reply)


def _done(name: str, reply: Reply) -> None:
    if reply.code != SUCCESS:
        raise ServiceError(f"RocketMQ refused to create {name}: {reply.remark}")


def _group(name: str) -> dict[str, Any]:
    return {
        "brokerId": 0,
        "consumeBroadcastEnable": True,
        "consumeEnable": True,
        "consumeFromMinEnable": True,
        "consumeMessageOrderly": False,
        "consumeTimeoutMinute": 15,
        "groupName": name,
        "groupRetryPolicy": {"type": "CUSTOMIZED"},
        "groupSysFlag": 0,
        "notifyConsumerIdsChangedEnable": True,
        "retryMaxTimes": 16,
        "retryQueueNums": 1,
        "whichBrokerWhenConsumeSlowly": 1,
    }
