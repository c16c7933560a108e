"""Veil: what a chain's types call secret is shown as dots.

So is the same text elsewhere in the run: a node may have passed it on.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tinyflow_nb.language.secret_fields import Path, changed, may_hold_secrets, secrets_in
from tinyflow_nb.model.events import Event, EventType
from tinyflow_nb.model.trigger import item_of, node_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinyflow_nb.language.form_schema import Schema
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb.model.state import ChainState, NodeState

DOTS = "••••••"
_SHORTEST = 4
"""Shorter texts would turn up in ordinary ones: they are hidden where the types say so, and nowhere else."""
_ASKED = ("schema", "initial")
"""Of an open form: shown to who fills it in, in fields that hide what they hold."""


class Veil:
    """Over one run; it remembers the secrets it has met."""

    def __init__(self, definition: ChainDefinition, above: Veil | None = None) -> None:
        """
        Args:
            above: of the run that has started this one: what is secret there is so here.
        """
        self._inputs: dict[str, Schema] = {
            i.name: i.json_schema for i in definition.inputs if may_hold_secrets(i.json_schema)
        }
        self._outputs: dict[str, Schema] = {
            n.id: n.output_schema for n in definition.nodes
            if n.output_schema and may_hold_secrets(n.output_schema)
        }  # fmt: skip
        self._each = {n.id for n in definition.nodes if n.each is not None}
        self._results = definition.results()
        self._above = above
        self._met: set[str] = set()

    @property
    def hides(self) -> bool:
        """Whether the chain has anything to hide."""
        return bool(self._inputs or self._outputs) or (self._above is not None and self._above.hides)

    @property
    def _words(self) -> set[str]:
        return self._met | self._above._words if self._above is not None else self._met

    def state(self, state: ChainState) -> ChainState:
        """A copy without secrets; the state itself if there is nothing to hide."""
        if not self.hides:
            return state
        shown = copy.deepcopy(state)
        for name in self._inputs.keys() & shown.inputs.keys():
            shown.inputs[name] = self._hidden(self._inputs[name], shown.inputs[name])
        for unit in shown.units():
            unit.output = self._output(unit.id, unit.output)
        if len(self._results) == 1:
            shown.result = self._output(self._results[0], shown.result)
        elif isinstance(shown.result, dict):
            shown.result = {id: self._output(id, value) for id, value in shown.result.items()}
        shown.inputs, shown.result, shown.error = map(self.value, (shown.inputs, shown.result, shown.error))
        for unit in shown.units():
            self._cover(unit)
        return shown

    def event(self, event: Event) -> Event:
        """A copy without secrets; the event itself if there is nothing to hide."""
        if not self.hides:
            return event
        data = dict(event.data)
        if event.type in (EventType.NODE_FINISHED, EventType.NODE_STARTED):
            for name in data.keys() & {"output", "previous"}:
                data[name] = self._output(event.node.partition("#")[0], data[name])
        return replace(event, data=self._form(data))

    def value(self, value: Any) -> Any:
        """JSON without the secrets met so far."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(part) for key, part in value.items()}
        return [self.value(part) for part in value] if isinstance(value, list) else value

    def text(self, text: str) -> str:
        """A text without the secrets met so far."""
        for word in sorted(self._words, key=len, reverse=True):
            text = text.replace(word, DOTS)
        return text

    def _cover(self, unit: NodeState) -> None:
        unit.output, unit.error, unit.reason = map(self.value, (unit.output, unit.error, unit.reason))
        if unit.waiting_for:
            unit.waiting_for = self._form(unit.waiting_for)

    def _form(self, data: dict[str, Any]) -> dict[str, Any]:
        return {key: part if key in _ASKED else self.value(part) for key, part in data.items()}

    def _output(self, unit: str, value: Any) -> Any:
        node = node_of(unit)
        schema = self._outputs.get(node)
        if schema is None:
            return value
        if node in self._each and item_of(unit) is None and isinstance(value, list):
            return [self._hidden(schema, item) for item in value]
        return self._hidden(schema, value)

    def _hidden(self, schema: Schema, value: Any) -> Any:
        return changed(value, secrets_in(schema, value), self._hide)

    def _hide(self, _: Path, secret: Any) -> str:
        text = secret if isinstance(secret, str) else json.dumps(secret)
        if len(text) >= _SHORTEST and text != DOTS:
            self._met |= {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
        return DOTS


def veiled(
    definition: ChainDefinition, state: ChainState, texts: Mapping[str, str] | None = None
) -> tuple[ChainState, dict[str, str]]:
    """A run and what its units said, to be shown."""
    veil = Veil(definition)
    return veil.state(state), {unit: veil.text(said) for unit, said in (texts or {}).items()}
