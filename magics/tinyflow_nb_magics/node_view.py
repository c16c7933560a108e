"""NodeView: one node of one run, or one item of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyflow_nb.model.events import EventType
from tinyflow_nb.model.status import Status
from tinyflow_nb.model.trigger import item_of, node_of
from tinyflow_nb_magics.mappings import one_mapping
from tinyflow_nb_magics.session import Session

if TYPE_CHECKING:
    from tinyflow_nb.model.state import NodeState
    from tinyflow_nb_magics.single_node import Messages


class NodeView:
    """Each property reads the run anew."""

    __slots__ = ("_path", "_run_id", "_session", "unit")

    def __init__(self, session: Session, run_id: str, unit: str, path: str = "") -> None:
        """
        Args:
            path: from the run it was asked of, if it is in a chain below.
        """
        self._session = session
        self._run_id = run_id
        self._path = path or unit
        self.unit = unit
        """`draft`, or `draft[3]`."""

    @property
    def state(self) -> NodeState:
        """Everything known of it."""
        state = self._session.call(self._session.executor.state(self._run_id))
        node = state.nodes[node_of(self.unit)]
        item = item_of(self.unit)
        return node if item is None else (node.items or [])[item]

    @property
    def status(self) -> Status:
        return self.state.status

    @property
    def output(self) -> Any:
        """As plain JSON; None until there is one."""
        return self.state.output

    @property
    def inputs(self) -> dict[str, Any]:
        """What it was given, by name, as plain JSON, an expression as it came out; without what is not
        known, or not yet."""
        return self._session.call(self._inputs())

    async def _inputs(self) -> dict[str, Any]:
        from tinyflow_nb.engine.given import GivenValues, take_previous

        executor = self._session.executor
        state = await executor.state(self._run_id)
        definition = await executor.registry.get(state.definition_hash)
        previous: dict[str, Any] = {}
        if definition.node(node_of(self.unit)).until:
            for event in await executor.recorded(self._run_id):
                take_previous(previous, event)
        values = GivenValues(definition, state, previous).of(self.unit)
        return {value.name: value.value for value in values if value.known}

    @property
    def error(self) -> dict[str, Any] | None:
        """`type`, `message`, `attempt`, `line`, `traceback`, for a model its raw `answer`."""
        return self.state.error

    @property
    def usage(self) -> dict[str, Any] | None:
        """Tokens and the model of an `@llm` node."""
        return self.state.usage

    @property
    def log(self) -> str:
        """What its newest attempt printed and logged."""
        return self._session.call(self._log())

    async def _log(self) -> str:
        lines: dict[tuple[int, int], list[str]] = {}
        for event in await self._session.executor.recorded(self._run_id):
            if event.type is EventType.NODE_LOG and event.node.partition("#")[0] == self.unit:
                attempt = (event.data.get("round", 1), event.data.get("attempt", 1))
                lines.setdefault(attempt, []).append(event.data["text"])
        return "".join(lines[max(lines)]) if lines else ""

    @property
    def prompt(self) -> Messages:
        """What an `@llm` node is sent, rendered from this run's values; no model is called.

        Raises:
            InvalidOperation: it is no `@llm` node, or a node it reads has not ended.
        """
        from tinyflow_nb_magics.single_node import prompt_in_run

        return self._session.call(prompt_in_run(self._session.executor, self._run_id, self.unit))

    def resume(self, answer: Any = None, /, **fields: Any) -> None:
        """Answer it: fields by keyword or as one dict; a form of one value takes it.

        Raises:
            ResumeError: it does not wait, or the answer does not fit; nothing changed.
        """
        self._session.resume(self._run_id, one_mapping(answer, fields), node=self.unit)

    def __repr__(self) -> str:
        return f"<{self._path} of run {self._run_id}: {self.status}>"
