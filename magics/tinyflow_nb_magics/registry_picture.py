"""`%tinyflow chains --graph`: which published chain calls which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinyflow_nb_magics.magic_line import MagicError

if TYPE_CHECKING:
    from tinyflow_nb.engine.registry_index import RegistryIndex, Version

MOST = 300
"""Chains in one picture, at most."""


class RegistryPicture:
    """The current version of each name, what they call, and what that calls. Static."""

    def __init__(self, index: RegistryIndex, around: str = "") -> None:
        """
        Args:
            around: only this chain, whom it calls and who calls it, at any distance.

        Raises:
            MagicError: there are too many to read.
        """
        self._index = index
        versions = _below(index, [v for name in sorted(index.names) if (v := index.find(name))])
        if around:
            versions = _around(index, around, versions)
        if len(versions) > MOST:
            raise MagicError(
                f"{len(versions)} chains are too many for a picture: %tinyflow chains NAME --graph shows"
                " what is around one"
            )
        self._versions = versions
        self.calls = [
            (version.ref, called.ref) for version in versions.values() for called in _called(index, version)
            if called.ref in versions
        ]  # fmt: skip
        """(caller, called)"""

    def __repr__(self) -> str:
        if not self._versions:
            return "No chain is published: %tinyflow publish NAME"
        called: dict[str, list[str]] = {ref: [] for ref in self._versions}
        for caller, ref in self.calls:
            called[caller].append(ref)
        return "\n".join(f"{ref} calls {', '.join(refs)}" if refs else ref for ref, refs in called.items())

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        if not self._versions:
            return {"text/plain": repr(self)}
        svg = self._svg()
        return {"text/plain": repr(self), "image/svg+xml": svg, "text/html": svg}

    def _svg(self) -> str:
        from tinyflow_nb.model.definition import ChainDefinition, Edge, NodeDefinition
        from tinyflow_nb_widgets import render_svg

        nodes = tuple(
            NodeDefinition(id=version.ref, type=self._caption(version), description=self._about(version))
            for version in self._versions.values()
        )
        edges = tuple(Edge(source=caller, target=called) for caller, called in dict.fromkeys(self.calls))
        drawn = ChainDefinition.model_construct(
            name="Published chains", description="", nodes=nodes, edges=edges, inputs=(), hash=""
        )  # no chain that could run: its nodes' ids are references
        return render_svg(drawn)

    def _caption(self, version: Version) -> str:
        """What stands under its name, where a node's type does."""
        return " ".join([f"@{version.number}", *self._index.labels_of(version)])

    def _about(self, version: Version) -> str:
        notes = [f"label {label}" for label in self._index.labels_of(version)]
        notes += ["current"] if self._index.is_current(version) else []
        notes += [f"deprecated: {version.deprecated}"] if version.deprecated else []
        return ", ".join(notes)


def _called(index: RegistryIndex, version: Version) -> list[Version]:
    return [found for ref in version.refs if (found := index.find(ref)) is not None]


def _below(index: RegistryIndex, start: list[Version]) -> dict[str, Version]:
    """These and all they call, by reference."""
    found: dict[str, Version] = {}
    left = list(reversed(start))
    while left:
        version = left.pop()
        if version.ref not in found:
            found[version.ref] = version
            left += _called(index, version)
    return found


def _around(index: RegistryIndex, ref: str, known: dict[str, Version]) -> dict[str, Version]:
    """All a chain calls, and all that call it."""
    version = index.find(ref)
    assert version is not None
    found = _below(index, [version])
    callers: dict[str, list[Version]] = {}
    for caller in known.values():
        for called in _called(index, caller):
            callers.setdefault(called.ref, []).append(caller)
    left, seen = [version.ref], {version.ref}
    while left:
        for caller in callers.get(left.pop(), ()):
            if caller.ref not in seen:
                seen.add(caller.ref)
                found[caller.ref] = caller
                left.append(caller.ref)
    return found
