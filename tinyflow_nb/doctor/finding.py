"""What a check found, and all that was found."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Level = Literal["ok", "warning", "error"]
LEVELS: tuple[Level, ...] = ("ok", "warning", "error")
MARKS: dict[Level, str] = {"ok": "✓", "warning": "!", "error": "✗"}


class Finding(NamedTuple):
    """One line of the doctor's report."""

    level: Level
    what: str
    why: str = ""
    """What it leads to, or how it is known."""
    mend: str = ""
    """The command, or what else to do; empty if all is well."""
    check: str = ""
    """Which found it: `redis.persistence`."""

    def told(self) -> str:
        """For a reader: a mark, what, and below it why and the mend."""
        below = [self.why, f"→ {self.mend}" if self.mend else ""]
        return "\n    ".join([f"{MARKS[self.level]} {self.what}", *filter(None, below)])


class Report(NamedTuple):
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The worst there is."""
        return max((f.level for f in self.findings), key=LEVELS.index, default="ok")

    @property
    def exit_code(self) -> int:
        """0 all is well, 1 there are warnings, 2 there are errors."""
        return LEVELS.index(self.level)

    def of(self, *levels: Level) -> list[Finding]:
        return [f for f in self.findings if f.level in levels]

    def to_dict(self) -> dict[str, Any]:
        return {"level": self.level, "findings": [f._asdict() for f in self.findings]}


def ok(what: str, why: str = "") -> Finding:
    return Finding("ok", what, why)


def warning(what: str, why: str, mend: str) -> Finding:
    return Finding("warning", what, why, mend)


def error(what: str, why: str, mend: str) -> Finding:
    return Finding("error", what, why, mend)
