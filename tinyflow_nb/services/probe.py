"""`python -m tinyflow_nb.services.probe ADDRESS TOPIC=TYPE...`: ends once a message got through each topic.

A process of its own: the client's threads live on in the one that loads it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping

from tinyflow_nb.schedulers.rocketmq_boxes import Inbox, Outbox
from tinyflow_nb.schedulers.rocketmq_client import Client, told
from tinyflow_nb.schedulers.rocketmq_names import PROBE
from tinyflow_nb.settings import RocketMQSettings

NOTHING = b"[]"
"""No triggers: harmless to whoever else takes it."""
PAUSE_SECONDS = 0.2


async def probe(address: str, topics: Mapping[str, str]) -> None:
    """Tries until a message was sent, taken and acknowledged on each; says on stderr what fails."""
    client = Client(address, RocketMQSettings())
    outbox = Outbox(client, tuple(topics))
    await asyncio.gather(*(_through(client, outbox, topic, type) for topic, type in topics.items()))
    await outbox.close()


async def _through(client: Client, outbox: Outbox, topic: str, type: str) -> None:
    inbox = Inbox(client, topic, PROBE, PROBE)
    while True:
        try:
            await outbox.send(topic, NOTHING, PROBE, at=int(time.time()) if type == "DELAY" else None)
            if messages := await inbox.receive(32):
                await inbox.ack(messages)
                break
        except Exception as e:  # noqa: BLE001  its client raises what it likes
            print(f"{topic}: {told(e)}", file=sys.stderr, flush=True)
            await asyncio.sleep(PAUSE_SECONDS)
    await inbox.close()


if __name__ == "__main__":
    asyncio.run(probe(sys.argv[1], dict(given.split("=") for given in sys.argv[2:])))
