"""What the bodies wrote down themselves, apart from any store."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    mark: str
    key: str
    """`run/node/item/round`"""
    pid: int
    nonce: str
    """Of one execution."""
    at: float
    """Unix seconds."""


class Execution(NamedTuple):
    key: str
    pid: int
    nonce: str
    began: float
    ended: float
    """Infinite if it never did."""

    @property
    def unit(self) -> tuple[str, str]:
        """Run, and the unit as events name it."""
        run, node, item, _ = self.key.rsplit("/", 3)
        return run, node if item == "-" else f"{node}[{item}]"


class Ledger:
    def __init__(self, file: Path) -> None:
        self.lines: list[Line] = []
        for text in file.read_text("utf-8").splitlines() if file.exists() else ():
            mark, key, pid, nonce, at = text.split(" ")
            self.lines.append(Line(mark, key, int(pid), nonce, float(at)))

    def executions(self) -> list[Execution]:
        ends = {line.nonce: line.at for line in self.lines if line.mark == "E"}
        return [
            Execution(line.key, line.pid, line.nonce, line.at, ends.get(line.nonce, float("inf")))
            for line in self.lines
            if line.mark == "B"
        ]

    def ended_marks(self) -> dict[str, set[str]]:
        """Of the executions that came to their end, by key."""
        found: dict[str, set[str]] = defaultdict(set)
        for line in self.lines:
            if line.mark == "E":
                found[line.key].add(line.nonce)
        return found
