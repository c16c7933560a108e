"""What nodes print and log, on its way to their run's events (SEMANTICS 26)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache

from tinyflow_nb.language.module import print_sink

_sink: ContextVar[Callable[[str, str], None] | None] = ContextVar("log_sink", default=None)
"""Takes a level and a text."""


def catch_output(sink: Callable[[str, str], None]) -> None:
    """From here on, what this task and its threads print or log is the sink's."""
    _install()
    _sink.set(sink)
    print_sink.set(lambda text: sink("print", text))


@cache
def _install() -> None:
    logging.getLogger().addHandler(_NodeLogs())


class _NodeLogs(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        sink = _sink.get()
        if sink is not None and not record.name.startswith("tinyflow_nb"):
            sink(record.levelname.lower(), self.format(record))
        elif logging.getLogger().handlers == [self]:  # as if we were not there
            last = logging.lastResort
            if last is not None and record.levelno >= last.level:
                last.handle(record)
