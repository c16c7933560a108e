"""All there is to say of one published chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tinyflow_nb.engine.pins import chain_nodes

if TYPE_CHECKING:
    from tinyflow_nb.engine.chain_tables import When
    from tinyflow_nb.engine.chains import Chains
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.registry import PublishedVersion


class ChainCard(NamedTuple):
    definition: ChainDefinition
    version: PublishedVersion
    versions: list[PublishedVersion]
    """All of its name, newest first."""
    callers: list[str]
    """`name@N` of the published versions that refer to it directly."""

    @property
    def ref(self) -> str:
        return f"{self.version.name}@{self.version.version}"

    def facts(self, when: When) -> list[tuple[str, str]]:
        """What it is, what it takes, whom it calls and who calls it: name and text of each."""
        version, definition = self.version, self.definition
        inputs = [i.name if i.required else f"{i.name}={i.default!r}" for i in definition.inputs]
        calls = dict.fromkeys(str(node.options["ref"]) for node in chain_nodes(definition))
        facts = {
            "chain": self.ref,
            "about": definition.description,
            "deprecated": version.deprecated,
            "published": " ".join(
                [when(version.at), *([f"by {version.who}"] if version.who else []),
                 *([f"from {version.origin}"] if version.origin else [])]
            ),
            "content": f"#{version.hash[:8]}",
            "labels": ", ".join(version.labels),
            "versions": ", ".join(_told(v) for v in self.versions),
            "inputs": ", ".join(inputs) or "none",
            "nodes": ", ".join(node.id for node in definition.nodes),
            "calls": ", ".join(calls),
            "used by": ", ".join(self.callers) or "no published chain",
        }  # fmt: skip
        return [(name, text) for name, text in facts.items() if text]


def _told(version: PublishedVersion) -> str:
    notes = [*(["current"] if version.current else []), *version.labels]
    notes += ["deprecated"] if version.deprecated else []
    return f"@{version.version}" + (f" ({', '.join(notes)})" if notes else "")


async def card_of(executor: Chains, ref: str) -> ChainCard:
    """Of the version a reference means now; a bare name tells of the callers of every version.

    Raises:
        UnknownChain
    """
    found = await executor.registry.version(ref)
    versions = await executor.chains(found.name)
    version = next(v for v in versions if v.version == found.number)
    definition = await executor.definition(found.ref)
    return ChainCard(definition, version, versions, await executor.callers(ref))
