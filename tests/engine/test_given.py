"""What a unit was given, told from what is stored, is what its body got."""

from __future__ import annotations

from typing import Any

from tinyflow_nb import ChainDefinition, connect
from tinyflow_nb.engine.given import GivenValues, take_previous
from tinyflow_nb.model.state import ChainState

CELL = """
docs: list[dict]
tone: str = Input("plain")
LIMIT = 0.5

@node(on_error="stand_in")
def broken() -> str:
    raise ValueError("no ink")

def stand_in(error: dict) -> dict:
    return {"got": error}

@node(inputs={"long": "docs | selectattr('score', 'gt', LIMIT) | list", "said": "broken.got.message ~ '!'"})
def picked(long: list, said: str, tone: str) -> dict:
    return {"long": long, "said": said, "tone": tone}

@node(each="doc in docs if doc.score > LIMIT", inputs={"title": "doc.title | upper", "of": "docs | length"})
def titles(title: str, of: int, doc: dict) -> dict:
    return {"title": title, "of": of, "doc": doc}

@node(each="a, b in [['x', 1], ['y', 2]]")
def pairs(a: str, b: int) -> dict:
    return {"a": a, "b": b}

@node(until="rounds.n >= 3", inputs={"seen": "rounds.n if rounds is defined else 0"})
def rounds(seen: int, rounds: dict | None = None) -> dict:
    return {"n": (rounds or {"n": 0})["n"] + 1, "seen": seen, "rounds": rounds}

@node(when="tone == 'loud'")
def never() -> str:
    return ""

@node(inputs={"maybe": "never | default('nothing')"})
def fallback(maybe: str, never: str | None = None) -> dict:
    return {"maybe": maybe}

@node(inputs={"doc": "winner"})
def copied(doc: dict) -> dict:
    return doc

@node(join="any")
def winner(pairs: list | None = None, never: str | None = None) -> dict:
    return {"pairs": pairs}
"""


async def test_it_is_what_the_body_got() -> None:
    """SEMANTICS 2 to 5, 8, 9: defaults, skips, handlers, items and rounds; an expression as it came out."""
    definition = ChainDefinition.from_source(CELL, "given")
    docs = [{"title": "a", "score": 0.1}, {"title": "b", "score": 0.9}, {"title": "c", "score": 0.7}]
    async with connect("memory://") as executor:
        run = await executor.execute_async(definition, {"docs": docs})
        await executor.wait(run)
        state, previous = await executor.state(run), {}
        for event in await executor.recorded(run):
            take_previous(previous, event)
    values = GivenValues(definition, state, previous)

    def given(unit: str) -> dict[str, Any]:
        return {value.name: value.value for value in values.of(unit) if value.known}

    def got(unit: str) -> Any:
        return next(u.output for u in state.units() if u.id == unit)

    assert given("stand_in")["error"] == got("stand_in")["got"]
    assert given("picked").items() >= got("picked").items()
    assert got("picked")["said"] == "no ink!"
    for unit in ("titles[0]", "titles[1]", "pairs[0]", "pairs[1]"):
        assert given(unit) == got(unit)
    assert got("titles[0]")["title"] == "B"
    assert got("rounds") == {"n": 3, "seen": 2, "rounds": given("rounds")["rounds"]}
    assert given("rounds")["seen"] == 2
    assert given("fallback") == {"maybe": "nothing"}
    assert given("copied") == {"doc": got("winner")}, "named once, as what it is"
    assert given("winner") == got("winner")


def unknown(definition: ChainDefinition, state: ChainState, unit: str) -> dict[str, str]:
    return {value.name: value.why for value in GivenValues(definition, state).of(unit) if not value.known}


async def test_what_is_not_known_says_why() -> None:
    cell = """
x: list
@confirm
def asked() -> int: "How many?"
@node(inputs={"twice": "asked * 2", "gone": "skipped_one + 1", "first": "x[0].a"})
def later(twice: int, gone: int, first: int) -> int: return twice
@node(when="false")
def skipped_one() -> int: return 1
@node(each="n in asked")
def each_one(n): return n
"""
    definition = ChainDefinition.from_source(cell, "unknown")
    async with connect("memory://") as executor:
        run = await executor.execute_async(definition, {"x": [1]})
        async for event in executor.events(run):
            if event.type == "chain.suspended":
                break
        state = await executor.state(run)
    told = unknown(definition, state, "later")
    assert told["twice"] == "asked has not ended yet"
    assert told["gone"] == "skipped_one was skipped"
    assert "x[0].a" in told["first"]
    assert unknown(definition, state, "each_one") == {"n": "one of asked", "asked": "suspended"}
    assert unknown(definition, state, "each_one[0]")["n"] == "asked has not ended yet"
