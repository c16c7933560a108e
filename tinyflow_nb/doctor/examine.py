"""Examine: every check that applies, in the order of its table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tinyflow_nb.doctor import file, machine, models, redis, rocketmq, runs, workers
from tinyflow_nb.doctor.finding import Finding, Report, error, warning
from tinyflow_nb.doctor.patient import Patient
from tinyflow_nb.errors import SettingsError, TinyflowError
from tinyflow_nb.settings import get_settings

if TYPE_CHECKING:
    from tinyflow_nb.ports import Clock

Check = Callable[[Patient], Awaitable[Finding | list[Finding]]]
CHECK_SECONDS = 15.0


class Part(NamedTuple):
    name: str
    applies: Callable[[Patient], bool]
    first: Check
    """If it finds an error, the others can't be made."""
    checks: tuple[Check, ...] = ()
    is_of_fleet: bool = True


PARTS = (
    Part(
        "this machine", lambda _: True, machine.python,
        (machine.extras, machine.trust), is_of_fleet=False,
    ),
    Part(
        "the store's file", lambda p: p.is_file, file.usable,
        (file.whole, file.journal, file.room), is_of_fleet=False,
    ),
    Part(
        "Redis", lambda p: p.is_shared, redis.answers,
        (
            redis.version, redis.writable, redis.persistence, redis.eviction,
            redis.memory, redis.clock, redis.scripts,
        ),
    ),
    Part(
        "runs", lambda p: p.servers is not None, runs.schema,
        (
            runs.backlog, runs.unclaimed, runs.leases, runs.dead_letters,
            runs.times_to_live,
            workers.alive,
        ),
    ),
    Part(
        "RocketMQ", lambda p: p.uses_rocketmq, rocketmq.answers,
        (rocketmq.topics, rocketmq.groups),
    ),
    Part("models", lambda _: True, models.all_of_them, is_of_fleet=False),
)  # fmt: skip
"""What is looked at; a part needs those before it."""


async def examine(
    store: str = "", scheduler: str = "", *, clock: Clock | None = None, only_fleet: bool = False
) -> Report:
    """Look at everything a connection depends on. It changes no run, and raises nothing of what it finds.

    Args:
        store: as `connect` takes it; "" is the settings' own.
        scheduler: likewise.
        clock: of this machine.
        only_fleet: leave out what concerns this machine alone.
    """
    try:
        settings = get_settings()
    except SettingsError as e:
        return Report((error("the settings can't be read", str(e), "mend what it names"),))
    found: list[Finding] = []
    patient = Patient(store or settings.store, scheduler, settings, clock)
    async with patient.stack:
        for part in PARTS:
            if part.applies(patient) and (part.is_of_fleet or not only_fleet):
                found += await _examine_part(part, patient)
    return Report(tuple(found))


async def _examine_part(part: Part, patient: Patient) -> Sequence[Finding]:
    found = await _made(part.first, patient)
    if any(f.level == "error" for f in found):
        if part.checks:
            left_out = f"{len(part.checks)} more checks of {part.name} were not made"
            because = warning(left_out, "they need the one before", "mend that first")
            found.append(because._replace(check=found[0].check))
        return found
    for check in part.checks:
        found += await _made(check, patient)
    return found


async def _made(check: Check, patient: Patient) -> list[Finding]:
    """A check that can't be made says so."""
    name = f"{check.__module__.rpartition('.')[2]}.{check.__name__}"
    try:
        found = await asyncio.wait_for(check(patient), CHECK_SECONDS)
    except TimeoutError:
        found = _not_made(name, f"no answer within {CHECK_SECONDS:g} s")
    except TinyflowError as e:
        found = _not_made(name, str(e))
    except Exception as e:  # noqa: BLE001  what a service answers may be anything
        found = _not_made(name, f"{type(e).__name__}: {e}")
    return [f._replace(check=name) for f in (found if isinstance(found, list) else [found])]


def _not_made(name: str, why: str) -> Finding:
    return warning(f"{name} could not be looked at", why, "see that this user may ask for it")
