"""What this notebook is connected to, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinyflow_nb.doctor import Report
    from tinyflow_nb_magics.session import Session

WORKERS = "workers.alive"


def connection(session: Session) -> list[str]:
    """One line; of a fleet also what would keep its runs from being executed."""
    from tinyflow_nb.addresses import without_password
    from tinyflow_nb.settings import get_settings

    address = session.address or get_settings().store
    line = f"Connected to {without_password(address)}"
    if not address.startswith("redis"):
        return [line]
    if session.scheduler:
        line += f" and {without_password(session.scheduler)}"
    report = examined(session, only_fleet=True)
    workers = [f.what for f in report.findings if f.check == WORKERS and f.level == "ok"]
    here = "this notebook executes too" if session.executes else "this notebook executes nothing (--execute)"
    wrong = [f for f in report.findings if f.level == "error" or (f.level, f.check) == ("warning", WORKERS)]
    told = [f"Warning: {f.what}: {f.why}\n    → {f.mend}" for f in wrong]
    return ["; ".join([line, *workers, here]), *told]


def examined(session: Session, *, only_fleet: bool = False) -> Report:
    """What the doctor finds of the session's store and scheduler."""
    from tinyflow_nb.doctor import examine

    return session.call(examine(session.address, session.scheduler, only_fleet=only_fleet))
