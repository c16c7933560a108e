"""A real Redis and a real RocketMQ on this machine, for development and tests. Loopback only."""

from __future__ import annotations

from tinyflow_nb.errors import MissingExtra

try:
    import psutil  # noqa: F401
except ModuleNotFoundError:
    raise MissingExtra("`tinyflow-nb services`", "services") from None

from tinyflow_nb.services.manage import NAMES, Addresses, crash, down, reset, up
from tinyflow_nb.services.places import services_folder
from tinyflow_nb.services.progress import Progress
from tinyflow_nb.services.status import Service, status

__all__ = [
    "NAMES",
    "Addresses",
    "Progress",
    "Service",
    "crash",
    "down",
    "reset",
    "services_folder",
    "status",
    "up",
]
