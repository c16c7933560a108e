"""A run as plainly as it can be said: no claims, no commits, no stores, only what must come out."""

from __future__ import annotations

from dataclasses import dataclass, field

TERMINAL = {"SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED"}
KEPT = {"SUCCEEDED", "SKIPPED"}
FORM_SECONDS = 20.0
DEADLINE_SECONDS = 60.0


@dataclass(frozen=True)
class Node:
    id: str
    """c0, c1 ... are code, q1 ... are forms."""
    parents: tuple[tuple[str, str], ...]
    """(node, how): "required", "default" or "after"."""
    when: str = ""
    """"", "never", or a node that must have succeeded."""
    failures: int = 0
    """Executions that fail before one succeeds."""
    retries: int = 0
    on_error: str = "fail"
    timed: bool = False
    """A form with a time to answer."""

    @property
    def is_form(self) -> bool:
        return self.id.startswith("q")

    def source(self) -> str:
        options = []
        if self.when:
            options.append(f'when="{"1 > 2" if self.when == "never" else self.when + " is defined"}"')
        if after := [p for p, how in self.parents if how == "after"]:
            options.append(f"after={after}")
        if self.retries:
            options.append(f"retry=Retry(max={self.retries}, wait=10, max_wait=10)")
        if self.timed:
            options.append(f"timeout={FORM_SECONDS:g}")
        if self.on_error != "fail":
            options.append("on_error=" + ('"skip"' if self.on_error == "skip" else 'default("given")'))
        required = [f"{p}: str" for p, how in self.parents if how == "required"]
        defaults = [f"{p}: str | None = None" for p, how in self.parents if how == "default"]
        if self.is_form:
            head = (
                f"@confirm({', '.join(options)})\ndef {self.id}({', '.join(required + defaults)}) -> str:\n"
            )
            return head + '    """?"""\n'
        parameters = ", ".join(["ctx: ExecutionContext", *required, *defaults])
        return f"@node({', '.join(options)})\nasync def {self.id}({parameters}) -> str:\n    return ''\n"


def output(node: str, parents: dict[str, str | None]) -> str:
    """What a code node gives."""
    told = ",".join(f"{p}={v}" for p, v in sorted(parents.items()))
    return node if len(told) > 200 else f"{node}({told})"


@dataclass
class NodeModel:
    status: str = "READY"
    value: str | None = None
    attempts: int = 0
    due: float | None = None
    """When its retry, or the end of its form's time, is due."""


@dataclass
class RunModel:
    nodes: tuple[Node, ...]
    now: float
    deadline: bool
    states: dict[str, NodeModel] = field(default_factory=dict)
    executions: dict[str, int] = field(default_factory=dict)
    status: str = "RUNNING"
    generation: int = 1
    ends: float | None = None
    uncertain: bool = False
    """It was ended while others were at work: how far those came is chance."""

    def __post_init__(self) -> None:
        self.states = {n.id: NodeModel() for n in self.nodes}
        self.ends = self.now + DEADLINE_SECONDS if self.deadline else None

    # ------------------------------------------------------------------ what people and time do

    def advance(self, now: float) -> None:
        self.now = now
        if self.status in TERMINAL:
            return
        for node in self.nodes:
            state = self.states[node.id]
            if state.due is not None and now >= state.due:
                state.due = None
                if node.is_form:
                    self._fail(node, state, final=True)
                else:
                    self._attempt(node, state)
        if self.ends is not None and now >= self.ends:
            self._end("FAILED")
            self.uncertain = True
        self.settle()

    def answer(self, node: str, value: str) -> None:
        self.states[node] = NodeModel("SUCCEEDED", value, self.states[node].attempts)
        self.settle()

    def stop(self) -> None:
        if self.status not in TERMINAL:
            self._end("CANCELLED")

    def retry(self) -> None:
        self.generation += 1
        self.status = "RUNNING"
        self.uncertain = False
        self.ends = self.now + DEADLINE_SECONDS if self.deadline else None
        for id, state in self.states.items():
            if state.status not in KEPT:
                self.states[id] = NodeModel()
        self.settle()

    # ------------------------------------------------------------------ what follows

    def settle(self) -> None:
        for node in self.nodes:  # parents come first
            state = self.states[node.id]
            if state.status == "READY" and state.due is None:
                parents = {p: self.states[p].status for p in self._all_parents(node)}
                if all(s in KEPT for s in parents.values()):
                    self._judge(node, state, parents)
        if self.status in TERMINAL:
            return
        statuses = [s.status for s in self.states.values()]
        if all(s in KEPT for s in statuses):
            self.status = "SUCCEEDED"
        elif "SUSPENDED" in statuses and not any(
            s.status == "READY" and s.due is not None for s in self.states.values()
        ):
            self.status = "SUSPENDED"
        else:
            self.status = "RUNNING"

    def _all_parents(self, node: Node) -> list[str]:
        return [p for p, _ in node.parents] + ([node.when] if node.when not in ("", "never") else [])

    def _judge(self, node: Node, state: NodeModel, parents: dict[str, str]) -> None:
        needed = [p for p, how in node.parents if how == "required"]
        unmet = node.when == "never" or (node.when and parents[node.when] == "SKIPPED")
        if unmet or any(parents[p] == "SKIPPED" for p in needed):
            state.status = "SKIPPED"
        elif node.is_form:
            state.status, state.attempts = "SUSPENDED", 1
            state.due = self.now + FORM_SECONDS if node.timed else None
        else:
            self._attempt(node, state)

    def _attempt(self, node: Node, state: NodeModel) -> None:
        state.attempts += 1
        count = self.executions[node.id] = self.executions.get(node.id, 0) + 1
        if count <= node.failures:
            self._fail(node, state, final=state.attempts > node.retries)
        else:
            read = {p: self.states[p].value for p, how in node.parents if how != "after"}
            state.status, state.value = "SUCCEEDED", output(node.id, read)

    def _fail(self, node: Node, state: NodeModel, *, final: bool) -> None:
        if not final:
            state.status, state.due = "READY", float("inf")  # the engine says when, within its bounds
        elif node.on_error == "skip":
            state.status = "SKIPPED"
        elif node.on_error == "default":
            state.status, state.value = "SUCCEEDED", "given"
        else:
            state.status = "FAILED"
            self._end("FAILED")
            self.uncertain = True

    def _end(self, status: str) -> None:
        if self.status not in TERMINAL:
            self.status = status
