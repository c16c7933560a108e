"""Names of RocketMQ's topics and groups: a group for each lane, because what a group is brought must be
the same for all its members."""

from __future__ import annotations

import re
import zlib

EXECUTION = "workflow_node_execution"
DELAY = "workflow_node_delay"
MONITOR = "workflow_task_monitor"
TYPES = {EXECUTION: "NORMAL", DELAY: "DELAY", MONITOR: "NORMAL"}
"""Each topic takes messages of its own type only."""
WORKERS = "tinyflow_workers"
TIMERS = "tinyflow_timers"
"""Of every worker, whatever its tags: what is due and not for it, it sends on."""
PROBE = "tinyflow_probe"
"""Group and tag of the messages that show whether messages get through."""
NO_LANE = "-"
_LONGEST = 80


def tag_of(lane: str) -> str:
    """The message tag of a lane; a tag of RocketMQ can't be empty."""
    return lane or NO_LANE


def group_of(lane: str) -> str:
    """`tinyflow_workers`, `tinyflow_workers_gpu`, `tinyflow_workers_eu_gpu_ed32592a`: a group's name
    takes neither dots nor plus signs, so those of such lanes end with a checksum."""
    if not lane:
        return WORKERS
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", lane)[:_LONGEST]
    return f"{WORKERS}_{plain}" if plain == lane else f"{WORKERS}_{plain}_{zlib.crc32(lane.encode()):08x}"
