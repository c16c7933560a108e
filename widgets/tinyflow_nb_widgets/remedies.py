"""What to do about an error, where it can be said: one or two sentences beside the message."""

from __future__ import annotations

import re
from typing import Any

from tinyflow_nb_widgets.text import printable

_SECRET = re.compile(r"the (?:secret|environment variable) (\w+)(?: is missing|, which is not set)")
_MODULE = re.compile(r"No module named '([\w.]+)'")


def remedy(error: dict[str, Any]) -> str:
    """ "" if nothing more is known than the message says."""
    kinds = {str(kind) for kind in error.get("types") or [error.get("type")]}
    message = str(error.get("message") or "")
    if found := _SECRET.search(message):
        return (
            f"Set {found[1]} where the node runs. For a worker, before it is started; in a notebook, without "
            f'writing it down: import os, getpass; os.environ["{found[1]}"] = getpass.getpass(). Then retry.'
        )
    if found := _MODULE.search(message):
        package = printable(found[1]).partition(".")[0]
        return f"Install it where the node ran: in a notebook %pip install {package}. Then retry."
    if "NotTrusted" in kinds:
        return "Look at who wrote it and at what it does: %tinyflow trust NAME. Sign it there, then retry."
    if "ModelError" in kinds:
        return _of_model(message, bool(error.get("answer")))
    for kind, text in _REMEDIES.items():
        if kind in kinds:
            return text
    return ""


def _of_model(message: str, answered: bool) -> str:
    if "can't be reached" in message or "no answer in time" in message:
        return "Is its server running, and the base URL right? %tinyflow doctor looks. Then retry."
    if "check the key" in message:
        return (
            "The key was refused: set the variable that the model's settings name to a valid one. Then retry."
        )
    if "gave no valid" in message and answered:
        return (
            "The model's answer does not fit the return annotation: say the wanted form in the prompt, allow "
            "more in the type, or choose a larger model. Its raw answer is below."
        )
    return ""


_REMEDIES = {
    "Timeout": "It took longer than its timeout: raise timeout= of the node, or do less in it.",
    "NoMoreRounds": "Raise max_rounds=, or ask less of until=.",
    "DeadlineExceeded": "Start it with a longer deadline, or retry: the deadline then counts anew.",
    "MemoryLimit": "Give its process more memory in the settings, or work on less at once.",
    "ProcessDied": "Its process ended by itself, mostly for want of memory. Retry runs it again.",
    "WorkerLost": "The workers that ran it died. See their logs; retry runs it again.",
    "WrongType": "Let what is given and the annotation agree: the message names both.",
    "ValueNotJson": "Return plain values (text, numbers, lists, dicts), or annotate the type it gives.",
}
