"""A run and the chains below it, as its page tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tinyflow_nb.engine.given import GivenValues, take_previous
from tinyflow_nb.language.veil import Veil
from tinyflow_nb.model.events import EventType
from tinyflow_nb_widgets.spans import Span, spans_of
from tinyflow_nb_widgets.streams import Stream, Streams

if TYPE_CHECKING:
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.events import Event
    from tinyflow_nb.model.state import ChainState

MOST_CHARACTERS = 4_000_000
"""Of a page: what comes after is named and left out."""


@dataclass(slots=True)
class Story:
    """What is known of one run."""

    definition: ChainDefinition
    state: ChainState
    events: Sequence[Event] = ()
    """What happened, in order."""
    prompts: Mapping[str, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    """By unit, the messages a model was sent: `role` and `content` of each."""
    below: dict[str, Story] = field(default_factory=dict)
    """By unit, the run of the chain it started."""


class Reading:
    """A story without its secrets, read once for all its parts."""

    def __init__(
        self, story: Story, texts: Mapping[str, str] | None = None, above: Veil | None = None
    ) -> None:
        """
        Args:
            texts: by unit, what it said, if the events do not tell.
            above: of the run that has started this one.
        """
        veil = self.veil = Veil(story.definition, above)
        self.definition = story.definition
        self.state = veil.state(story.state)
        self.events = [veil.event(event) for event in story.events]
        self.below = story.below
        self._texts = {unit: veil.text(said) for unit, said in (texts or {}).items()}
        self._prompts = veil.value({unit: list(map(dict, said)) for unit, said in story.prompts.items()})
        self._streams = Streams()
        previous: dict[str, Any] = {}
        for event in self.events:
            if event.type in (EventType.NODE_OUTPUT, EventType.NODE_LOG):
                self._streams.take(event)
            take_previous(previous, event)
        self.spans: dict[str, list[Span]] = spans_of(self.definition, self.state, self.events)
        self.given = GivenValues(self.definition, self.state, previous)

    def said(self, unit: str) -> dict[str, str]:
        """What it said, each kind by itself: `text`, `thinking`, `tools`, `log`; without empty ones."""
        stream = self._streams.units.get(unit, Stream())
        lanes = {"text": "", "thinking": "", "tools": "", "log": ""}
        for kind, words in stream.pieces:
            lanes[kind if kind in lanes else "tools"] += words if kind in lanes else f"{kind}: {words}"
        lanes["text"] = self._texts.get(unit, lanes["text"])
        return {lane: words for lane, words in lanes.items() if words.strip()}

    def prompt(self, unit: str) -> list[dict[str, str]]:
        """The messages its model was sent; [] if they are not known."""
        return list(self._prompts.get(unit, ()))


class Room:
    """What may yet be told on a page."""

    def __init__(self) -> None:
        self._left = MOST_CHARACTERS

    @property
    def is_over(self) -> bool:
        return self._left <= 0

    def used(self, told: str) -> str:
        """The same text, counted."""
        self._left -= len(told)
        return told
