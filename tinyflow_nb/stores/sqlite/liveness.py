"""Whether a worker of this machine still lives: a killed kernel's work need not wait for its lease."""

from __future__ import annotations

import os


def is_dead(worker: str) -> bool:
    """A worker is named `host:pid:random`; True only if it is certain that its process is gone."""
    host, _, rest = worker.partition(":")
    pid = rest.partition(":")[0]
    if host != os.uname().nodename or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
