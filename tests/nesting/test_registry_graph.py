"""SEMANTICS 45: what may be published, labelled and deleted is what a graph of all versions allows.

The reference is networkx on the expanded graph: a node per version, an edge per reference, to the version
that it means now.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Awaitable
from typing import Any, NamedTuple

import networkx as nx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinyflow_nb.clock import SystemClock
from tinyflow_nb.engine.publishing import Publishing
from tinyflow_nb.engine.registry import Registry
from tinyflow_nb.engine.registry_index import RegistryIndex
from tinyflow_nb.errors import CycleError, DefinitionError, InvalidOperation, TinyflowError, UnknownChain
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.registry import RegistryEntry
from tinyflow_nb.stores.memory import MemoryStore
from tinyflow_nb.trust import UserTrust

NAMES = ("a", "b", "c")
LABELS = ("prod", "old")
STEPS = 25


@functools.cache
def define(name: str, refs: tuple[str, ...], content: int) -> ChainDefinition:
    calls = "".join(f'@chain("{ref}")\ndef n{i}(): ...\n' for i, ref in enumerate(refs))
    return ChainDefinition.from_source(f"{calls}\ndef own() -> int:\n    return {content}\n", name)


class Model:
    """The registry in plain dicts."""

    def __init__(self) -> None:
        self.versions: dict[str, dict[int, tuple[str, tuple[str, ...]]]] = {name: {} for name in NAMES}
        self.newest = dict.fromkeys(NAMES, 0)
        self.current = dict.fromkeys(NAMES, 0)
        self.labels: dict[tuple[str, str], int] = {}

    def copy(self) -> Model:
        other = Model()
        other.versions = {name: dict(versions) for name, versions in self.versions.items()}
        other.newest, other.current = dict(self.newest), dict(self.current)
        other.labels = dict(self.labels)
        return other

    def meant(self, ref: str) -> tuple[str, int] | None:
        name, _, what = ref.partition("@")
        number = int(what) if what.isdigit() else self.labels.get((name, what), 0) if what else None
        if number is None:
            number = self.current[name]
        return (name, number) if number in self.versions[name] else None

    def graph(self) -> Any:
        graph = nx.DiGraph()
        for name, versions in self.versions.items():
            for number, (_, refs) in versions.items():
                graph.add_node((name, number))
                graph.add_edges_from(((name, number), called) for ref in refs if (called := self.meant(ref)))
        return graph

    def is_sound(self) -> bool:
        return bool(nx.is_directed_acyclic_graph(self.graph()))

    def callers(self, name: str, number: int) -> list[tuple[str, int]]:
        return list(self.graph().predecessors((name, number)))


class Publish(NamedTuple):
    name: str
    refs: tuple[str, ...]
    content: int

    def on(self, model: Model) -> bool:
        """Change the model; False if there is something it calls that is not there, or itself."""
        if self.name in self.refs or any(model.meant(ref) is None for ref in self.refs):
            return False
        hash = define(*self).hash
        versions = model.versions[self.name]
        known = next((number for number, (kept, _) in versions.items() if kept == hash), None)
        if known is None:
            model.newest[self.name] = known = model.newest[self.name] + 1
            versions[known] = (hash, self.refs)
        model.current[self.name] = known
        return True

    async def at(self, publishing: Publishing) -> None:
        await publishing.publish(define(*self), "", "")


class Label(NamedTuple):
    name: str
    number: int
    label: str

    def on(self, model: Model) -> bool:
        if self.number not in model.versions[self.name]:
            return False
        model.labels[self.name, self.label] = self.number
        return True

    async def at(self, publishing: Publishing) -> None:
        await publishing.label(f"{self.name}@{self.number}", self.label, "", "")


class Unlabel(NamedTuple):
    name: str
    label: str

    def on(self, model: Model) -> bool:
        ref = f"{self.name}@{self.label}"
        used = any(ref in refs for versions in model.versions.values() for _, refs in versions.values())
        if model.meant(ref) is None or used:
            return False
        del model.labels[self.name, self.label]
        return True

    async def at(self, publishing: Publishing) -> None:
        await publishing.unlabel(self.name, self.label, "", "")


class Delete(NamedTuple):
    name: str
    number: int

    def on(self, model: Model) -> bool:
        name, number = self
        labelled = (name, number) in [(n, v) for (n, _), v in model.labels.items()]
        if number not in model.versions[name] or model.callers(name, number) or labelled:
            return False
        del model.versions[name][number]
        if model.current[name] == number:
            model.current[name] = max(model.versions[name], default=0)
        return True

    async def at(self, publishing: Publishing) -> None:
        await publishing.delete(f"{self.name}@{self.number}", "", "")


names = st.sampled_from(NAMES)
numbers = st.integers(1, 3)
labels = st.sampled_from(LABELS)
refs = st.one_of(names, st.builds("{}@{}".format, names, numbers), st.builds("{}@{}".format, names, labels))
UNKNOWN = "a@7"


def some_change(model: Model, chance: random.Random) -> Any:
    """Mostly of what there is, so that most are refused for a circle or not at all."""
    known = [(name, number) for name, versions in model.versions.items() for number in versions]
    meant = [name for name in NAMES if model.current[name]] * 2
    meant += [f"{name}@{label}" for name, label in model.labels] * 2
    meant += [*(f"{name}@{number}" for name, number in known), UNKNOWN]
    kind = chance.random()
    if known and kind < 0.4:
        return Label(*chance.choice(known), chance.choice(LABELS))
    if known and kind < 0.5:
        return Delete(*chance.choice(known))
    if kind < 0.55:
        return Unlabel(chance.choice(NAMES), chance.choice(LABELS))
    called = {chance.choice(meant) for _ in range(chance.choice((0, 1, 1, 2)))}
    return Publish(chance.choice(NAMES), tuple(sorted(called)), chance.randrange(3))


def as_model(index: RegistryIndex) -> tuple[Any, ...]:
    versions = {
        name: {number: (v.hash, v.refs) for number, v in found.versions.items()}
        for name, found in index.names.items()
        if found.versions
    }
    current = {name: found.current for name, found in index.names.items() if found.versions}
    labels = {(n, label): v for n, found in index.names.items() for label, v in found.labels.items()}
    return versions, current, labels


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(chance=st.randoms(use_true_random=True))
def test_45_what_is_refused_is_what_the_graph_forbids(chance: random.Random) -> None:
    asyncio.run(follows(chance))


async def refusal(change: Awaitable[None]) -> TinyflowError | None:
    try:
        await change
    except (CycleError, DefinitionError, UnknownChain, InvalidOperation) as e:
        return e
    return None


async def follows(chance: random.Random) -> None:
    store = MemoryStore(SystemClock())
    registry = Registry(store, store.now, UserTrust())
    publishing = Publishing(registry, store.now)
    model = Model()
    for _ in range(STEPS):
        change = some_change(model, chance)
        would_be = model.copy()
        valid = change.on(would_be)
        before = (await registry.index()).epoch
        told = await refusal(change.at(publishing))
        if told is None:
            assert valid, f"{change} was accepted"
            assert would_be.is_sound(), f"{change} closed a circle"
            model = would_be
        else:
            assert (await registry.index()).epoch == before, "refused, and yet something changed"
            if isinstance(told, CycleError):
                assert valid, f"{change}: refused for a circle, and not for what is wrong with it"
                assert not would_be.is_sound(), f"{change}: {told}"
                path = [(name, int(number)) for name, _, number in (ref.partition("@") for ref in told.path)]
                assert path[0] == path[-1]
                assert nx.is_path(would_be.graph(), path), f"{path} is no circle of the graph"
            else:
                assert not valid, f"{change} was refused"
        index = await registry.index()
        kept = {name: versions for name, versions in model.versions.items() if versions}
        assert as_model(index) == (kept, {n: model.current[n] for n in kept}, model.labels)


@st.composite
def raw_registries(draw: st.DrawFn) -> RegistryIndex:
    """Logs that nobody checked: written by hand, circles and all."""

    index = RegistryIndex()
    for name, number in draw(st.lists(st.tuples(names, numbers), min_size=1, max_size=10, unique=True)):
        calls = tuple(draw(st.lists(refs, max_size=3, unique=True)))
        index.apply([RegistryEntry("publish", name, number, 0.0, hash=f"{name}{number}", refs=calls)])
    for name, found in index.names.items():
        for label in draw(st.sets(labels)):
            number = draw(st.sampled_from(sorted(found.versions)))
            index.apply([RegistryEntry("label", name, number, 0.0, label=label)])
    return index


@settings(deadline=None, max_examples=300)
@given(index=raw_registries())
def test_45_a_circle_is_found_from_each_of_its_members_and_from_no_other(index: RegistryIndex) -> None:
    graph = nx.DiGraph()
    for version in index.all():
        graph.add_node(version.ref)
        called = [found for ref in version.refs if (found := index.find(ref)) is not None]
        graph.add_edges_from((version.ref, found.ref) for found in called)
    in_circles = {
        ref
        for group in nx.strongly_connected_components(graph)
        if len(group) > 1 or any(graph.has_edge(ref, ref) for ref in group)
        for ref in group
    }
    for version in index.all():
        circle = [v.ref for v in index.cycle_through(version)]
        assert bool(circle) == (version.ref in in_circles)
        if circle:
            assert circle[0] == circle[-1] == version.ref
            assert nx.is_path(graph, circle)
            assert len(set(circle)) == len(circle) - 1, "no detours"
