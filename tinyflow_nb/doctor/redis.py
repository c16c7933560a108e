"""Redis itself: does it answer, is it new enough, will it keep what it is given (SEMANTICS 28)?"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Mapping
from typing import Any

from tinyflow_nb.addresses import without_password
from tinyflow_nb.doctor.finding import Finding, error, ok, warning
from tinyflow_nb.doctor.patient import Patient
from tinyflow_nb.errors import MissingExtra, SettingsError, StoreError

OLDEST = (6, 2)
FULL = 0.9
"""Part of the memory it may use, from which on it is nearly full."""
SKEW_SECONDS = 1.0


async def answers(patient: Patient) -> Finding:
    """Reachable, with these credentials; and what each server says of itself."""
    shown = without_password(patient.store)
    try:
        from tinyflow_nb.stores.redis.address import parse
        from tinyflow_nb.stores.redis.servers import Servers
        from tinyflow_nb.stores.redis.store import key_of

        address = parse(patient.store)
        servers = Servers(address)
        await servers.open(patient.stack)
        keys = [key_of(str(n)) for n in range(200)] if servers.is_cluster else [""]
        told = map(parsed, await asyncio.gather(*(servers.call(key, "INFO") for key in keys)))
        found = {info["run_id"]: (key, info) for key, info in zip(keys, told, strict=True)}
    except MissingExtra as e:
        return error("Redis can't be used", str(e), "pip install 'tinyflow-nb[fleet]'")
    except SettingsError as e:
        return error(f"{shown} is no address of Redis", str(e), "--store redis://[user:password@]host:6379/0")
    except StoreError as e:
        return error(f"Redis can't be used at {shown}", str(e), _mend_of(str(e), address.hosts[0]))
    patient.servers = servers
    patient.keys, patient.info = [key for key, _ in found.values()], [info for _, info in found.values()]
    versions = ", ".join(sorted({i["redis_version"] for i in patient.info}))
    return ok(f"Redis {versions} answers at {shown}", f"{len(found)} servers" if len(found) > 1 else "")


def parsed(info: Any) -> Mapping[str, str]:
    """INFO's answer by name, as texts."""
    lines = (line.partition(":") for line in str(info).splitlines())
    return {name: value for name, separator, value in lines if separator}


def _mend_of(told: str, place: tuple[str, int]) -> str:
    host, port = place
    if "password" in told:
        return "name user and password in the address: redis://user:password@host:6379/0"
    if "does not allow" in told or "NOPERM" in told:
        return "as the server's administrator: ACL SETUSER name ~tf:* &tf:* +@all"
    if "nothing answers" in told:
        here = f"tinyflow-nb services up redis --redis-port {port}"
        return here if _is_loopback(host) else f"start Redis on {host}, or mend --store"
    if "loading" in told:
        return "wait until it has read its file, then look again"
    if "does not answer" in told or "imed out" in told:
        return f"see that {host} is up and its firewall lets port {port} through"
    if "closed the connection" in told or "rotocol" in told:
        return f"see what listens on port {port}: plain Redis takes redis://, one with TLS rediss://"
    return f"see the log of the Redis on {host}, or mend --store"


def _cli(patient: Patient) -> str:
    assert patient.servers is not None
    host, port = patient.servers.address.hosts[0]
    return f"redis-cli -h {host} -p {port}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def version(patient: Patient) -> Finding:
    found = {i["redis_version"] for i in patient.info}
    old = [v for v in found if tuple(map(int, v.split(".")[:2])) < OLDEST]
    if old:
        why = "streams and commands that the store needs came with 6.2"
        return error(f"Redis {old[0]} is too old", why, "upgrade Redis to 6.2 or later; 7 is faster")
    if any(v.startswith("6.") for v in found):
        return ok("Redis 6.2 will do", "7 keeps the scripts as functions, and is faster")
    return ok("its version will do")


async def writable(patient: Patient) -> Finding:
    """A master that can save what it is given."""
    if any(i["role"] != "master" for i in patient.info):
        why = "every change would be refused"
        mend = "name the master in --store, or redis+sentinel://host:26379/NAME"
        return error("this Redis is a read-only replica", why, mend)
    failed = [
        what
        for i in patient.info
        for what in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
        if i.get(what, "ok") != "ok"
    ]
    if failed:
        why = f"{failed[0]} is not ok: it may refuse changes until that is mended"
        return error("Redis could not write to its disk", why, "make room on its disk; its log says more")
    return ok("it is a master, and its disk takes what it writes")


async def persistence(patient: Patient) -> Finding:
    off = [i for i in patient.info if i.get("aof_enabled") != "1"]
    if off:
        why = "if its process dies, runs and definitions since the last snapshot are gone"
        mend = f"{_cli(patient)} CONFIG SET appendonly yes && {_cli(patient)} CONFIG REWRITE"
        return error("Redis keeps no append-only file", why, mend)
    assert patient.servers is not None
    try:
        answer = await patient.servers.call("", "CONFIG", "GET", "appendfsync")
    except StoreError:  # managed servers do not tell; that the file is on is known all the same
        return ok("append-only file on", "how often it is synced is not told to this user")
    if "no" in answer:
        why = "the system decides when it is written: a crash of the machine may lose half a minute"
        return warning("appendfsync is `no`", why, f"{_cli(patient)} CONFIG SET appendfsync everysec")
    return ok("append-only file on", "what is committed survives the death of its process")


async def eviction(patient: Patient) -> Finding:
    for i in patient.info:
        policy = i.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            why = "a Redis that is full would throw away parts of runs"
            mend = f"{_cli(patient)} CONFIG SET maxmemory-policy noeviction && {_cli(patient)} CONFIG REWRITE"
            limited = i.get("maxmemory", "0") != "0"
            told = f"maxmemory-policy is {policy}"
            return error(told, why, mend) if limited else warning(told, f"{why}; it has no limit yet", mend)
    return ok("nothing is evicted: maxmemory-policy is noeviction")


async def memory(patient: Patient) -> Finding:
    used = sum(int(i["used_memory"]) for i in patient.info)
    for i in patient.info:
        limit = int(i.get("maxmemory", 0))
        if limit and int(i["used_memory"]) > FULL * limit:
            told = f"Redis is nearly full: {_mb(int(i['used_memory']))} of {_mb(limit)}"
            why = "full, it refuses every change; what runs stands still"
            mend = f"{_cli(patient)} CONFIG SET maxmemory ..., or tinyflow-nb cleanup --older 1d"
            return warning(told, why, mend)
    return ok(f"it uses {_mb(used)} of memory")


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


async def clock(patient: Patient) -> Finding:
    """Of each server against this machine's; a store reads time from its server."""
    assert patient.servers is not None
    began, before = time.monotonic(), patient.clock.now()
    seconds, micros = await patient.servers.call("", "TIME")
    took = time.monotonic() - began
    ahead = int(seconds) + int(micros) / 1e6 - (before + took / 2)
    if abs(ahead) - took > SKEW_SECONDS:
        why = "leases and timers go by Redis, but delayed messages and logs by each machine's own clock"
        told = f"Redis is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine"
        return warning(told, why, "keep both in time: timedatectl set-ntp true (chrony or systemd-timesyncd)")
    return ok("its clock and this machine's agree", f"within {max(abs(ahead), took) * 1e3:.0f} ms")


async def scripts(patient: Patient) -> Finding:
    """This user may run the store's scripts on its keys."""
    from tinyflow_nb.stores.redis.store import key_of

    assert patient.servers is not None
    try:
        await patient.servers.script("read", (key_of("doctor"),), "header")
    except StoreError as e:
        mend = "as the server's administrator: ACL SETUSER name ~tf:* &tf:* +@all"
        return error("the store's scripts can't be run", str(e), mend)
    return ok("the store's scripts run")
