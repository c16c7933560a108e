"""What a person reads before trusting a definition. Nothing of it is executed, nor obeyed by a terminal."""

from __future__ import annotations

import datetime as dt
import difflib
import json
import unicodedata
from dataclasses import dataclass

from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.signature import Signature

LINES_SHOWN = 400
"""Of a diff in an error; the review itself shows all."""


@dataclass(frozen=True, slots=True)
class Review:
    """One definition, and whether it may be executed here."""

    ref: str
    """How it was asked for: `name@3`, or a run's id."""
    definition: ChainDefinition
    signature: Signature | None
    """Of the text shown; None if nobody's fits it."""
    reason: str
    """Why it is not executed here; "" if it is."""
    before: str
    """The newest other version that is trusted here, `name@2`; "" if there is none."""
    diff: str
    """What changed since, or the whole source."""

    def told(self) -> str:
        """All of it, as plain lines."""
        definition = self.definition
        lines = [f"{self.ref}: {definition.short_ref}"]
        if self.signature is not None:
            at = dt.datetime.fromtimestamp(self.signature.at, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
            lines.append(f"signed {at} by {self.signature.signer}")
        lines += [f"not trusted here: {self.reason}" if self.reason else "trusted here", "", "Nodes:"]
        for node in definition.nodes:
            options = json.dumps(node.options, ensure_ascii=False) if node.options else ""
            lines.append(visible(f"  {node.id}: {node.type} {options}".rstrip()))
        what = f"Changed since {self.before}, the newest version trusted here:" if self.before else "Source:"
        return "\n".join([*lines, "", what, self.diff])


def changes(definition: ChainDefinition, before: ChainDefinition | None, ref: str) -> str:
    """A unified diff of the sources, or the source itself, with everything visible."""
    if before is None:
        return visible(definition.source)
    old, new = (visible(d.source).splitlines() for d in (before, definition))
    diff = "\n".join(difflib.unified_diff(old, new, ref, definition.short_ref, lineterm=""))
    return diff or "(the same source, signed anew or with other settings)"


def shortened(text: str) -> str:
    """For an error's message."""
    lines = text.splitlines()
    more = len(lines) - LINES_SHOWN
    return "\n".join([*lines[:LINES_SHOWN], f"... and {more} more lines"]) if more > 0 else text


def visible(text: str) -> str:
    """Control characters, and those that turn or hide text, written as their escapes."""
    return "".join(
        c if c in "\n\t" or unicodedata.category(c)[0] != "C" else f"\\u{{{ord(c):x}}}" for c in text
    )
