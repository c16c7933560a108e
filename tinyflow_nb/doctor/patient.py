"""Patient: what is examined, and the connections that the checks share."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from tinyflow_nb.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinyflow_nb.ports import Clock
    from tinyflow_nb.settings import Settings
    from tinyflow_nb.stores.redis import RedisStore
    from tinyflow_nb.stores.redis.servers import Servers


class Patient:
    """One store and one scheduler, by their addresses."""

    def __init__(self, store: str, scheduler: str, settings: Settings, clock: Clock | None = None) -> None:
        """
        Args:
            store: as `connect` takes it.
            scheduler: as `connect` takes it; "" is the store's own.
            clock: of this machine.
        """
        self.store = store
        own = settings.scheduler or "redis" if self.is_shared else "local"
        self.scheduler = scheduler or own
        self.settings = settings
        self.clock = clock or SystemClock()
        self.stack = AsyncExitStack()
        """What checks open is closed at the end."""
        self.servers: Servers | None = None
        """Set once Redis answers."""
        self.info: list[Mapping[str, str]] = []
        """What each Redis server says of itself."""
        self.keys: list[str] = []
        """A key on each of those servers."""
        self.runs: RedisStore | None = None
        """Set once its data can be read."""

    @property
    def is_shared(self) -> bool:
        return self.store.startswith("redis")

    @property
    def is_file(self) -> bool:
        return self.store.startswith("sqlite://")

    @property
    def uses_rocketmq(self) -> bool:
        return self.scheduler.startswith("rocketmq")
