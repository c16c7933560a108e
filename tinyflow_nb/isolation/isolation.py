"""Isolation: the plans of a worker that runs no code of a cell itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from tinyflow_nb.engine.plan import Plan, make_plan
from tinyflow_nb.errors import DefinitionError, MemoryLimit, Problem, ProcessDied
from tinyflow_nb.isolation.nodes import IsolatedTypes
from tinyflow_nb.isolation.pool import Pool, Program
from tinyflow_nb.language.module import CellModule, load_module
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.ports import NodeExecutor

LOAD_SECONDS = 60.0
"""Most that making a cell's module may take."""
FUNCTIONLESS = ("code", "confirm")
"""Types whose nodes need nothing of the cell's module in the worker."""


class Isolation:
    """One per worker; made on its event loop."""

    def __init__(self, most: int, memory: int) -> None:
        """
        Args:
            most: child processes at work at once.
            memory: bytes each may take.
        """
        self._pool = Pool(most, memory)

    async def plan(
        self, definition: ChainDefinition, types: Mapping[str, NodeExecutor],
        bindings: Mapping[str, Any] | None, overrides: Mapping[str, Callable[..., Any]] | None,
    ) -> Plan:  # fmt: skip
        """As `make_plan`, once a child has shown that the module can be made.

        Raises:
            DefinitionError: it can't.
        """
        bound = dict(bindings or {})
        program = Program(definition.hash + json.dumps(bound, sort_keys=True), definition, bound)
        try:
            async with asyncio.timeout(LOAD_SECONDS), self._pool.child(program):
                pass
        except TimeoutError:
            raise _refused(definition, f"running the cell took longer than {LOAD_SECONDS:g} s") from None
        except (MemoryLimit, ProcessDied) as e:
            raise _refused(definition, f"running the cell failed: {e}") from e
        module = _module_here(definition, bound)
        return make_plan(
            definition, IsolatedTypes(types, self._pool, program), bindings, overrides, module=module
        )

    async def close(self) -> None:
        await self._pool.close()


def _refused(definition: ChainDefinition, message: str) -> DefinitionError:
    return DefinitionError([Problem(1, 1, message)], definition.name)


def _module_here(definition: ChainDefinition, bindings: Mapping[str, Any]) -> CellModule:
    """What the worker itself needs: nothing, unless there are nodes whose types it must know. Then the
    cell's top level runs here too; its code nodes' functions still don't."""
    here = [n.id for n in definition.nodes if n.type not in FUNCTIONLESS]
    if not here:
        return CellModule("", "", {}, {}, {}, {}, {})
    module = load_module(definition, bindings)
    return CellModule(
        module.name, module.filename, module.namespace,
        {id: module.functions[id] for id in here if id in module.functions},
        {id: module.parameter_types[id] for id in here if id in module.parameter_types},
        {id: module.output_types[id] for id in here if id in module.output_types},
        module.input_types,
    )  # fmt: skip
