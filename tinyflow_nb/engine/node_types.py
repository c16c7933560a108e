"""Node types: the executors that installed packages register, ours among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint

from tinyflow_nb.node_types import registered
from tinyflow_nb.ports import NodeExecutor


class NodeTypes(Mapping[str, NodeExecutor]):
    """Executors by type. Each is imported when a chain first uses it: some load a lot."""

    def __init__(self, found: Mapping[str, EntryPoint]) -> None:
        self._found = found
        self._made: dict[str, NodeExecutor] = {}

    def __getitem__(self, type: str) -> NodeExecutor:
        if type not in self._made:
            self._made[type] = self._found[type].load()()
        return self._made[type]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


@cache
def installed() -> NodeTypes:
    """Raises SettingsError if two packages register the same type."""
    return NodeTypes(registered())
