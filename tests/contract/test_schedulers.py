"""The contract of a scheduler, over every scheduler of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tinyflow_nb.ports import Clock, DueIndex
from tinyflow_nb.schedulers.local import LocalScheduler
from tinyflow_nb.settings import get_settings
from tinyflow_nb.testing.contract.schedulers import *  # noqa: F403


@pytest.fixture(params=["local", "redis", "rocketmq"])
def scheduler_factory(request: pytest.FixtureRequest) -> Callable[[DueIndex, Clock], Any]:
    if request.param == "local":
        return lambda index, clock: LocalScheduler(clock)
    if request.param == "redis":
        from tinyflow_nb.schedulers.redis import RedisScheduler

        address = request.getfixturevalue("redis_server").address
        return lambda index, clock: RedisScheduler(address, index, clock)
    from tinyflow_nb.schedulers.rocketmq import RocketMQScheduler

    address = request.getfixturevalue("real_services").rocketmq
    return lambda index, clock: RocketMQScheduler(address, index, clock, get_settings().rocketmq)
