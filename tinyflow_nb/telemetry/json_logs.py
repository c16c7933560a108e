"""Logs as JSON lines. docs/observability.md names every field."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from typing import Any

from tinyflow_nb.ports import MESSAGE_ID


class JsonLines(logging.Formatter):
    """A line is the record's `facts`, if it has any, between when and what."""

    def __init__(self) -> None:
        super().__init__()
        self.worker = ""
        """Name of the worker that logs, once it has one."""

    def format(self, record: logging.LogRecord) -> str:
        at = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"at": at, "level": record.levelname.lower()}
        line |= getattr(record, "facts", {"action": "log", "logger": record.name})
        line["worker"] = self.worker
        if message_id := MESSAGE_ID.get():
            line["message_id"] = message_id
        line["message"] = record.getMessage()
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log_json_lines() -> JsonLines:
    """All that this process logs goes to stderr so: ours from INFO on, others' warnings."""
    lines = JsonLines()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(lines)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("tinyflow_nb").setLevel(logging.INFO)
    return lines
