"""Monitor messages through RocketMQ: a topic that anything may consume, keyed by run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

from tinyflow_nb.schedulers.rocketmq_boxes import Inbox, Outbox
from tinyflow_nb.schedulers.rocketmq_client import Client, told
from tinyflow_nb.schedulers.rocketmq_names import MONITOR, PROBE

log = logging.getLogger(__name__)

GROUP = "tinyflow_monitor"
"""Of `tinyflow-nb monitor`; consumers of your own belong to a group of your own."""
BATCH = 32
PAUSE_SECONDS = 1.0


class RocketMQMonitor:
    """The MonitorOutlet's part of the RocketMQ scheduler."""

    def __init__(self, client: Client, outbox: Outbox) -> None:
        self._client = client
        self._outbox = outbox

    async def tell(self, messages: Sequence[tuple[str, str]]) -> None:
        sends = (self._outbox.send(MONITOR, body.encode(), key=run) for run, body in messages)
        await asyncio.gather(*sends)

    async def told(self, *, from_start: bool) -> AsyncIterator[str]:
        inbox = Inbox(self._client, MONITOR, GROUP, "*")
        try:
            while True:
                try:
                    messages = await inbox.receive(BATCH)
                except Exception as e:  # its client raises what it likes
                    log.debug("a receive failed", exc_info=True)
                    place = self._client.endpoints
                    log.warning("RocketMQ at %s gives no monitor messages: %s", place, told(e))
                    await asyncio.sleep(PAUSE_SECONDS)
                    continue
                for message in messages:
                    if message.tag != PROBE:
                        yield message.body.decode()
                if messages:
                    await inbox.ack(messages)
        finally:
            await inbox.close()
