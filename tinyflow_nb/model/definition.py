"""ChainDefinition: a chain as pure data, the same in a cell, a file, a store or on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from tinyflow_nb.model.lanes import TAG

SCHEMA_VERSION = 1

ParameterSource = Literal["node", "input", "expression", "item", "previous", "error", "context"]
"""Where a parameter's value comes from: a node's output, a chain input, an expression of
`inputs=`, a loop variable of `each=`, the node's own last output (`until=`), the error a handler
is given, or the ExecutionContext."""


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Parameter(Frozen):
    """One parameter of a node's function, resolved to its source."""

    name: str
    source: ParameterSource
    reference: str = ""
    """Node id, input name, expression text or loop variable, as `source` says."""
    required: bool = True
    """False if the function gives it a default, so that a skipped parent is tolerated."""


class Retry(Frozen):
    """Exponential backoff with jitter: `max` further attempts, seconds between them. The n-th wait
    is `wait * 2**(n-1)`, at most `max_wait`, of which a random half is taken off."""

    max: int = Field(3, ge=0, le=1000)
    wait: float = Field(1.0, ge=0)
    max_wait: float = Field(60.0, ge=0)
    on: tuple[str, ...] = ()
    """Names of the exception classes to retry on; empty means any."""


class OnError(Frozen):
    """What a node's last failure does: end the run, skip the node, give a value, call a handler."""

    kind: Literal["fail", "skip", "default", "handler"] = "fail"
    value: JsonValue = None
    handler: str = ""


class Each(Frozen):
    """`each="q, a in pairs if q"`: one item of the list an expression gives, per unit of work."""

    variables: tuple[str, ...]
    items: str
    condition: str = ""


class NodeDefinition(Frozen):
    """One node. `options` belongs to its type (a model's name, a form, ...) and is its schema's."""

    id: str
    type: str = "code"
    description: str = ""
    line: int = 0
    """Line of its `def` in the chain's source, from 1; 0 if it has no source."""
    parameters: tuple[Parameter, ...] = ()
    when: str = ""
    after: tuple[str, ...] = ()
    join: Literal["all", "any"] = "all"
    each: Each | None = None
    max_concurrency: int = Field(16, ge=1)
    until: str = ""
    max_rounds: int = Field(10, ge=1)
    on_exhausted: Literal["result", "fail"] = "result"
    retry: Retry = Retry(max=0)
    timeout: float | None = Field(None, gt=0)
    """Seconds per attempt (on a form: to answer); None takes the type's default."""
    on_error: OnError = OnError()
    cache: bool | None = None
    result: bool = False
    tags: tuple[Annotated[str, Field(pattern=TAG)], ...] = ()
    output_schema: dict[str, Any] | None = None
    """JSON Schema of what it gives (of one item, with `each`); None if it is not annotated."""
    options: dict[str, JsonValue] = {}


class Edge(Frozen):
    """`data`: the target reads the source's output. `order`: it only waits for it (SEMANTICS 1).
    `handler`: the target stands in when the source fails (SEMANTICS 5)."""

    source: str
    target: str
    kind: Literal["data", "order", "handler"] = "data"
    required: bool = True
    """Data edges: whether a skipped source skips the target (SEMANTICS 2)."""


class InputDefinition(Frozen):
    """One input of the chain; its type as JSON Schema."""

    name: str
    json_schema: dict[str, Any] = {}
    required: bool = True
    default: JsonValue = None
    description: str = ""


class ChainSettings(Frozen):
    """What `CHAIN = Chain(...)` sets in the cell."""

    deadline: float | None = Field(None, gt=0)
    """Seconds a run may take, waiting for people included; None: no limit."""
    max_concurrency: int | None = Field(None, ge=1)
    """Nodes of one run that may run at once; None: as many as the process allows."""


class ChainDefinition(Frozen):
    """A chain: its source, its graph and the types at its edges.

    `hash` is the hex SHA-256 of its content by SEMANTICS 39. Build one with `from_source` or
    `from_json`; a definition whose graph or hash is not what its source says is refused.
    """

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=120)
    description: str = ""
    language: Literal["python"] = "python"
    source: str = ""
    nodes: tuple[NodeDefinition, ...]
    edges: tuple[Edge, ...] = ()
    inputs: tuple[InputDefinition, ...] = ()
    constants: dict[str, JsonValue] = {}
    """JSON constants of the cell that expressions and prompts may name."""
    bindings: tuple[str, ...] = ()
    """Names the source takes from outside (`--bind`): their values belong to the run."""
    output_schema: dict[str, Any] | None = None
    settings: ChainSettings = ChainSettings()
    hash: str

    @classmethod
    def from_source(cls, text: str, name: str) -> ChainDefinition:
        """The definition in a cell's or file's Python text.

        Raises:
            DefinitionError: with every mistake's line, column, message and hint.
        """
        from tinyflow_nb.language import parse

        return parse(text, name)

    @classmethod
    def from_json(cls, text: str | bytes) -> ChainDefinition:
        """The inverse of `to_json`; the text is not trusted: its graph and hash are checked.

        Raises:
            DefinitionError: it is not a definition, is of a newer schema, or lies.
        """
        from tinyflow_nb.language import load

        return load(text)

    def to_json(self) -> str:
        return self.model_dump_json()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        from tinyflow_nb.model.graph import check_graph

        check_graph(self)
        return self

    def node(self, id: str) -> NodeDefinition:
        """Raises KeyError if the chain has no such node."""
        for node in self.nodes:
            if node.id == id:
                return node
        raise KeyError(id)

    @property
    def short_ref(self) -> str:
        """How an unpublished definition is named: `name@#1f2e3d4c`."""
        return f"{self.name}@#{self.hash[:8]}"

    def results(self) -> tuple[str, ...]:
        """Ids of the nodes whose outputs are the chain's result (SEMANTICS 6)."""
        marked = tuple(n.id for n in self.nodes if n.result)
        if marked:
            return marked
        consumed = {e.source for e in self.edges if e.kind == "data"}
        handlers = {n.on_error.handler for n in self.nodes if n.on_error.kind == "handler"}
        return tuple(n.id for n in self.nodes if n.id not in consumed | handlers)
