"""connect: from addresses to an executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from tinyflow_nb.clock import SystemClock
from tinyflow_nb.engine.executor import ChainExecutor
from tinyflow_nb.engine.node_types import installed
from tinyflow_nb.errors import SettingsError
from tinyflow_nb.model.lanes import checked_tags
from tinyflow_nb.schedulers.local import LocalScheduler
from tinyflow_nb.settings import Settings, get_settings
from tinyflow_nb.telemetry.tracing_setup import configured
from tinyflow_nb.trust import UserTrust

if TYPE_CHECKING:
    from tinyflow_nb.isolation.isolation import Isolation
    from tinyflow_nb.ports import (
        Clock,
        DefinitionStore,
        NodeExecutor,
        SharedScheduler,
        StateStore,
        TriggerScheduler,
        Trust,
    )

    class Store(StateStore, DefinitionStore, Protocol):
        """Every store of ours is both."""


def connect(
    address: str = "", *, scheduler: str = "", execute: bool = True, clock: Clock | None = None,
    nodes: Mapping[str, NodeExecutor] | None = None, settings: Settings | None = None,
    tags: Sequence[str] = (), overrides: Mapping[str, Callable[..., Any]] | None = None,
    trust: Trust | None = None,
) -> ChainExecutor:  # fmt: skip
    """An executor on a store; open it with `async with`.

    Args:
        address: `sqlite:///relative.db`, `sqlite:////absolute.db` (`?synchronous=FULL`), `memory://`,
            `redis://[user:password@]host:6379/0`, `rediss://` (TLS), `redis+cluster://host,host`,
            `redis+sentinel://host,host/master`; empty: the one of the settings, a file in the
            user's data folder.
        scheduler: `local`, the embedded stores' default: this process executes what it starts;
            `redis`, the default with Redis unless the settings name another: any process that executes
            takes up any run;
            `rocketmq://[key:secret@]host:port[;host:port]`: the same, through RocketMQ; `rocketmq`: at
            the endpoints of the settings.
        execute: False submits and watches only.
        tags: those a worker of a fleet carries: nodes with `tags=` run on workers that carry all of
            them; by default the settings'. A process that executes alone runs everything.
        overrides: functions that replace nodes' bodies, by node id; for tests.
        trust: who signs here, and whose definitions are executed; by default the user's keys and list.

    Raises:
        SettingsError: an address is not understood.
        MissingExtra: it needs an optional part.
        StoreError: (when opened) the store can't be used.
    """
    settings = settings or get_settings()
    clock = clock or SystemClock()
    address = address or settings.store
    if is_shared(address):
        scheduler = scheduler or settings.scheduler
    store = open_store(address, clock, settings.retention)
    return ChainExecutor(
        store, store, open_scheduler(scheduler, address, store, clock, settings),
        nodes=installed() if nodes is None else nodes, clock=clock, execute=execute,
        lease=settings.lease, capacity=settings.max_concurrent_nodes, threads=settings.max_threads,
        retention=settings.retention, suspended_ttl=settings.suspended_ttl, depth=settings.max_depth,
        overrides=overrides, tags=_checked(tags or settings.tags),
        isolation=_isolation(settings) if execute else None,
        monitor=settings.monitor, trust=trust or UserTrust(settings.trust), tracing=configured(),
    )  # fmt: skip


def _isolation(settings: Settings) -> Isolation | None:
    if not settings.isolate.on:
        return None
    from tinyflow_nb.isolation.isolation import Isolation

    most = min(settings.max_concurrent_nodes, settings.isolate.processes)
    return Isolation(most, settings.isolate.memory)


def _checked(tags: Sequence[str]) -> tuple[str, ...]:
    try:
        return checked_tags(tags)
    except ValueError as e:
        raise SettingsError(str(e)) from None


def is_shared(address: str) -> bool:
    """Whether its runs belong to a fleet (SEMANTICS 21); "" is the settings' store."""
    return (address or get_settings().store).startswith("redis")


def open_store(address: str, clock: Clock, retention: float) -> Store:
    """
    Args:
        retention: seconds a finished run is kept; Redis drops it then by itself.

    Raises:
        SettingsError: the address is not understood.
        MissingExtra: it needs an optional part.
    """
    kind, separator, rest = address.partition("://")
    if kind == "memory" and separator:
        from tinyflow_nb.stores.memory import MemoryStore

        return MemoryStore(clock)
    if kind == "sqlite" and separator:
        from tinyflow_nb.stores.sqlite import SqliteStore

        return SqliteStore.at(rest, clock)
    if kind.startswith(("redis", "rediss")) and separator:
        from tinyflow_nb.stores.redis import RedisStore

        return RedisStore(address, clock, retention=retention)
    raise SettingsError(
        f"{address!r} is no store's address; try sqlite:///runs.db, memory:// or redis://HOST:6379/0"
    )


def open_scheduler(
    scheduler: str, address: str, store: Store, clock: Clock, settings: Settings
) -> TriggerScheduler | SharedScheduler:
    """
    Args:
        address: the store's.

    Raises:
        SettingsError: the scheduler is not known, or does not go with the store.
        MissingExtra: it needs an optional part.
    """
    shared = is_shared(address)
    kind = (scheduler or ("redis" if shared else "local")).partition("://")[0]
    if kind == "local":
        return LocalScheduler(clock)
    if kind not in ("redis", "rocketmq"):
        raise SettingsError(f"scheduler {scheduler!r}: known are local, redis and rocketmq://host:port")
    if not shared:
        raise SettingsError(f"scheduler {scheduler!r} needs runs that are shared: a store in Redis")
    from tinyflow_nb.stores.redis import RedisStore

    assert isinstance(store, RedisStore)
    if kind == "rocketmq":
        from tinyflow_nb.schedulers.rocketmq import RocketMQScheduler

        return RocketMQScheduler(scheduler, store, clock, settings.rocketmq)
    from tinyflow_nb.schedulers.redis import RedisScheduler

    return RedisScheduler(address, store, clock)
