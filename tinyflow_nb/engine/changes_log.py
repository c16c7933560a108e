"""A log line for every change this process makes: what it did, of which run and node."""

from __future__ import annotations

import logging
from typing import Any

from tinyflow_nb.model.commit import Outcome

log = logging.getLogger("tinyflow_nb.changes")


def log_changes(run: str, outcome: Outcome) -> None:
    """With the facts as attributes of the record (`run`, `node`, `action`, ...), for who formats it."""
    if not log.isEnabledFor(logging.INFO):
        return
    for _, type, unit, _, data in outcome.events:
        facts: dict[str, Any] = {"action": str(type), "run": run}
        if unit:
            facts["node"] = unit
        for name in ("status", "attempt", "reason"):
            if data.get(name):
                facts[name] = data[name]
        if data.get("error"):
            facts["error"] = data["error"].get("message", "")
        log.info("%s %s %s", type, run, unit, extra={"facts": facts})
