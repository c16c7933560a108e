"""What expressions and prompts read, and the edges that makes (SEMANTICS 1, 34)."""

from __future__ import annotations

import functools
from typing import Literal

from tinyflow_nb.language.draft import NodeDraft
from tinyflow_nb.language.graph import EdgeKind, Graph
from tinyflow_nb.language.source import At
from tinyflow_nb.language.words import did_you_mean
from tinyflow_nb.language.written import Written
from tinyflow_nb.model.definition import Parameter

Role = Literal["when", "until", "each", "condition", "inputs", "initial", "prompt"]


class Texts:
    """Resolves the names in every node's texts."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.report = graph, graph.report

    def resolve(self, draft: NodeDraft) -> None:
        read: set[str] = set()
        for written in draft.inputs.values():
            read |= self._read(draft, written, "inputs")
        if draft.each is not None:
            self._read(draft, draft.each.items, "each")
            if draft.each.condition is not None:
                self._read(draft, draft.each.condition, "condition")
        for written in draft.initial_texts():
            read |= self._read(draft, written, "initial")
        prompt = draft.prompt()
        if prompt is not None:
            read |= self._read(draft, prompt, "prompt")
            prompt.check_braces(self.report, self.graph.known(draft))
        if draft.until is not None:
            until = self._read(draft, draft.until, "until")
            read |= until
            if until and draft.id not in until:
                self.report.add(
                    draft.until.place(self.report, 0),
                    f"`until=` never changes: it doesn't name {draft.id!r}",
                    f"{draft.id!r} is its newest output there",
                )  # fmt: skip
        if draft.when is not None:
            self._read(draft, draft.when, "when")
        if draft.each is not None:
            taken = read | {p.name for p in draft.parameters}
            if not taken & set(draft.each.variables):
                name = draft.each.variables[0]
                self.report.add(
                    draft.each.literal, f"{draft.id!r} does not use the loop variable {name!r}",
                    f"add it to the parameters: `def {draft.id}({name}, ...)`",
                )  # fmt: skip

    def _read(self, draft: NodeDraft, written: Written, role: Role) -> set[str]:
        """Resolves the names one text reads, makes its edges, and returns the names."""
        names = written.names(self.report)
        parameters = {p.name: p for p in draft.parameters}
        variables = draft.each.variables if draft.each else ()
        for name in sorted(names):
            place = functools.partial(written.place_of, self.report, name)
            if name in variables and role not in ("when", "each"):
                continue
            if role in ("prompt", "until", "initial") and name in parameters and name != draft.id:
                self._parameter_in_text(draft, parameters[name], place, role)
            elif name == draft.id:
                self._own_name(draft, role, place, name in parameters)
            elif name in self.graph.nodes:
                kind: EdgeKind = "order" if role in ("when", "until") else "data"
                self.graph.check_not_failed(draft, name, place)
                self.graph.edge(draft, name, kind, place, required=False)
            elif name in self.graph.inputs:
                continue
            elif name in self.graph.bound:
                self.graph.used_bindings.add(name)
            elif name in self.graph.cell.assigned:
                self._constant(name, role, place)
            else:
                self._unknown(draft, name, role, place)
        return set(names)

    def _parameter_in_text(self, draft: NodeDraft, parameter: Parameter, place: At, role: Role) -> None:
        if parameter.source == "context":
            self.report.add(
                place, f"{parameter.name!r} is the execution context: a text can't show it",
                "take what you need from it in a code node",
            )  # fmt: skip

    def _own_name(self, draft: NodeDraft, role: Role, place: At, is_parameter: bool) -> None:
        if role == "until" or (draft.until is not None and role in ("prompt", "inputs") and is_parameter):
            return
        option = {"prompt": "its own prompt", "condition": "`each=`"}.get(role, f"`{role}=`")
        hint = "name another node"
        if draft.until is not None and role in ("prompt", "inputs"):
            hint = f"for its last output add the parameter `{draft.id}=None`"
        self.report.add(place, f"{draft.id!r} has no output yet in {option}", hint)

    def _constant(self, name: str, role: Role, place: At) -> None:
        if self.graph.cell.words.of_call(self.graph.cell.assigned[name]) == "secret":
            what = "prompts" if role == "prompt" else "expressions"
            self.report.add(place, f"{name!r} is a secret: it can't be used in {what}",
                            "use it in code or options")  # fmt: skip
            return
        self.graph.constants.setdefault(name, place)

    def _unknown(self, draft: NodeDraft, name: str, role: Role, place: At) -> None:
        if role in ("when", "each") and draft.each and name in draft.each.variables:
            message = (
                f"the loop variable {name!r} is not known in `{role}=`: it is judged once, before the loop"
            )
            hint = f'choose items there: each="{name} in ... if ..."'
        elif name in self.graph.tools or name in self.graph.cell.functions:
            message, hint = f"{name!r} is a function, and no node", "expressions and prompts read values"
        elif name in self.graph.cell.classes or name in self.graph.cell.imports:
            message, hint = f"{name!r} is no value that an expression can read", "write the value itself"
        else:
            message = f"{name!r} is no node, input or constant"
            hint = did_you_mean(name, self.graph.known(draft)) or self._introduce(draft, name, role)
        self.report.add(place, message, hint)

    def _introduce(self, draft: NodeDraft, name: str, role: Role) -> str:
        if self.graph.cell.inputs or role != "prompt":
            return f"if it is an input, declare it at the top: `{name}: str`"
        return f"if it is an input, add it to the parameters: `def {draft.id}({name}, ...)`"
