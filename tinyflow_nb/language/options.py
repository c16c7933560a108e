"""From a function's decorator to the options of its node."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from tinyflow_nb import decorators
from tinyflow_nb.language import option_values
from tinyflow_nb.language.cell import Cell
from tinyflow_nb.language.draft import NodeDraft
from tinyflow_nb.language.each import read_each
from tinyflow_nb.language.literals import NotLiteral
from tinyflow_nb.language.node_type import check_type, checked_options
from tinyflow_nb.language.source import Report
from tinyflow_nb.language.words import DECORATORS, LATER, did_you_mean
from tinyflow_nb.language.written import Written
from tinyflow_nb.model.definition import OnError

_EXPRESSIONS: Final = ("when", "until", "each", "inputs", "on_error")
_COMMON: Final = (*_EXPRESSIONS, "join", "result", "after", *option_values.PLAIN)
_OWN: Final = {
    "node": ("type", "options"), "confirm": ("initial",), "llm": ("tools", *option_values.OF_LLM),
    "chain": ("on_parent_close",),
}  # fmt: skip
_NOT_YET: Final = {"back_to": "loops over several nodes are not available yet"}
_MODEL_SETTINGS: Final = (
    "temperature", "max_tokens", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty",
    "stop_sequences", "parallel_tool_calls", "extra_body", "thinking",
)  # fmt: skip
_MISPLACED: Final = {
    "prompt": "the docstring is the prompt", "output_type": "the return annotation is the output's type",
    "system": "write a body: then the docstring is the system prompt and the body returns the prompt",
    "models": "give the models in a list: @llm([...])", "stream": "text always streams",
}  # fmt: skip


class OptionReader:
    """Reads one decorated function after the other."""

    def __init__(self, cell: Cell, report: Report, *, any_type: bool) -> None:
        self.cell, self.report, self.any_type = cell, report, any_type

    def read(self, draft: NodeDraft) -> None:
        """Fills the draft from its decorator; what is wrong is reported."""
        call = draft.decorator
        if draft.type == "chain" and not (isinstance(call, ast.Call) and call.args):
            self.report.add(call or draft.function, "@chain must be told which chain", _EXAMPLES["ref"])
        if not isinstance(call, ast.Call):
            return
        self._positional(draft, call)
        for keyword in call.keywords:
            self._keyword(draft, keyword)
        self._combinations(draft, call)

    def _positional(self, draft: NodeDraft, call: ast.Call) -> None:
        rest = call.args
        if draft.type == "llm" and rest:
            draft.given["model"] = rest[0]
            self._plain(draft, "model", rest[0])
            rest = rest[1:]
            if rest:
                hint = "list several models: @llm([...]); the docstring is the prompt"
                self.report.add(rest[0], "@llm takes one value by position: the model", hint)
        elif draft.type == "chain" and rest:
            draft.given["ref"] = rest[0]
            self._structural(draft, "ref", rest[0])
            if rest[1:]:
                self.report.add(rest[1], "@chain takes one value by position: the other chain's name")
        elif rest:
            self.report.add(rest[0], f"@{draft.word} takes its options by name", "write `option=value`")

    def _keyword(self, draft: NodeDraft, keyword: ast.keyword) -> None:
        name, value = keyword.arg, keyword.value
        if name is None:
            self.report.add(
                keyword.value, "options can't be unpacked with `**`", "write each as `option=value`"
            )
            return
        word = draft.word
        own = _OWN[word]
        if name in _NOT_YET:
            self.report.add(keyword, f"`{name}=`: {_NOT_YET[name]}")
        elif name in _COMMON or name in own:
            if name in draft.given:
                self.report.add(keyword, f"`{name}=` is given twice")
                return
            draft.given[name] = value
            self._option(draft, name, value)
        elif draft.type == "llm" and not self._near_miss(name):
            self._setting(draft, name, value)
        else:
            known = [*_COMMON, *own, *(_MODEL_SETTINGS if draft.type == "llm" else ())]
            of = next((w for w, options in _OWN.items() if name in options), "")
            hint = did_you_mean(name, known) or (
                f"it belongs to @{of}"
                if of
                else _MISPLACED.get(name, f"@{word} knows {', '.join(sorted(known))}")
            )
            self.report.add(keyword, f"@{word} has no option {name!r}", hint)

    @staticmethod
    def _near_miss(name: str) -> bool:
        if name in _MODEL_SETTINGS:
            return False
        return name in _MISPLACED or name in (*_OWN["confirm"], *_OWN["node"]) or bool(
            did_you_mean(name, [*_COMMON, *_OWN["llm"], *_MODEL_SETTINGS])
        )  # fmt: skip

    def _option(self, draft: NodeDraft, name: str, value: ast.expr) -> None:
        match name:
            case "when" | "until":
                literal = self._text(name, value)
                if literal is not None:
                    setattr(draft, name, Written(str(literal.value), literal))
            case "type":
                self._type(draft, value)
            case "options":
                self._type_options(draft, value)
            case "each":
                literal = self._text(name, value)
                if literal is not None:
                    draft.each = read_each(literal, self.report)
            case "inputs":
                draft.inputs = dict(self._expressions(name, value))
            case "initial":
                if isinstance(self.cell.literals.node(value), ast.Dict):
                    draft.initial = dict(self._expressions(name, value))
                elif (literal := self._text(name, value)) is not None:
                    draft.initial = Written(str(literal.value), literal)
            case "on_error":
                self._on_error(draft, value)
            case "tools":
                self._tools(draft, value)
            case "after":
                self._after(draft, value)
            case "join" | "result" | "on_parent_close":
                self._structural(draft, name, value)
            case _:
                self._plain(draft, name, value)

    def _type(self, draft: NodeDraft, value: ast.expr) -> None:
        literal = self._text("type", value)
        if literal is None:
            return
        type_ = str(literal.value)
        if check_type(type_, value, self.report, may_be_elsewhere=self.any_type):
            draft.type = type_

    def _type_options(self, draft: NodeDraft, value: ast.expr) -> None:
        try:
            plain = option_values.json_value(self.cell.literals.value(value))
            draft.type_options = checked_options(plain)
        except NotLiteral as error:
            self._must_be("options", value, error.at, "a dict of literals")
        except ValueError as error:
            self.report.add(value, f"`options=` must be {error}")

    def _text(self, name: str, value: ast.expr) -> ast.Constant | None:
        literal = self.cell.literals.node(value)
        if isinstance(literal, ast.Constant) and isinstance(literal.value, str):
            return literal
        self._must_be(name, value, literal, "a text")
        return None

    def _must_be(self, name: str, value: ast.expr, literal: ast.expr, what: str) -> None:
        if isinstance(literal, ast.JoinedStr):
            message, hint = f"{_shown(name)} can't be an f-string", "write names into the expression itself"
            hint = _EXAMPLES["ref"] if name == "ref" else hint
        elif isinstance(literal, (ast.Constant, ast.List, ast.Dict, ast.Tuple)):
            message, hint = f"{_shown(name)} must be {what}", _EXAMPLES.get(name, "")
        elif isinstance(value, ast.Name) and value.id in self.cell.functions:
            message, hint = f"{_shown(name)} takes the name as a text", f'write "{value.id}"'
        else:
            message = (
                f"{_shown(name)} must be written out: it shapes the graph, which is read without running"
            )
            hint = "write a literal, or the name of a constant that is one"
        self.report.add(value, message, hint)

    def _expressions(self, name: str, value: ast.expr) -> Iterator[tuple[str, Written]]:
        table = self.cell.literals.node(value)
        if not isinstance(table, ast.Dict):
            self._must_be(name, value, table, "a dict of expressions")
            return
        for key, item in zip(table.keys, table.values, strict=True):
            key_literal = None if key is None else self.cell.literals.node(key)
            if not isinstance(key_literal, ast.Constant) or not isinstance(key_literal.value, str):
                self._must_be(name, key or item, key_literal or item, "a dict from names to expressions")
                continue
            literal = self._text(name, item)
            if literal is not None:
                yield key_literal.value, Written(str(literal.value), literal)

    def _after(self, draft: NodeDraft, value: ast.expr) -> None:
        literal = self.cell.literals.node(value)
        items = literal.elts if isinstance(literal, (ast.List, ast.Tuple)) else [value]
        for item in items:
            text = self._text("after", item)
            if text is not None:
                draft.after.setdefault(str(text.value), item)

    def _on_error(self, draft: NodeDraft, value: ast.expr) -> None:
        target = self.cell.literals.node(value)
        if isinstance(target, ast.Call) and self.cell.words.of_call(target) == "default":
            if len(target.args) != 1 or target.keywords:
                self.report.add(target, "default() takes one value", "write on_error=default(0)")
                return
            try:
                given = option_values.json_value(self.cell.literals.value(target.args[0]))
            except NotLiteral as error:
                self._must_be("on_error", target.args[0], error.at, "a value")
            except ValueError as error:
                self.report.add(target.args[0], f"default() must be given {error}")
            else:
                draft.on_error = OnError(kind="default", value=given)
            return
        text = self._text("on_error", value)
        if text is None:
            return
        if text.value in ("fail", "skip"):
            draft.on_error = OnError(kind=text.value)
        else:
            draft.on_error = OnError(kind="handler", handler=str(text.value))

    def _tools(self, draft: NodeDraft, value: ast.expr) -> None:
        if not isinstance(value, (ast.List, ast.Tuple)):
            self.report.add(value, "`tools=` must be a list of functions", "write tools=[search, lookup]")
            return
        for item in value.elts:
            if not isinstance(item, ast.Name):
                self.report.add(
                    item, "`tools=` must name functions", "define it in the cell and name it here"
                )
                continue
            function = self.cell.functions.get(item.id)
            if function is not None and function.lineno > draft.function.lineno:
                self.report.add(
                    item, f"the tool {item.id!r} is defined further down", f"move it above {draft.id!r}"
                )
            draft.tools.append(item.id)

    def _structural(self, draft: NodeDraft, name: str, value: ast.expr) -> None:
        try:
            plain = self.cell.literals.value(value)
        except NotLiteral as error:
            self._must_be(name, value, error.at, "a literal")
            return
        self._checked(draft, name, value, plain)

    def _checked(self, draft: NodeDraft, name: str, at: ast.expr, value: object) -> None:
        check = (option_values.STRUCTURAL | option_values.PLAIN | option_values.OF_LLM)[name]
        try:
            draft.settled[name] = check(value)
        except ValueError as error:
            self.report.add(at, f"{_shown(name)} must be {error}")

    def _plain(self, draft: NodeDraft, name: str, value: ast.expr) -> None:
        try:
            plain = self._evaluated(value)
        except NotLiteral:
            draft.deferred[name] = value
            return
        if plain is not None or name not in ("model", "timeout"):
            self._checked(draft, name, value, plain)

    def _evaluated(self, value: ast.expr) -> object:
        """A literal, or a Retry made of literals and exception classes. Raises NotLiteral."""
        call = self.cell.literals.node(value)
        if not isinstance(call, ast.Call) or self.cell.words.of(call.func) != "Retry" or call.args:
            return self.cell.literals.value(value)
        given: dict[str, object] = {}
        for keyword in call.keywords:
            if keyword.arg is None:
                raise NotLiteral(call)
            if keyword.arg == "on":
                given["on"] = tuple(_class_names(keyword.value))
            else:
                given[keyword.arg] = self.cell.literals.value(keyword.value)
        try:
            return decorators.Retry(**given)  # type: ignore[arg-type]
        except TypeError:
            return given  # refused by the check: no Retry has such a field

    def _setting(self, draft: NodeDraft, name: str, value: ast.expr) -> None:
        draft.given[name] = value
        try:
            draft.settings[name] = option_values.json_value(self.cell.literals.value(value))
        except NotLiteral:
            draft.deferred_settings[name] = value
        except ValueError as error:
            self.report.add(value, f"`{name}=` must be {error}")

    def _combinations(self, draft: NodeDraft, call: ast.Call) -> None:
        for option, needed in (
            ("max_rounds", "until"),
            ("on_exhausted", "until"),
            ("max_concurrency", "each"),
            ("options", "type"),
        ):
            if option in draft.given and needed not in draft.given:
                self.report.add(
                    draft.given[option], f"`{option}=` means nothing without `{needed}=`",
                    f"add {needed}=, or leave it out",
                )  # fmt: skip
        if draft.type == "confirm" and "retry" in draft.given:
            self.report.add(
                draft.given["retry"], "a person's answer can't be retried",
                "leave retry= out; timeout= bounds the time to answer, then on_error= applies",
            )  # fmt: skip
        if draft.type == "chain" and "tags" in draft.given:
            self.report.add(
                draft.given["tags"], "an @chain node does no work itself",
                "give tags= to the nodes of the other chain",
            )  # fmt: skip


_EXAMPLES: Final = {
    "when": "write when=\"intent == 'bug'\"", "until": 'write until="draft.score > 0.9"',
    "each": 'write each="doc in docs"', "inputs": 'write inputs={"document": "question"}',
    "initial": 'write initial={"text": "draft"}', "after": 'write after="intent" or after=["a", "b"]',
    "type": 'write type="shout"', "options": 'write options={"loud": True}',
    "on_error": 'write "fail", "skip", default(v) or the name of a handler node',
    "ref": 'write @chain("doc_summary"), @chain("doc_summary@2") or @chain("doc_summary@prod")',
}  # fmt: skip


def _shown(option: str) -> str:
    """How messages name it: the other chain is given by position."""
    return "the chain" if option == "ref" else f"`{option}=`"


def _class_names(value: ast.expr) -> Iterator[str]:
    items = value.elts if isinstance(value, (ast.Tuple, ast.List)) else [value]
    for item in items:
        if isinstance(item, ast.Attribute):
            yield item.attr
        elif isinstance(item, ast.Name):
            yield item.id
        elif isinstance(item, ast.Constant) and isinstance(item.value, str):
            yield item.value
        else:
            raise NotLiteral(item)


def decorator_word(cell: Cell, decorator: ast.expr) -> str:
    """Which of this package's decorators it is, or ""."""
    word = cell.words.of_call(decorator) or cell.words.of(decorator)
    return word if word in DECORATORS or word in LATER else ""
