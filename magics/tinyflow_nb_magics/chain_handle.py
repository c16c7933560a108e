"""ChainHandle: what a `%%tinyflow NAME` cell binds under NAME."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tinyflow_nb.errors import DefinitionError, InputError, InvalidOperation, Problem
from tinyflow_nb_magics import notebook
from tinyflow_nb_magics.cell_errors import CellDefinitionError
from tinyflow_nb_magics.chain_help import described, with_inputs
from tinyflow_nb_magics.mappings import one_mapping
from tinyflow_nb_magics.run_handle import RunHandle
from tinyflow_nb_magics.session import Session

if TYPE_CHECKING:
    from tinyflow_nb.engine.pins import LocalChain
    from tinyflow_nb.model.definition import ChainDefinition
    from tinyflow_nb_magics.single_node import Messages


class ChainHandle:
    """Starts runs of one definition; running its cell again binds a new handle."""

    def __init__(
        self, session: Session, definition: ChainDefinition, *, bindings: Mapping[str, Any] | None = None,
        reference: str = "", newest: RunHandle | None = None,
    ) -> None:  # fmt: skip
        """
        Args:
            bindings: the notebook's values the cell took by copy (`--bind`).
            reference: `name@3` if it is published; runs then are of that version.
            newest: the newest run of the handle this one replaces.
        """
        self.definition = definition
        self._session = session
        self._bindings = dict(bindings or {})
        self._reference = reference
        self._newest = newest
        vars(self)["start"] = with_inputs(self.start, definition)

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def reference(self) -> str:
        """How its runs name it: `support_triage@3`, or `support_triage@#1f2e3d4c`."""
        return self._reference or self.definition.short_ref

    @property
    def last(self) -> RunHandle:
        """The newest run of this name in this notebook.

        Raises:
            InvalidOperation: there is none yet.
        """
        if self._newest is None:
            raise InvalidOperation(f"{self.name} has no run yet: {self.name}.start({self._call_hint()})")
        return self._newest

    @property
    def has_run(self) -> bool:
        return self._newest is not None

    def start(
        self, values: Mapping[str, Any] | None = None, /, *, deadline: float | str | None = None,
        given: Mapping[str, Any] | None = None, **inputs: Any,
    ) -> RunHandle:  # fmt: skip
        """Start a run and return at once. Inputs go by keyword or as one dict.

        Args:
            deadline: seconds the run may take, waiting for people included; also "3m".

        Raises:
            InputError: an input is missing, unknown or wrong; nothing was started.
            DefinitionError, CycleError: a chain it calls is not there, not so, or calls it in turn.
        """
        if given is not None:
            raise InvalidOperation("start(given=...), presetting nodes' outputs, is not there yet")
        run_id = self._session.start(
            self._reference or self.definition, self.plain_inputs(_by_name(values, inputs)),
            deadline=seconds_of(deadline), bindings=self._bindings, chains=self._neighbours(),
        )  # fmt: skip
        self._newest = RunHandle(self._session, run_id)
        return self._newest

    def plain_inputs(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The notebook's objects as plain JSON, by copy.

        Raises:
            InputError: one can't be JSON.
        """
        from tinyflow_nb.errors import ValueNotJson
        from tinyflow_nb.language.values import from_json, to_json

        try:
            return {name: from_json(to_json(value, None, f"input {name}")) for name, value in inputs.items()}
        except ValueNotJson as error:
            raise InputError(f"{self.name} was not started: {error}") from None

    def prompt(self, node: str, values: Mapping[str, Any] | None = None, /, **by_name: Any) -> Messages:
        """The messages an `@llm` node would send, given what it reads; no model is called.

        Raises:
            InvalidOperation: no such node, or it asks no model.
            InputError: a value it needs is missing or unknown.
            NotTrusted: it is the chain of somebody who is not trusted here.
        """
        from tinyflow_nb_magics.single_node import prompt_alone

        given = _by_name(values, by_name)
        self._check_trust()
        return self._session.call(prompt_alone(self.definition, self._bindings, node, given))

    def call(self, node: str, values: Mapping[str, Any] | None = None, /, **by_name: Any) -> Any:
        """Run one node by itself, once, given what it reads; gives its output as plain JSON. Nothing
        is kept. Of an `each` node it runs one item.

        Raises:
            InvalidOperation: no such node, or it asks a person.
            InputError: a value it needs is missing or unknown.
            NotTrusted: it is the chain of somebody who is not trusted here.
            Exception: what the node itself raises.
        """
        from tinyflow_nb_magics.single_node import call_alone

        given = _by_name(values, by_name)
        self._check_trust()
        return self._session.call(call_alone(self.definition, self._bindings, node, given))

    def publish(self) -> str:
        """Make this definition the current version of its name; returns `name@3`.

        Raises:
            InvalidOperation: it takes values of this notebook.
            CellDefinitionError: a chain it calls is not published, or does not fit.
            CycleError: it would close a circle of calls; nothing changed.
        """
        if self.definition.bindings:
            names = ", ".join(self.definition.bindings)
            raise InvalidOperation(f"{self.name} takes {names} from this notebook (--bind): make it an input")
        work = self._session.executor.publish(self.definition, who=getpass.getuser(), origin=notebook.path())
        try:
            self._reference = self._session.call(work)
        except DefinitionError as error:
            raise CellDefinitionError(error, self.definition.source, "nothing was published") from None
        return self._reference

    def call_problems(self) -> list[Problem]:
        """What is wrong with the chains it calls, at its lines; nothing is run."""
        work = self._session.executor.call_problems(self.definition, self._neighbours())
        return self._session.call(work)

    def _neighbours(self) -> dict[str, LocalChain]:
        """This notebook's cells, which `@chain("name")` means first, and this one by its name."""
        if all(node.type != "chain" for node in self.definition.nodes):
            return {}
        from tinyflow_nb.engine.pins import LocalChain

        bound = {name: v for name, v in notebook.variables().items() if isinstance(v, ChainHandle)}
        handles = {name: handle for name, handle in bound.items() if handle.name == name}
        handles[self.name] = self
        return {name: LocalChain(h.definition, h._bindings) for name, h in handles.items()}

    def _check_trust(self) -> None:
        """Before its code is loaded here. What no store gave is the notebook's own. Raises NotTrusted."""
        if self._session.is_open:
            vetting = self._session.executor.registry.vetting
            self._session.call(vetting.may_load(self.definition, self.reference))

    # ------------------------------------------------------------------ showing

    def _call_hint(self) -> str:
        return ", ".join(f"{i.name}=..." for i in self.definition.inputs if i.required)

    def getdoc(self) -> str:
        """What `NAME?` shows."""
        return described(self.definition)

    def __repr__(self) -> str:
        nodes = ", ".join(node.id for node in self.definition.nodes)
        inputs = ", ".join(
            i.name if i.required else f"{i.name}={i.default!r}" for i in self.definition.inputs
        )
        return f"<chain {self.name}({inputs}): {nodes}>"

    def svg(self) -> str:
        """Its graph as one SVG that needs nothing else."""
        from tinyflow_nb_widgets import render_svg

        return render_svg(self.definition)

    def mermaid(self) -> str:
        """Its graph as Mermaid text."""
        from tinyflow_nb_widgets import render_mermaid

        return render_mermaid(self.definition)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        svg = self.svg()
        return {"text/plain": repr(self), "image/svg+xml": svg, "text/html": svg}


def _by_name(values: Any, keywords: dict[str, Any]) -> Mapping[str, Any]:
    given = one_mapping(values, keywords)
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InputError(f"inputs go by keyword or as one dict: {given!r} has no name")
    return given


def seconds_of(deadline: float | str | None) -> float | None:
    """Raises InputError if it is no length of time."""
    if deadline is None:
        return None
    from tinyflow_nb.language.durations import seconds

    try:
        return seconds(float(deadline) if _is_number(deadline) else deadline)
    except ValueError as error:
        raise InputError(f"deadline {deadline!r}: it takes {error}") from None


def _is_number(text: float | str) -> bool:
    return not isinstance(text, str) or text.replace(".", "", 1).isdigit()
