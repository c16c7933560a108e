"""Values of the notebook that a cell takes in by copy, `--bind x` (SEMANTICS 37)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from tinyflow_nb.language.option_values import json_value
from tinyflow_nb.language.source import Place, Report

MAX_BYTES: Final = 64 * 1024
"""Of one value's JSON text."""
_SECRET_NAME = re.compile(r"(?i)(^|_)(api_?key|secret|token|passw(or)?d|pwd|credentials?|private_?key)(_|$)")
_SECRET_VALUE = re.compile(
    r"-----BEGIN|\b(sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}|xox[a-z]-[\w-]{10,}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.)"
)


def check_bindings(bindings: Mapping[str, JsonValue], report: Report) -> None:
    """Reports values that can't be stored with a run: no JSON, too large, or like a secret."""
    for name, value in bindings.items():
        try:
            text = json.dumps(json_value(value), ensure_ascii=False)
        except ValueError:
            message = f"is no JSON but a {type(value).__name__}"
            _refuse(report, name, message, "bind text, numbers, lists or dicts")
            continue
        if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            _refuse(report, name, "is larger than 64 KB", "pass it as an input: `-i x=@x`")
        elif _SECRET_NAME.search(name) or _SECRET_VALUE.search(text):
            _refuse(
                report, name, "looks like a secret, and would be stored with the run",
                f'put it into the environment, and use secret("{name.upper()}")',
            )  # fmt: skip


def _refuse(report: Report, name: str, message: str, hint: str) -> None:
    report.add(Place(1, 1), f"`--bind {name}`: the value {message}", hint)
