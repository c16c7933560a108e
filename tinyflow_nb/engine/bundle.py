"""Bundles: chains with all they call as one document, to move between stores.

A pinned reference (`doc@2`) means the same number elsewhere, so of such a chain all versions up to that
one travel; of one that floats, its current version.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from tinyflow_nb.engine.publishing import check_circles
from tinyflow_nb.errors import DefinitionError, InvalidOperation, Problem
from tinyflow_nb.language.calls import check_call
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.reference import Reference
from tinyflow_nb.model.registry import RegistryEntry
from tinyflow_nb.model.signature import Signature, digest_of
from tinyflow_nb.trust.signing import is_genuine

if TYPE_CHECKING:
    from tinyflow_nb.engine.publishing import Publishing
    from tinyflow_nb.engine.registry import Registry
    from tinyflow_nb.engine.registry_index import RegistryIndex, Version

FORMAT = "tinyflow-nb chains"
VERSION = 1


class BundledSignature(BaseModel):
    model_config = ConfigDict(extra="forbid")

    record: str
    text: str
    """The definition's JSON, as it was signed."""


class BundledChain(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    version: int
    hash: str
    refs: tuple[str, ...]
    signatures: list[BundledSignature]


class Bundle(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: str
    version: int
    chains: list[BundledChain]
    """Each behind those it calls."""
    labels: dict[str, int] = {}
    """`name@label`: the version it means, of labels that are referred to."""


async def exported(registry: Registry, refs: Sequence[str]) -> str:
    """Raises UnknownChain."""
    index = await registry.index()
    wanted: dict[str, Version] = {}
    labels: dict[str, int] = {}
    for ref in refs:
        _collect(index, await registry.version(ref), wanted, labels)
    chains = []
    for version in wanted.values():
        signatures = [
            BundledSignature(record=one.signature.to_json(), text=one.text)
            for one in await registry.signatures(version.hash)
            if one.signature.name == version.name
        ]
        chains.append(
            BundledChain(
                name=version.name, version=version.number, hash=version.hash, refs=version.refs,
                signatures=signatures,
            )
        )  # fmt: skip
    return Bundle(format=FORMAT, version=VERSION, chains=chains, labels=labels).model_dump_json(indent=1)


def _collect(
    index: RegistryIndex, version: Version, wanted: dict[str, Version], labels: dict[str, int]
) -> None:
    """The version behind all it calls; older versions of a name before newer ones."""
    if version.ref in wanted:
        return
    for ref in version.refs:
        called, parsed = index.find(ref), Reference.parse(ref)
        if called is None or parsed is None:
            continue
        if parsed.label:
            labels[ref] = called.number
        if parsed.label or not parsed.floats:
            for older in sorted(index.names[called.name].versions):
                if older < called.number:
                    _collect(index, index.names[called.name].versions[older], wanted, labels)
        _collect(index, called, wanted, labels)
    wanted[version.ref] = version


async def import_bundle(
    registry: Registry, publishing: Publishing, text: str, who: str, origin: str
) -> list[str]:
    """See `Chains.import_chains`."""
    bundle = _read(text)
    definitions = {f"{c.name}@{c.version}": _checked(c) for c in bundle.chains}
    for chain in bundle.chains:
        for signed in _signed(chain):
            await registry.put(definitions[f"{chain.name}@{chain.version}"], signed)
    while True:
        index = await registry.index()
        entries, here = _entries(index, bundle, publishing.now(), who, origin)
        changed = check_circles(index, entries)
        for ref, definition in definitions.items():
            _check_calls(changed, definition, here[ref], {here[r]: d for r, d in definitions.items()})
        if not entries or await registry.append(entries, index.epoch):
            return list(here.values())


def _entries(
    index: RegistryIndex, bundle: Bundle, at: float, who: str, origin: str
) -> tuple[list[RegistryEntry], dict[str, str]]:
    """What is to be added, and which version each of the bundle's is here."""
    pinned = {ref for chain in bundle.chains for ref in chain.refs if not _floats(ref)}
    entries: list[RegistryEntry] = []
    here: dict[str, str] = {}
    newest = {name: found.newest for name, found in index.names.items()}
    for chain in bundle.chains:
        ref = f"{chain.name}@{chain.version}"
        known = index.with_hash(chain.name, chain.hash)
        number = known.number if known is not None else newest.get(chain.name, 0) + 1
        if ref in pinned and number != chain.version:
            raise InvalidOperation(
                f"{ref} is referred to by its number, and here it would be {chain.name}@{number}:"
                " nothing was imported; import into a store without that name, or publish it under another"
            )
        here[ref] = f"{chain.name}@{number}"
        if known is None:
            newest[chain.name] = number
            entries.append(
                RegistryEntry("publish", chain.name, number, at, who, origin, chain.hash, tuple(chain.refs))
            )
    for label, number in bundle.labels.items():
        name, _, text = label.partition("@")
        version = here.get(f"{name}@{number}", "").partition("@")[2]
        known_label = index.names[name].labels.get(text) if name in index.names else None
        if version and known_label is None:
            entries.append(RegistryEntry("label", name, int(version), at, who, origin, label=text))
    return entries, here


def _check_calls(
    index: RegistryIndex, definition: ChainDefinition, ref: str, imported: dict[str, ChainDefinition]
) -> None:
    """Raises DefinitionError: a chain node names nothing there is, or does not fit it."""
    problems: list[Problem] = []
    for node in definition.nodes:
        if node.type != "chain":
            continue
        called = str(node.options["ref"])
        version = index.find(called)
        if version is None:
            problems.append(Problem(node.line, 1, f"{node.id!r} refers to {called!r}, which is not there"))
        elif version.ref in imported:
            problems += check_call(definition, node, imported[version.ref], version.ref)
    if problems:
        raise DefinitionError(problems, ref)


def _floats(ref: str) -> bool:
    parsed = Reference.parse(ref)
    return parsed is None or parsed.floats


def _read(text: str) -> Bundle:
    try:
        data: Any = json.loads(text)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            _refuse("this is no export of chains: `tinyflow-nb chains export` makes one")
        if isinstance(data.get("version"), int) and data["version"] > VERSION:
            _refuse(f"this export has version {data['version']}, this package reads {VERSION}: upgrade it")
        return Bundle.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        _refuse(f"this export is damaged: {'.'.join(map(str, first['loc']))}: {first['msg']}")
    except (ValueError, RecursionError) as error:
        _refuse(f"this is no JSON: {error}")


def _checked(chain: BundledChain) -> ChainDefinition:
    """Its definition; it is what its hash and its signatures say.

    Raises:
        DefinitionError
    """
    ref = f"{chain.name}@{chain.version}"
    if not chain.signatures:
        _refuse(f"{ref} is not signed by anybody", ref)
    definition = ChainDefinition.from_json(chain.signatures[0].text)
    refs = tuple(dict.fromkeys(str(n.options["ref"]) for n in definition.nodes if n.type == "chain"))
    if definition.hash != chain.hash or definition.name != chain.name or refs != chain.refs:
        _refuse(f"{ref} is not what the export says it is: it was altered", ref)
    return definition


def _signed(chain: BundledChain) -> list[Signature]:
    ref = f"{chain.name}@{chain.version}"
    found = []
    for one in chain.signatures:
        try:
            signature = Signature.from_json(one.record)
            definition = ChainDefinition.from_json(one.text)
            genuine = signature.digest == digest_of(one.text) == digest_of(definition.to_json())
            genuine = genuine and signature.name == chain.name and is_genuine(signature, definition)
        except (ValueError, DefinitionError):
            genuine = False
        if not genuine:
            _refuse(f"{ref} was altered after it was signed, or its signature was", ref)
        found.append(signature)
    return found


def _refuse(message: str, name: str = "") -> NoReturn:
    raise DefinitionError([Problem(1, 1, message)], name)
