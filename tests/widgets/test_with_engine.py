"""The view's guess from events and the store's own state must not drift apart."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tinyflow_nb import connect
from tinyflow_nb.model.definition import ChainDefinition
from tinyflow_nb.model.state import ChainState, NodeState
from tinyflow_nb_widgets.follow import follow
from tinyflow_nb_widgets.picture import node_picture, run_picture
from tinyflow_nb_widgets.streams import Streams

CELL = '''
question: str

def draft(question):
    for word in ("We ", "are ", "sorry"):
        print("said", word)
        yield word

@node(each="number in [1, 2, 3]")
def double(number) -> int:
    return number * 2

@confirm
def approval(draft) -> bool:
    """Send this?"""

@node(when="approval == false")
def never(approval) -> str:
    return "never"

@node(until="count > 2")
def count(count: int = 0) -> int:
    return count + 1

@node(retry=Retry(max=1, wait=0))
def shaky(context: ExecutionContext) -> int:
    return 1 // (context.attempt - 1)

@node(on_error="skip")
def broken() -> int:
    return 1 // 0

def reply(approval, double, count, shaky, never=None, broken=None) -> str:
    LAST
'''


@pytest.mark.parametrize("last", ['return "sent"', 'raise ValueError("no ink")'])
async def test_following_events_gives_what_the_store_says(last: str) -> None:
    definition = ChainDefinition.from_source(CELL.replace("LAST", last), name="letters")
    guess = ChainState("", "", "", nodes={n.id: NodeState(n.id) for n in definition.nodes})
    streams = Streams()
    async with connect("memory://") as executor:
        run = await executor.execute_async(definition, {"question": "?"})
        async for event in executor.events(run):
            streams.take(event) if event.type in ("node.output", "node.log") else follow(
                guess, event, definition.results()
            )
            if event.type == "chain.suspended":
                assert list(guess.waiting()) == list((await executor.state(run)).waiting()) == ["approval"]
                await executor.resume_async(run, True, node="approval")
        truth = await executor.state(run)
    guess.id, guess.chain = truth.id, truth.chain
    assert run_picture(definition, guess) == run_picture(definition, truth)
    for node in definition.nodes:
        assert shown(definition, guess, node.id) == shown(definition, truth, node.id)
    assert streams.texts() == {"draft": "We are sorry"}
    assert ("log", "said We \nsaid are \nsaid sorry\n") in streams.units["draft"].pieces


def shown(definition: ChainDefinition, state: ChainState, id: str) -> dict[str, Any]:
    node = copy.copy(state.nodes[id])
    node.started_at = node.finished_at = None  # which attempt's start counts is the store's affair
    return node_picture(definition.node(id), node)
