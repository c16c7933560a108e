"""What this process has at hand of the runs it works on: derived from the store, never the truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tinyflow_nb.engine.plan import Plan, make_plan
from tinyflow_nb.engine.registry import Registry
from tinyflow_nb.errors import UnknownChain
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.tracing import TracedRun
from tinyflow_nb.ports import NodeExecutor, StateStore

if TYPE_CHECKING:
    from tinyflow_nb.isolation.isolation import Isolation

RUNS = 1024
PLANS = 256


class LiveRun:
    """What this process knows of a run it works on. Nothing here changes during the run, but for
    `seq`, which only numbers the chunks."""

    __slots__ = ("chain", "context", "created_at", "deadline", "generation", "inputs", "plan", "run", "seq")

    def __init__(
        self, run: str, chain: str, plan: Plan, inputs: dict[str, Any], context: dict[str, Any],
        generation: int, deadline: float | None, created_at: float,
    ) -> None:  # fmt: skip
        self.run = run
        self.chain = chain
        self.plan = plan
        self.inputs = inputs
        self.context = context
        self.generation = generation
        self.deadline = deadline
        self.created_at = created_at
        self.seq = 0

    def traced(self, worker: str) -> TracedRun:
        """
        Args:
            worker: who tells.
        """
        context = self.context
        parent = context.get("parent", "").partition("/")[0]
        return TracedRun(
            self.run, self.chain, self.generation, context.get("root") or self.run, parent,
            context.get("traceparent", ""), worker,
        )  # fmt: skip


class AtHand:
    """Plans and live runs, the ones used last."""

    def __init__(
        self, store: StateStore, registry: Registry, nodes: Mapping[str, NodeExecutor],
        overrides: Mapping[str, Callable[..., Any]] | None, isolation: Isolation | None = None,
    ) -> None:  # fmt: skip
        """
        Args:
            isolation: plans so that the cell's code runs in other processes.
        """
        self._store = store
        self._isolation = isolation
        self._registry = registry
        self._nodes = nodes
        self._overrides = overrides
        self._plans: dict[tuple[str, str], Plan] = {}
        self._runs: dict[str, LiveRun] = {}
        self.when_kept: Callable[[str], None] = lambda _: None
        """Called with each run that is known from then on."""
        self._epoch = -1

    async def plan(self, definition: ChainDefinition, bindings: Mapping[str, Any] | None) -> Plan:
        """Raises DefinitionError: it can't be loaded here."""
        key = (definition.hash, json.dumps(bindings, sort_keys=True) if bindings else "")
        plan = self._plans.get(key)
        if plan is None:
            if self._isolation is None:
                plan = make_plan(definition, self._nodes, bindings, self._overrides)
            else:
                plan = await self._isolation.plan(definition, self._nodes, bindings, self._overrides)
            _keep(self._plans, key, plan, PLANS)
        return plan

    async def run(self, run: str, generation: int = 0) -> LiveRun | None:
        """None if the run, or its definition, is not in the store any more.

        Args:
            generation: the one to work on; another process may have begun it.

        Raises:
            DefinitionError: its code can't be loaded here.
            NotTrusted: nobody who is trusted here signed it.
        """
        self.look_whom_to_trust()
        live = self._runs.get(run)
        if live is not None and live.generation >= generation:
            return live
        header = await self._store.header(run)
        if header is None:
            return None
        try:
            name = header.chain.partition("@")[0]
            definition = await self._registry.vetting.passed(header.definition, name, run)
        except UnknownChain:
            return None
        plan = await self.plan(definition, header.context.get("bindings"))
        inputs = json.loads(header.inputs)
        live = LiveRun(
            run, header.chain, plan, inputs, header.context, header.generation, header.deadline,
            header.created_at,
        )  # fmt: skip
        live.seq = header.seq
        self.keep(live)
        return live

    def look_whom_to_trust(self) -> int:
        """If somebody is trusted or revoked since, nothing is at hand any more, and the number is another."""
        epoch = self._registry.vetting.epoch()
        if epoch != self._epoch:
            self._epoch = epoch
            self._plans.clear()
            self._runs.clear()
        return epoch

    def round(self) -> tuple[int, int]:
        """Changes when what was refused before may be let through now."""
        return self._registry.vetting.round()

    def keep(self, live: LiveRun) -> None:
        _keep(self._runs, live.run, live, RUNS)
        self.when_kept(live.run)

    def known(self, run: str) -> LiveRun | None:
        """Without looking at the store."""
        return self._runs.get(run)

    def forget(self, run: str) -> None:
        self._runs.pop(run, None)

    def saw(self, run: str, seq: int) -> None:
        """The newest lifecycle event of a run: what is streamed from now on follows it."""
        live = self._runs.get(run)
        if live is not None:
            live.seq = seq

    def seq_of(self, run: str) -> int:
        """Newest lifecycle event this process knows of a run it works on; 0 if it does not."""
        live = self._runs.get(run)
        return live.seq if live else 0


def _keep(kept: dict[Any, Any], key: Any, value: Any, most: int) -> None:
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
