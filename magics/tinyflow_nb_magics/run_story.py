"""All that is known of a run, read for its page."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from tinyflow_nb.errors import TinyflowError, UnknownRun
from tinyflow_nb.model.status import Status
from tinyflow_nb_magics.single_node import Messages, plan_of, prompt_of

if TYPE_CHECKING:
    from tinyflow_nb.engine.executor import ChainExecutor
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.state import ChainState
    from tinyflow_nb_widgets.story import Story

MOST_CHAINS = 200
"""Runs on one page; of the others it names the ids."""
_MOST_PROMPTS = 500
log = logging.getLogger(__name__)


async def story_of(executor: ChainExecutor, run_id: str) -> Story:
    """The run with those below it, the nearest first. Raises UnknownRun."""
    whole = await _alone(executor, run_id)
    count, waiting = 1, deque([whole])
    while waiting:
        story = waiting.popleft()
        for unit in story.state.units():
            if unit.child and count < MOST_CHAINS:
                with suppress(UnknownRun):  # it has just been asked for, or was deleted
                    below = story.below[unit.id] = await _alone(executor, unit.child)
                    waiting.append(below)
                    count += 1
    return whole


async def _alone(executor: ChainExecutor, run_id: str) -> Story:
    from tinyflow_nb_widgets.story import Story

    state = await executor.state(run_id)
    definition = await executor.registry.get(state.definition_hash)
    prompts = await _prompts(executor, definition, state)
    return Story(definition, state, await executor.recorded(run_id), prompts)


async def _prompts(
    executor: ChainExecutor, definition: ChainDefinition, state: ChainState
) -> dict[str, Messages]:
    """Of the models that were asked; without those that can't be rendered here."""
    asking = {node.id for node in definition.nodes if node.type == "llm"}
    units = [
        unit
        for id in asking
        for unit in (state.nodes[id].items or [state.nodes[id]])
        if unit.status not in (Status.READY, Status.SKIPPED) and unit.started_at is not None
    ]
    found: dict[str, Messages] = {}
    if not units:
        return found
    try:
        plan = await plan_of(executor, state)
    except TinyflowError as error:  # not trusted here, or its packages are missing
        log.info("the prompts of run %s are left out: %s", state.id, error)
        return found
    for unit in units[:_MOST_PROMPTS]:
        with suppress(TinyflowError):  # what it reads was skipped or stopped meanwhile
            found[unit.id] = await prompt_of(plan, state, unit.id)
    return found
