"""What the fleet's store holds: what waits, what was lost, what would stay for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tinyflow_nb.clock import SystemClock
from tinyflow_nb.doctor.finding import Finding, error, ok, warning
from tinyflow_nb.doctor.patient import Patient
from tinyflow_nb.doctor.workers import start_one

if TYPE_CHECKING:
    from tinyflow_nb.model.trigger import Trigger

WAITED_SECONDS = 10.0
"""What is ready waits no longer for a worker, if all is well."""
MOVED_SECONDS = 10.0
"""How far into the future a worker that looks at the store moves what it has seen there."""
LOOKED_AT = 20
"""Runs of each part of the store that are looked at."""
BACKLOG = 1_000
SCANS = 200
"""Steps over all keys of a server, at most: a million of them."""


async def schema(patient: Patient) -> Finding:
    """Its data are of a version that can be read; opens the store for the checks behind."""
    from tinyflow_nb.stores.redis import RedisStore
    from tinyflow_nb.stores.redis.definitions import PREFIX, SCHEMA

    assert patient.servers is not None
    found = await patient.servers.call(f"{PREFIX}:schema", "GET", f"{PREFIX}:schema")
    if found is not None and int(found) > SCHEMA:
        told = f"the data are of schema {found}, this tinyflow-nb knows {SCHEMA}"
        why = "a newer version wrote them: nothing here can read them"
        return error(told, why, "pip install -U tinyflow-nb")
    if found is None:
        return ok("no chain was run here yet")
    store = RedisStore(patient.store, SystemClock(), retention=patient.settings.retention)
    await store.start(patient.stack)
    patient.runs = store
    return ok(f"its data are of schema {found}")


async def backlog(patient: Patient) -> Finding:
    """Wake-ups nobody has taken, and runs in which something is due."""
    assert patient.servers is not None
    servers, now = patient.servers, repr(_now(patient))
    lists = await _due_lists(patient)
    due = sum(await asyncio.gather(*(servers.call(key, "ZCOUNT", key, "-inf", now) for key in lists)))
    if due > BACKLOG:
        why = "more becomes ready than the workers take"
        return warning(f"{due:,} runs have something due", why, start_one(patient))
    return ok(f"{due:,} runs have something due")


async def unclaimed(patient: Patient) -> Finding:
    late = [t for t in await _overdue(patient) if t.kind != "lease"]
    if not late:
        return ok("nothing that is ready waits for a worker")
    oldest = min(late, key=lambda t: t.due)
    waiting = "1 unit waits" if len(late) == 1 else f"{len(late)} units wait"
    told = f"{waiting} for a worker, {oldest.unit} of {oldest.run} the longest"
    why = f"it is due for {_now(patient) - oldest.due:.0f} s: no worker is alive, has room, or may run it"
    start = start_one(patient) + (f" --tags {','.join(oldest.tags)}" if oldest.tags else "")
    return error(told, why, f"tinyflow-nb show {oldest.run} says why; {start}")


async def leases(patient: Patient) -> Finding:
    expired = [t for t in await _overdue(patient) if t.kind == "lease"]
    if not expired:
        return ok("no lease has expired")
    held = "1 unit is" if len(expired) == 1 else f"{len(expired)} units are"
    told = f"{held} held by workers that do not renew them"
    why = f"such as {expired[0].unit} of {expired[0].run}: its worker died, and no other takes it up"
    return error(told, why, start_one(patient))


async def _overdue(patient: Patient) -> list[Trigger]:
    """Due for longer than any worker needs to find it; the oldest of each part of the store."""
    if patient.runs is None:
        return []
    now = _now(patient)
    lists = await _due_lists(patient)
    named = await asyncio.gather(*(_late_runs(patient, key, now) for key in lists))
    runs = dict.fromkeys(run for runs in named for run in runs)
    pending = await asyncio.gather(*map(patient.runs.pending, runs))
    return [t for triggers in pending for t in triggers if t.due < now - WAITED_SECONDS]


async def _late_runs(patient: Patient, key: str, now: float) -> list[str]:
    assert patient.servers is not None
    until = repr(now + MOVED_SECONDS)
    found = await patient.servers.call(
        key, "ZRANGE", key, "-inf", until, "BYSCORE", "LIMIT", "0", str(LOOKED_AT)
    )
    return [str(run) for run in found]


async def _due_lists(patient: Patient) -> list[str]:
    """Of every shard; those of lanes that need tags have names of their own."""
    found = await asyncio.gather(*(_of_lanes(patient, key) for key in patient.keys))
    return [f"tf:{{s{shard:02}}}:due" for shard in range(_shards())] + [key for keys in found for key in keys]


async def _of_lanes(patient: Patient, server: str) -> list[str]:
    assert patient.servers is not None
    found: list[str] = []
    cursor = "0"
    for _ in range(SCANS):
        cursor, keys = await patient.servers.call(
            server, "SCAN", cursor, "MATCH", "tf:{s*}:due:*", "COUNT", "5000", "TYPE", "zset"
        )
        found += keys
        if int(cursor) == 0:
            break
    return found


def _now(patient: Patient) -> float:
    return patient.runs.now() if patient.runs is not None else patient.clock.now()


async def dead_letters(patient: Patient) -> Finding:
    letters = await patient.runs.dead_letters() if patient.runs is not None else []
    if not letters:
        return ok("no dead letters")
    run = letters[0].trigger.run
    told = f"{len(letters)} triggers could not be accepted by any worker"
    why = f"such as one of {run}: {letters[0].why}"
    return warning(told, why, f"tinyflow-nb dead lists them; tinyflow-nb dead --requeue {run} tries again")


async def times_to_live(patient: Patient) -> Finding:
    """Every key of a finished run must vanish by itself; the newest of each part are looked at."""
    from tinyflow_nb.stores.redis.store import BESIDE, key_of

    assert patient.servers is not None
    servers = patient.servers
    ended = await asyncio.gather(
        *(
            servers.call(key, "ZRANGE", key, "0", str(LOOKED_AT - 1), "REV")
            for key in (f"tf:{{s{shard:02}}}:done" for shard in range(_shards()))
        )
    )
    keys = [(run, key_of(run) + part) for runs in ended for run in runs for part in ("", *BESIDE)]
    left = await asyncio.gather(*(servers.call(key, "PTTL", key) for _, key in keys))
    kept = [named for named, milliseconds in zip(keys, left, strict=True) if int(milliseconds) == -1]
    if kept:
        run, key = kept[0]
        told = f"{len(kept)} keys of finished runs have no time to live"
        why = f"such as {key}: they would stay for ever"
        return warning(told, why, f"tinyflow-nb delete {run}, or redis-cli EXPIRE KEY 604800 for each")
    return ok(f"the keys of finished runs vanish by themselves ({sum(map(len, ended))} runs looked at)")


def _shards() -> int:
    from tinyflow_nb.stores.redis.store import SHARDS

    return SHARDS
